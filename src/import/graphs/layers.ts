import { DataType, type FloatSource, type GraphBuilder, type Value } from '../../onnx/index.ts'
import {
  type Fp8Products,
  floatType,
  formOf,
  type GraphOptions,
  type Int8Inputs,
  type Precision,
} from './common.ts'
import type { GraphForm } from './form.ts'
import { throughFp8 } from './fp8.ts'
import { int8Product, type Rounded, roundTokens } from './int8.ts'
import {
  asBfloat16,
  asStored,
  dividedBy,
  fittingHalf,
  oneAfterAnother,
  plus,
  sideBySide,
  type Tensors,
  timesRows,
  transposed,
} from './tensors.ts'
import {
  watchError,
  watched,
  watchInputChannels,
  watchLargest,
  watchRanges,
  watchWeightChannels,
} from './watch.ts'

/** One linear layer of those that a product stands for. */
export interface Part {
  readonly name: string
  /** Folded into weights and bias, which costs nothing when running. @default 1 */
  readonly scale?: number
}

export interface ProductOptions {
  /** @default true */
  readonly bias?: boolean
  /** What no number that goes in is below, for GELU's; undefined where they are on both sides of zero. */
  readonly lowest?: number
}

/** What goes into one or several products. */
interface Input {
  /** The first of them. */
  readonly name: string
  /** What its channels are divided by in INT8. */
  readonly divisor: Float32Array | undefined
  rounded?: Rounded
}

interface ProductWeight {
  readonly name: string
  readonly inputs: number
  readonly outputs: number
  /** [inputs, outputs] */
  readonly source: FloatSource
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
  private readonly int8: Int8Inputs | undefined
  private readonly roundWeights: boolean
  private readonly inputs = new Map<Value, Input>()
  /** Values whose channels have been divided already. */
  private readonly divided = new Set<Value>()
  /** What has been rounded to FP8 already, by value and largest magnitude. */
  private readonly rounded = new Map<string, Value>()

  constructor(b: GraphBuilder, tensors: Tensors, options: GraphOptions, layerNormEps: number) {
    this.b = b
    this.tensors = tensors
    this.precision = options.precision ?? 'fp32'
    this.form = formOf(options)
    this.fp8 = options.fp8
    this.int8 = options.int8
    this.roundWeights = options.roundWeights ?? false
    this.watch = options.watch
    this.epsilon = layerNormEps
  }

  /** `x W' + b` for `x` of [.., inputs]. */
  linear(
    x: Value,
    name: string,
    inputs: number,
    outputs: number,
    options: ProductOptions & { scale?: number } = {},
  ): Value {
    const { scale = 1, ...more } = options
    return this.joined(x, name, [{ name, scale }], inputs, outputs, more)
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
    { bias = true, lowest }: ProductOptions = {},
  ): Value {
    const width = parts.length * outputs
    const columns = parts.map((part) => transposed(this.tensors, `${part.name}.weight`, inputs, part.scale))
    const values = columns.length === 1 ? columns[0]! : sideBySide(columns, inputs, outputs)
    const product = this.product(x, { name, inputs, outputs: width, source: values }, lowest)
    if (!bias) return this.watchResult(name, product)
    const biases = parts.map((part) => asStored(this.tensors, `${part.name}.bias`, part.scale))
    const correction = this.watch === undefined ? this.fp8?.(name)?.correction : undefined
    const together = oneAfterAnother(biases)
    const source = correction === undefined ? together : plus(together, correction)
    return this.watchResult(name, this.b.node('Add', [product, this.weight(`${name}.bias`, [width], source)]))
  }

  /**
   * Layer normalization over the last axis; the statistics are FP32 whatever the precision.
   *
   * @param only the first of the products that it goes into, where it goes into nothing else
   */
  norm(x: Value, name: string, width: number, only?: string): Value {
    this.watchResult(name, x)
    const divisor = only === undefined ? undefined : this.int8?.(only)
    const vector = (part: string) => {
      const source = asStored(this.tensors, part)
      return this.weight(part, [width], divisor === undefined ? source : dividedBy(source, divisor))
    }
    const inputs = [x, vector(`${name}.weight`), vector(`${name}.bias`)]
    const y = this.b.node('LayerNormalization', inputs, {
      axis: -1,
      epsilon: { float: this.epsilon },
      stash_type: 1,
    })
    if (divisor !== undefined) this.divided.add(y)
    return y
  }

  /** Rows of an embedding table, one per token; `prepare` may change the table as it is read. */
  embed(ids: Value, rows: number, width: number, source: () => Promise<Float32Array>): Value {
    const table = this.weight('embed.weight', [rows, width], async function* () {
      yield await source()
    })
    return this.b.node('Gather', [table, ids])
  }

  private product(x: Value, weight: ProductWeight, lowest?: number): Value {
    const { name, inputs, outputs, source } = weight
    if (this.int8 !== undefined) return this.inInt8(x, weight, lowest)
    const matrix = this.weight(`${name}.weight`, [inputs, outputs], source)
    if (this.watch === 'channels' && lowest === undefined) this.watchChannels(x, weight, matrix)
    const plain = () => this.b.node('MatMul', [x, matrix])
    if (this.watch === 'ranges' || this.watch === 'magnitudes') watchRanges(this.b, name, x, matrix)
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

  private inInt8(x: Value, weight: ProductWeight, lowest: number | undefined): Value {
    const input = this.input(x, weight.name, lowest)
    input.rounded ??= roundTokens(this.b, this.withoutDivisor(x, input), weight.inputs, lowest)
    const { divisor } = input
    const { source, outputs } = weight
    const stored = divisor === undefined ? source : timesRows(source, divisor, outputs)
    return int8Product(this.b, input.rounded, { ...weight, source: stored })
  }

  /** `x` with its channels divided, unless they are already. */
  private withoutDivisor(x: Value, { divisor }: Input): Value {
    if (divisor === undefined || this.divided.has(x)) return x
    const factors = divisor.map((value) => 1 / value)
    return this.b.node('Mul', [x, this.b.floats(factors, [factors.length])])
  }

  private input(x: Value, product: string, lowest: number | undefined): Input {
    const found = this.inputs.get(x) ?? {
      name: product,
      divisor: lowest === undefined ? this.int8?.(product) : undefined,
    }
    this.inputs.set(x, found)
    return found
  }

  /** `x`, of which `watch: 'magnitudes'` tells under this name. */
  watchResult(name: string, x: Value): Value {
    if (this.watch === 'magnitudes') watchLargest(this.b, watched.resultMax(name), x)
    return x
  }

  private watchChannels(x: Value, { name, inputs }: ProductWeight, matrix: Value): void {
    const isNew = !this.inputs.has(x)
    const input = this.input(x, name, undefined).name
    if (isNew) watchInputChannels(this.b, input, x, inputs)
    watchWeightChannels(this.b, { product: name, input, inputs }, matrix)
  }

  private throughFp8(x: Value, largest: number): Value {
    const key = `${x} ${largest}`
    const known = this.rounded.get(key) ?? throughFp8(this.b, x, largest, this.precision)
    this.rounded.set(key, known)
    return known
  }

  private weight(name: string, dims: number[], source: Parameters<GraphBuilder['weight']>[3]): Value {
    const dtype = floatType(this.precision)
    if (this.roundWeights) return this.b.weight(name, dtype, dims, asBfloat16(source))
    return this.b.weight(
      name,
      dtype,
      dims,
      dtype === DataType.float16 ? fittingHalf(source, `${this.b.name}: ${name}`) : source,
    )
  }
}
