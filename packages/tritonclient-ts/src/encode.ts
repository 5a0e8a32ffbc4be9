import { packBytes } from './bytes.ts'
import { type Datatype, elementCount, type InputData, ITEM_BYTES, isDatatype } from './datatypes.ts'
import { invalidArgument } from './errors.ts'
import { bfloat16Bits, float16Bits } from './half.ts'

/** Typed arrays that may hold each datatype. */
const ARRAYS: Readonly<Record<Exclude<Datatype, 'BYTES'>, readonly string[]>> = {
  BOOL: ['Uint8Array', 'Array'],
  UINT8: ['Uint8Array'],
  UINT16: ['Uint16Array'],
  UINT32: ['Uint32Array'],
  UINT64: ['BigUint64Array'],
  INT8: ['Int8Array'],
  INT16: ['Int16Array'],
  INT32: ['Int32Array'],
  INT64: ['BigInt64Array'],
  FP16: ['Float32Array', 'Uint16Array'],
  BF16: ['Float32Array', 'Uint16Array'],
  FP32: ['Float32Array'],
  FP64: ['Float64Array'],
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
  const wanted = ARRAYS[datatype as Exclude<Datatype, 'BYTES'>]
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
