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

/** Bytes of one element on the wire; 0 where elements differ in length. */
export const ITEM_BYTES: Readonly<Record<Datatype, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  BF16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
}

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
