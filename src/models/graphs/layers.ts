import type { GraphBuilder, Value } from '../../onnx/index.ts'
import { floatType, type Precision } from './common.ts'
import { asStored, type Tensors, transposed } from './tensors.ts'

/** The layers that transformers are made of, with their weights. */
export class Layers {
  private readonly b: GraphBuilder
  private readonly tensors: Tensors
  readonly precision: Precision
  private readonly epsilon: number

  constructor(b: GraphBuilder, tensors: Tensors, precision: Precision, layerNormEps: number) {
    this.b = b
    this.tensors = tensors
    this.precision = precision
    this.epsilon = layerNormEps
  }

  /**
   * `x W' + b`, times `scale`, for `x` of [.., inputs].
   * The scale is folded into the weights, which costs nothing when running.
   */
  linear(
    x: Value,
    name: string,
    inputs: number,
    outputs: number,
    options: { scale?: number; bias?: boolean } = {},
  ): Value {
    const { scale = 1, bias = true } = options
    const weight = `${name}.weight`
    const matrix = this.weight(weight, [inputs, outputs], transposed(this.tensors, weight, inputs, scale))
    const product = this.b.node('MatMul', [x, matrix])
    return bias ? this.b.node('Add', [product, this.vector(`${name}.bias`, outputs, scale)]) : product
  }

  /** Layer normalization over the last axis; the statistics are FP32 whatever the precision. */
  norm(x: Value, name: string, width: number): Value {
    const inputs = [x, this.vector(`${name}.weight`, width), this.vector(`${name}.bias`, width)]
    return this.b.node('LayerNormalization', inputs, {
      axis: -1,
      epsilon: { float: this.epsilon },
      stash_type: 1,
    })
  }

  /** Rows of an embedding table, one per token; `prepare` may change the table as it is read. */
  embed(ids: Value, rows: number, width: number, source: () => Promise<Float32Array>): Value {
    const table = this.weight('embed.weight', [rows, width], async function* () {
      yield await source()
    })
    return this.b.node('Gather', [table, ids])
  }

  private vector(name: string, length: number, scale = 1): Value {
    return this.weight(name, [length], asStored(this.tensors, name, scale))
  }

  private weight(name: string, dims: number[], source: Parameters<GraphBuilder['weight']>[3]): Value {
    return this.b.weight(name, floatType(this.precision), dims, source)
  }
}
