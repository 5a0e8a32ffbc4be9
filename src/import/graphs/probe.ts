import { DataType, type GraphBuilder, type Value } from '../../onnx/index.ts'

/** A product, before it is made. */
export interface ProductSeen {
  readonly name: string
  /** [B,T,inputs] */
  readonly x: Value
  /** [inputs, outputs] */
  readonly matrix: Value
  readonly inputs: number
  /** First of the products of the same input, which the input is known by. */
  readonly input: string
  /** What no number that goes in is below, where that is known. */
  readonly lowest: number | undefined
}

/** A product in FP8 beside the exact one: FP32 [B,T,outputs] both. The graph goes on with the exact one. */
export interface RoundingSeen {
  readonly name: string
  readonly exact: Value
  readonly rounded: Value
  /** What the product is added to: the same shape; undefined where something else follows. */
  readonly onto: Value | undefined
  readonly outputs: number
}

/** What looks into a graph in FP32 while it is built, and declares outputs about what it sees. */
export interface Probe {
  readonly product?: (b: GraphBuilder, seen: ProductSeen) => void
  readonly rounding?: (b: GraphBuilder, seen: RoundingSeen) => void
  /** A product with its bias, what a layer norm is given, scores of attention, or what leaves the last layer norm. */
  readonly result?: (b: GraphBuilder, name: string, x: Value) => void
}

/** Declares the largest magnitude of `x` as the output `name`, FP32 []. */
export function showLargest(b: GraphBuilder, name: string, x: Value): void {
  b.output(b.node('ReduceMax', [b.node('Abs', [x])], { keepdims: 0 }, name), DataType.float, [])
}
