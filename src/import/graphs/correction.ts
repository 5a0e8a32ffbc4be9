import { DataType, type GraphBuilder, type Value } from '../../onnx/index.ts'

/**
 * What is added to every embedding x to make up for rounding: `offset` + (x `from`) `to`. It costs some ten-thousandths of the model or less.
 */
export interface Correction {
  /** [width] */
  readonly offset: Float32Array
  /** Row-major [width, rank]; empty where all embeddings get the same. */
  readonly from: Float32Array
  /** Row-major [rank, width] */
  readonly to: Float32Array
}

/** FP32 [B,width] to FP32 [B,width] of the name given. */
export function corrected(
  b: GraphBuilder,
  x: Value,
  { offset, from, to }: Correction,
  width: number,
  name: string,
): Value {
  const rank = from.length / width
  const same = b.floats(offset, [width])
  if (rank === 0) return b.node('Add', [x, same], {}, name)
  const weight = (part: string, dims: number[], values: Float32Array) =>
    b.weight(`correction.${part}`, DataType.float, dims, () => [values])
  const along = b.node('MatMul', [x, weight('from', [width, rank], from)])
  const own = b.node('MatMul', [along, weight('to', [rank, width], to)])
  return b.node('Add', [x, b.node('Add', [own, same])], {}, name)
}
