/** Element types of ONNX tensors, by the numbers of the public format (TensorProto.DataType). */
export const DataType = {
  float: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
  float8e4m3fn: 17,
} as const

export type DataType = (typeof DataType)[keyof typeof DataType]

/** Element types that weights are stored in. */
export type FloatType = typeof DataType.float | typeof DataType.float16 | typeof DataType.bfloat16

/** Element types of weights: floating point, or whole numbers that the graph gives a scale. */
export type WeightType = FloatType | typeof DataType.int8

/** Bytes per element. */
export function bytesPerElement(dtype: DataType): number {
  switch (dtype) {
    case DataType.float:
    case DataType.int32:
      return 4
    case DataType.int64:
      return 8
    case DataType.float16:
    case DataType.bfloat16:
      return 2
    case DataType.bool:
    case DataType.int8:
    case DataType.uint8:
    case DataType.float8e4m3fn:
      return 1
  }
}

/** Number of elements of a tensor of this shape; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}
