import type { GraphBuilder, Value } from '../../onnx/index.ts'

/** Changes attention scores, [B,heads,T,T], before the softmax. */
export type ScoreChange = (scores: Value) => Value

/** For a softmax over all positions. */
export const unchanged: ScoreChange = (scores) => scores

/** Adds `bias`, anything that broadcasts to the scores. */
export function adding(b: GraphBuilder, bias: Value): ScoreChange {
  return (scores) => b.node('Add', [scores, bias])
}

/** [B,T,heads*size] to [B,T,heads,size] */
export function asHeads(b: GraphBuilder, x: Value, heads: number, size: number): Value {
  return b.node('Reshape', [x, b.ints([0, 0, heads, size])])
}

/** [B,T,heads,size] to [B,heads,T,size] */
export function headsFirst(b: GraphBuilder, x: Value): Value {
  return b.node('Transpose', [x], { perm: [0, 2, 1, 3] })
}

/** [B,T,heads*size] to [B,heads,T,size] */
export function splitHeads(b: GraphBuilder, x: Value, heads: number, size: number): Value {
  return headsFirst(b, asHeads(b, x, heads, size))
}

/**
 * softmax(change(q k')) v, heads put side by side again: [B,T,width].
 * With one node of change, these four in a row are the pattern that TensorRT makes one kernel of, with sums in FP32.
 *
 * @param q [B,heads,T,size], scaled by size^-0.5 already; `k` and `v` have the same shape
 */
export function attention(
  b: GraphBuilder,
  { q, k, v }: { q: Value; k: Value; v: Value },
  change: ScoreChange,
  width: number,
): Value {
  const scores = b.node('MatMul', [q, b.node('Transpose', [k], { perm: [0, 1, 3, 2] })])
  const weights = b.node('Softmax', [change(scores)], { axis: -1 })
  const heads = b.node('Transpose', [b.node('MatMul', [weights, v])], { perm: [0, 2, 1, 3] })
  return b.node('Reshape', [heads, b.ints([0, 0, width])])
}
