import { unpackBytes } from './bytes.ts'
import { type Datatype, ITEM_BYTES, type OutputData } from './datatypes.ts'
import { fromBfloat16Bits, fromFloat16Bits } from './half.ts'
import type { InferTensorContents } from './proto/service_pb.ts'

/** Thrown with words for the fault only; who called what is added where that is known. */
export class DecodeFault extends Error {}

/**
 * Elements of a tensor from the bytes on the wire. The result shares their memory where they are aligned.
 *
 * A server can answer OK with the right shape and no bytes (Triton's Python backend does under NumPy 2), so the
 * length is checked against the shape.
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
  switch (datatype) {
    case 'BOOL':
    case 'UINT8':
      return raw
    case 'INT8':
      return new Int8Array(raw.buffer, raw.byteOffset, count)
    case 'UINT16':
      return view(Uint16Array, raw, count)
    case 'UINT32':
      return view(Uint32Array, raw, count)
    case 'UINT64':
      return view(BigUint64Array, raw, count)
    case 'INT16':
      return view(Int16Array, raw, count)
    case 'INT32':
      return view(Int32Array, raw, count)
    case 'INT64':
      return view(BigInt64Array, raw, count)
    case 'FP16':
      return fromFloat16Bits(view(Uint16Array, raw, count))
    case 'BF16':
      return fromBfloat16Bits(view(Uint16Array, raw, count))
    case 'FP32':
      return view(Float32Array, raw, count)
    case 'FP64':
      return view(Float64Array, raw, count)
  }
}

const EMPTY_HINT = '; on Triton with a Python model this is what NumPy 2 causes: install numpy<2 there'

interface TypedArray<T> {
  readonly BYTES_PER_ELEMENT: number
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T
}

function view<T>(type: TypedArray<T>, raw: Uint8Array, count: number): T {
  if (raw.byteOffset % type.BYTES_PER_ELEMENT === 0) return new type(raw.buffer, raw.byteOffset, count)
  const copy = new Uint8Array(raw)
  return new type(copy.buffer, 0, count)
}

/** Elements that came one by one instead of as raw bytes: other KServe v2 servers than Triton do that. */
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
  switch (datatype) {
    case 'BOOL':
      return Uint8Array.from(contents.boolContents, Number)
    case 'UINT8':
      return Uint8Array.from(contents.uintContents)
    case 'UINT16':
      return Uint16Array.from(contents.uintContents)
    case 'UINT32':
      return Uint32Array.from(contents.uintContents)
    case 'UINT64':
      return BigUint64Array.from(contents.uint64Contents)
    case 'INT8':
      return Int8Array.from(contents.intContents)
    case 'INT16':
      return Int16Array.from(contents.intContents)
    case 'INT32':
      return Int32Array.from(contents.intContents)
    case 'INT64':
      return BigInt64Array.from(contents.int64Contents)
    case 'FP16':
    case 'BF16':
      throw new DecodeFault('elements of 16-bit floats, which can only come as raw bytes')
    case 'FP32':
      return Float32Array.from(contents.fp32Contents)
    case 'FP64':
      return Float64Array.from(contents.fp64Contents)
    case 'BYTES':
      return contents.bytesContents
  }
}
