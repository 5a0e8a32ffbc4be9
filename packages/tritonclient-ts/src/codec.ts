import { invalidArgument } from './errors.ts'
import { bfloat16Bits, float16Bits, fromBfloat16Bits, fromFloat16Bits } from './half.ts'
import type { InferTensorContents } from './proto/service_pb.ts'

/** What `data` of an output holds. The 16-bit floats are widened, which loses nothing. */
export interface OutputData {
  /** 0 or 1. */
  BOOL: Uint8Array
  UINT8: Uint8Array
  UINT16: Uint16Array
  UINT32: Uint32Array
  UINT64: BigUint64Array
  INT8: Int8Array
  INT16: Int16Array
  INT32: Int32Array
  INT64: BigInt64Array
  FP16: Float32Array
  BF16: Float32Array
  FP32: Float32Array
  FP64: Float64Array
  BYTES: Uint8Array[]
}

/** What `data` of an input may hold. */
export interface InputData extends Omit<OutputData, 'BOOL' | 'FP16' | 'BF16' | 'BYTES'> {
  /** A byte that is not 0 is true. */
  BOOL: Uint8Array | readonly boolean[]
  /** Float32 is rounded to nearest, ties to even; Uint16Array is taken as the bits themselves. */
  FP16: Float32Array | Uint16Array
  BF16: Float32Array | Uint16Array
  /** Text is sent as UTF-8. */
  BYTES: readonly (string | Uint8Array)[]
}

/** Names of the element types in requests and answers. Source: KServe v2; BF16 is Triton's. */
export type Datatype = keyof OutputData

/** Of each datatype: the array of its elements on the wire, and the list in a message that may hold them one by one. */
const ELEMENTS = {
  BOOL: { array: Uint8Array, list: 'boolContents' },
  UINT8: { array: Uint8Array, list: 'uintContents' },
  UINT16: { array: Uint16Array, list: 'uintContents' },
  UINT32: { array: Uint32Array, list: 'uintContents' },
  UINT64: { array: BigUint64Array, list: 'uint64Contents' },
  INT8: { array: Int8Array, list: 'intContents' },
  INT16: { array: Int16Array, list: 'intContents' },
  INT32: { array: Int32Array, list: 'intContents' },
  INT64: { array: BigInt64Array, list: 'int64Contents' },
  FP16: { array: Uint16Array, list: undefined },
  BF16: { array: Uint16Array, list: undefined },
  FP32: { array: Float32Array, list: 'fp32Contents' },
  FP64: { array: Float64Array, list: 'fp64Contents' },
} as const satisfies Record<Exclude<Datatype, 'BYTES'>, object>

/** Names of the arrays that an input may hold, where it may hold others than those of the wire. */
const INPUT_ARRAYS: Readonly<Partial<Record<Datatype, readonly string[]>>> = {
  BOOL: ['Uint8Array', 'Array'],
  FP16: ['Float32Array', 'Uint16Array'],
  BF16: ['Float32Array', 'Uint16Array'],
}

/** Bytes of one element on the wire; 0 where elements differ in length. */
export const ITEM_BYTES = {
  ...Object.fromEntries(Object.entries(ELEMENTS).map(([name, { array }]) => [name, array.BYTES_PER_ELEMENT])),
  BYTES: 0,
} as Readonly<Record<Datatype, number>>

export function isDatatype(name: string): name is Datatype {
  return Object.hasOwn(ITEM_BYTES, name)
}

/** Elements in a tensor of this shape, 1 for the empty shape; undefined where the shape makes no sense. */
export function elementCount(shape: readonly number[]): number | undefined {
  let count = 1
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return undefined
    count *= size
  }
  return Number.isSafeInteger(count) ? count : undefined
}

/**
 * Bytes of a tensor on the wire: little-endian, row by row. The result shares the memory of `data` where nothing has to
 * be converted.
 *
 * @throws TritonError INVALID_ARGUMENT where type, shape and data do not go together
 */
export function encodeTensor<D extends Datatype>(
  name: string,
  datatype: D,
  shape: readonly number[],
  data: InputData[D],
): Uint8Array {
  const count = checkedCount(name, datatype, shape)
  const given: unknown = data
  if (datatype === 'BYTES') {
    if (!isBytesList(given))
      throw invalidArgument(
        `tensor "${name}": BYTES takes an array of strings and Uint8Arrays, not ${kindOf(given)}`,
      )
    checkLength(name, shape, count, given.length)
    return packBytes(given)
  }
  const wanted = INPUT_ARRAYS[datatype] ?? [ELEMENTS[datatype as keyof typeof ELEMENTS].array.name]
  const kind = kindOf(given)
  if (!wanted.includes(kind))
    throw invalidArgument(`tensor "${name}": ${datatype} takes ${wanted.join(' or ')}, not ${kind}`)
  const list = given as ArrayBufferView & { readonly length: number }
  checkLength(name, shape, count, list.length)
  return bytesOf(convert(datatype, kind, list))
}

/** Checks bytes that are already in the form of the wire. */
export function checkRaw(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  raw: Uint8Array,
): Uint8Array {
  const count = checkedCount(name, datatype, shape)
  const bytes = count * ITEM_BYTES[datatype]
  if (datatype !== 'BYTES' && bytes !== raw.byteLength)
    throw invalidArgument(
      `tensor "${name}": ${datatype} of shape [${shape.join(', ')}] is ${bytes} bytes, given are ${raw.byteLength}`,
    )
  return raw
}

function checkedCount(name: string, datatype: string, shape: readonly number[]): number {
  if (!isDatatype(datatype)) throw invalidArgument(`tensor "${name}": there is no datatype "${datatype}"`)
  const count = elementCount(shape)
  if (count === undefined)
    throw invalidArgument(`tensor "${name}": shape [${shape.join(', ')}] must be whole numbers, 0 or more`)
  return count
}

function checkLength(name: string, shape: readonly number[], expected: number, got: number): void {
  if (expected !== got)
    throw invalidArgument(
      `tensor "${name}": shape [${shape.join(', ')}] is ${expected} elements, data holds ${got}`,
    )
}

function convert(datatype: Datatype, kind: string, data: ArrayBufferView): ArrayBufferView {
  if (kind === 'Float32Array' && datatype === 'BF16') return bfloat16Bits(data as Float32Array)
  if (kind === 'Float32Array' && datatype === 'FP16') return float16Bits(data as Float32Array)
  if (datatype === 'BOOL') return zerosAndOnes(data as unknown as ArrayLike<number | boolean>)
  return data
}

function zerosAndOnes(data: ArrayLike<number | boolean>): Uint8Array {
  const out = new Uint8Array(data.length)
  for (let i = 0; i < data.length; i++) out[i] = data[i] ? 1 : 0
  return out
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

/** Name of the built-in type; a Buffer is a Uint8Array, whichever realm it comes from. */
function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

function isBytesList(value: unknown): value is readonly (string | Uint8Array)[] {
  return (
    Array.isArray(value) &&
    value.every((element) => typeof element === 'string' || kindOf(element) === 'Uint8Array')
  )
}

/** Words for what is wrong with the elements; who called what is added where that is known. */
export class DecodeFault extends Error {}

const EMPTY_HINT = '; on Triton with a Python model this is what NumPy 2 causes: install numpy<2 there'

/**
 * Elements of a tensor from the bytes on the wire. The result shares their memory where they are aligned.
 *
 * A server can answer OK with the right shape and no bytes (Triton's Python backend does under NumPy 2), so the
 * length is checked against the shape.
 *
 * @throws DecodeFault
 */
export function decodeTensor(datatype: Datatype, count: number, raw: Uint8Array): OutputData[Datatype] {
  if (datatype === 'BYTES') {
    const elements = unpackBytes(raw, count)
    if (elements === undefined)
      throw new DecodeFault(`${raw.length} bytes that are not ${count} BYTES elements`)
    return elements
  }
  const expected = count * ITEM_BYTES[datatype]
  if (raw.length !== expected)
    throw new DecodeFault(
      `${raw.length} bytes where its shape needs ${expected}${raw.length === 0 ? EMPTY_HINT : ''}`,
    )
  const { array } = ELEMENTS[datatype]
  const { buffer, byteOffset } = raw.byteOffset % array.BYTES_PER_ELEMENT === 0 ? raw : new Uint8Array(raw)
  const elements = new array(buffer as ArrayBuffer, byteOffset, count)
  if (datatype === 'FP16') return fromFloat16Bits(elements as Uint16Array)
  return datatype === 'BF16' ? fromBfloat16Bits(elements as Uint16Array) : elements
}

/**
 * Elements that came one by one instead of as raw bytes: other KServe v2 servers than Triton do that.
 *
 * @throws DecodeFault
 */
export function decodeContents(
  datatype: Datatype,
  count: number,
  contents: InferTensorContents,
): OutputData[Datatype] {
  const data = fromContents(datatype, contents)
  if (data.length !== count) throw new DecodeFault(`${data.length} elements where its shape needs ${count}`)
  return data
}

function fromContents(datatype: Datatype, contents: InferTensorContents): OutputData[Datatype] {
  if (datatype === 'BYTES') return contents.bytesContents
  const { array, list } = ELEMENTS[datatype]
  if (list === undefined) throw new DecodeFault('elements of 16-bit floats, which can only come as raw bytes')
  // True and false become 1 and 0.
  const elements: readonly unknown[] = contents[list]
  const data = (array as { from(elements: readonly unknown[]): OutputData[Datatype] }).from(elements)
  // The small integers travel as large ones, of which an array would keep the lowest bits.
  if (datatype !== 'BOOL' && array.BYTES_PER_ELEMENT < 4) {
    const at = elements.findIndex((element, i) => element !== data[i])
    if (at >= 0) throw new DecodeFault(`the element ${elements[at]}, which is none of ${datatype}`)
  }
  return data
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Elements of a BYTES tensor on the wire: each a little-endian 32-bit length and then its bytes. */
export function packBytes(elements: readonly (string | Uint8Array)[]): Uint8Array {
  const encoded = elements.map((element) => (typeof element === 'string' ? encoder.encode(element) : element))
  const out = new Uint8Array(encoded.reduce((sum, element) => sum + 4 + element.length, 0))
  const view = new DataView(out.buffer)
  let at = 0
  for (const element of encoded) {
    view.setUint32(at, element.length, true)
    out.set(element, at + 4)
    at += 4 + element.length
  }
  return out
}

/** The reverse of `packBytes`, without copying; undefined where the bytes do not hold exactly `count` elements. */
export function unpackBytes(raw: Uint8Array, count: number): Uint8Array[] | undefined {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  const elements: Uint8Array[] = []
  let at = 0
  while (at < raw.length) {
    if (elements.length === count || at + 4 > raw.length) return undefined
    const end = at + 4 + view.getUint32(at, true)
    if (end > raw.length) return undefined
    elements.push(raw.subarray(at + 4, end))
    at = end
  }
  return elements.length === count ? elements : undefined
}

/**
 * The elements of a BYTES tensor as text.
 *
 * @throws TypeError where one is not valid UTF-8
 */
export function texts(elements: readonly Uint8Array[]): string[] {
  return elements.map((element) => decoder.decode(element))
}
