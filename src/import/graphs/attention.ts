import type { GraphBuilder, Value } from '../../onnx/index.ts'
import type { Layers } from './layers.ts'

/** Changes attention scores, [B,heads,T,T], before the softmax. */
export type ScoreChange = (scores: Value) => Value

/** For a softmax over all positions. */
export const unchanged: ScoreChange = (scores) => scores

/** Adds `bias`, anything that broadcasts to the scores. */
export function adding(b: GraphBuilder, bias: Value): ScoreChange {
  return (scores) => b.node('Add', [scores, bias])
}

/** [B,T,heads*size] to [B,T,heads,size] */
function asHeads(b: GraphBuilder, x: Value, heads: number, size: number): Value {
  return b.node('Reshape', [x, b.ints([0, 0, heads, size])])
}

/** [B,T,heads,size] to [B,heads,T,size] */
function headsFirst(b: GraphBuilder, x: Value): Value {
  return b.node('Transpose', [x], { perm: [0, 2, 1, 3] })
}

/** [B,T,heads*size] to [B,heads,T,size] */
function splitHeads(b: GraphBuilder, x: Value, heads: number, size: number): Value {
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

/** Queries, keys and values: [B,heads,T,size] each. */
interface Projections {
  readonly q: Value
  readonly k: Value
  readonly v: Value
}

export interface ProjectionOptions {
  readonly width: number
  readonly heads: number
  /** Full name of a layer's part. */
  readonly at: (name: string) => string
  /** What positions do to queries and keys, of as many heads as they come in: in the axes of `rotateIn`. */
  readonly turn?: (x: Value) => Value
}

/** Makes queries, scaled by size^-0.5, keys and values of `x`, [B,T,width], with as many products as the form says. */
export function projections(
  b: GraphBuilder,
  layers: Layers,
  x: Value,
  options: ProjectionOptions,
): Projections {
  const { width, heads, at } = options
  const size = width / heads
  const placed = (y: Value, count = heads) => place(b, layers, y, { ...options, count })
  const query = { name: at('query'), scale: size ** -0.5 }
  const plain = (name: string) => layers.linear(x, at(name), width, width)
  if (layers.form.projection === 'separate') {
    const q = placed(layers.linear(x, query.name, width, width, { scale: query.scale }))
    return { q, k: placed(plain('key')), v: splitHeads(b, plain('value'), heads, size) }
  }
  const pair = [query, { name: at('key') }]
  if (layers.form.projection === 'query-key') {
    const both = placed(layers.joined(x, at('query_key'), pair, width, width), 2 * heads)
    return { ...halves(b, both, heads), v: splitHeads(b, plain('value'), heads, size) }
  }
  const all = joinedProjections(layers, x, options)
  const split = b.ints([2 * width, width])
  const [both, value] = b.nodeWithOutputs('Split', [all, split], 2, { axis: -1 }) as [Value, Value]
  return { ...halves(b, placed(both, 2 * heads), heads), v: splitHeads(b, value, heads, size) }
}

/** Queries, scaled by size^-0.5, keys and values side by side, of one product: [B,T,3*width]. */
export function joinedProjections(
  layers: Layers,
  x: Value,
  { width, heads, at }: Omit<ProjectionOptions, 'turn'>,
): Value {
  const query = { name: at('query'), scale: (width / heads) ** -0.5 }
  const parts = [query, { name: at('key') }, { name: at('value') }]
  return layers.joined(x, at('query_key_value'), parts, width, width)
}

/** [B,T,count*size] to [B,count,T,size], turned where the form says. */
function place(
  b: GraphBuilder,
  { form }: Layers,
  x: Value,
  { width, heads, turn = (y) => y, count }: ProjectionOptions & { count: number },
): Value {
  const size = width / heads
  if (form.rotateIn === 'tokens') return headsFirst(b, turn(asHeads(b, x, count, size)))
  return turn(splitHeads(b, x, count, size))
}

function halves(b: GraphBuilder, both: Value, heads: number): { q: Value; k: Value } {
  const [q, k] = b.nodeWithOutputs('Split', [both, b.ints([heads, heads])], 2, { axis: 1 }) as [Value, Value]
  return { q, k }
}
