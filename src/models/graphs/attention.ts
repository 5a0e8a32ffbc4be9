import type { GraphBuilder, Value } from '../../onnx/index.ts'

/** [B,T,heads*size] to [B,heads,T,size] */
export function splitHeads(b: GraphBuilder, x: Value, heads: number, size: number): Value {
  return b.node('Transpose', [b.node('Reshape', [x, b.ints([0, 0, heads, size])])], { perm: [0, 2, 1, 3] })
}

/**
 * softmax(q k' + bias) v, heads put side by side again: [B,T,width].
 * Exactly these four nodes in a row are the pattern that TensorRT makes one kernel of, with sums in FP32.
 *
 * @param q [B,heads,T,size], scaled by size^-0.5 already; `k` and `v` have the same shape
 * @param bias what is added to the scores, anything that broadcasts to [B,heads,T,T]
 */
export function attention(b: GraphBuilder, q: Value, k: Value, v: Value, bias: Value, width: number): Value {
  const scores = b.node('MatMul', [q, b.node('Transpose', [k], { perm: [0, 1, 3, 2] })])
  const weights = b.node('Softmax', [b.node('Add', [scores, bias])], { axis: -1 })
  const heads = b.node('Transpose', [b.node('MatMul', [weights, v])], { perm: [0, 2, 1, 3] })
  return b.node('Reshape', [heads, b.ints([0, 0, width])])
}
