import { DataType, type FloatType, type GraphBuilder, type Value } from '../../onnx/index.ts'
import {
  type Fp8Products,
  floatType,
  formOf,
  fromFloat,
  type GraphOptions,
  type Precision,
} from './common.ts'
import type { GraphForm } from './form.ts'
import { throughFp8 } from './fp8.ts'
import { asStored, oneAfterAnother, plus, sideBySide, type Tensors, transposed } from './tensors.ts'
import { watchError, watchRanges } from './watch.ts'

/** One linear layer of those that a product stands for. */
export interface Part {
  readonly name: string
  /** Folded into weights and bias, which costs nothing when running. @default 1 */
  readonly scale?: number
}

/** The layers that transformers are made of, with their weights. */
export class Layers {
  private readonly b: GraphBuilder
  private readonly tensors: Tensors
  private readonly epsilon: number
  readonly precision: Precision
  readonly form: GraphForm
  private readonly fp8: Fp8Products | undefined
  private readonly watch: GraphOptions['watch']
  /** What has been rounded to FP8 already, by value and largest magnitude. */
  private readonly rounded = new Map<string, Value>()

  constructor(b: GraphBuilder, tensors: Tensors, options: GraphOptions, layerNormEps: number) {
    this.b = b
    this.tensors = tensors
    this.precision = options.precision ?? 'fp32'
    this.form = formOf(options)
    this.fp8 = options.fp8
    this.watch = options.watch
    this.epsilon = layerNormEps
  }

  /** `x W' + b` for `x` of [.., inputs]. */
  linear(
    x: Value,
    name: string,
    inputs: number,
    outputs: number,
    options: { scale?: number; bias?: boolean } = {},
  ): Value {
    const { scale = 1, bias = true } = options
    return this.joined(x, name, [{ name, scale }], inputs, outputs, bias)
  }

  /**
   * Several linear layers of the same input as one product, results side by side: [.., parts * outputs].
   *
   * @param name of the joined weight
   * @param outputs of each part
   */
  joined(
    x: Value,
    name: string,
    parts: readonly Part[],
    inputs: number,
    outputs: number,
    bias = true,
  ): Value {
    const width = parts.length * outputs
    const columns = parts.map((part) => transposed(this.tensors, `${part.name}.weight`, inputs, part.scale))
    const values = columns.length === 1 ? columns[0]! : sideBySide(columns, inputs, outputs)
    const matrix = this.weight(`${name}.weight`, [inputs, width], values)
    const product = this.product(x, matrix, name, width)
    if (!bias) return product
    const biases = parts.map((part) => asStored(this.tensors, `${part.name}.bias`, part.scale))
    const correction = this.watch === undefined ? this.fp8?.(name)?.correction : undefined
    const together = oneAfterAnother(biases)
    const source = correction === undefined ? together : plus(together, correction)
    return this.b.node('Add', [product, this.weight(`${name}.bias`, [width], source)])
  }

  /** Layer normalization over the last axis; the statistics are FP32 whatever the precision. */
  norm(x: Value, name: string, width: number): Value {
    const exact = this.form.residual === 'float'
    const dtype = exact ? DataType.float : floatType(this.precision)
    const inputs = [x, this.vector(`${name}.weight`, width, dtype), this.vector(`${name}.bias`, width, dtype)]
    return this.b.node('LayerNormalization', inputs, {
      axis: -1,
      epsilon: { float: this.epsilon },
      stash_type: 1,
    })
  }

  /** `x` of the graph's precision in that of the running total. */
  toTotal(x: Value): Value {
    const exact = this.form.residual === 'float' && this.precision !== 'fp32'
    return exact ? this.b.node('Cast', [x], { to: DataType.float }) : x
  }

  /** `x` of the running total's precision in the graph's. */
  fromTotal(x: Value): Value {
    return this.form.residual === 'float' ? fromFloat(this.b, x, this.precision) : x
  }

  /** Rows of an embedding table, one per token; `prepare` may change the table as it is read. */
  embed(ids: Value, rows: number, width: number, source: () => Promise<Float32Array>): Value {
    const table = this.weight('embed.weight', [rows, width], async function* () {
      yield await source()
    })
    return this.b.node('Gather', [table, ids])
  }

  private product(x: Value, matrix: Value, name: string, outputs: number): Value {
    const plain = () => this.b.node('MatMul', [x, matrix])
    if (this.watch === 'ranges') watchRanges(this.b, name, x, matrix)
    const chosen = this.fp8?.(name)
    if (chosen === undefined) return plain()
    const inFp8 = () => {
      const input = this.throughFp8(x, chosen.input)
      return this.b.node('MatMul', [input, throughFp8(this.b, matrix, chosen.weight, this.precision)])
    }
    if (this.watch !== 'errors') return inFp8()
    const exact = plain()
    watchError(this.b, name, { exact, rounded: inFp8(), outputs })
    return exact
  }

  private throughFp8(x: Value, largest: number): Value {
    if (this.form.quantize === 'each') return throughFp8(this.b, x, largest, this.precision)
    const key = `${x} ${largest}`
    const known = this.rounded.get(key) ?? throughFp8(this.b, x, largest, this.precision)
    this.rounded.set(key, known)
    return known
  }

  private vector(name: string, length: number, dtype: FloatType): Value {
    return this.weight(name, [length], asStored(this.tensors, name), dtype)
  }

  private weight(
    name: string,
    dims: number[],
    source: Parameters<GraphBuilder['weight']>[3],
    dtype = floatType(this.precision),
  ): Value {
    return this.b.weight(name, dtype, dims, source)
  }
}
