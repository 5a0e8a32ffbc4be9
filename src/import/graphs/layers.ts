import type { GraphPrecision } from '../../bundle/index.ts'
import { DataType, type FloatSource, type GraphBuilder, type Value } from '../../onnx/index.ts'
import { type Fp8Product, floatType, formOf, type GraphOptions } from './common.ts'
import type { GraphForm } from './form.ts'
import { fp8Scale, throughFp8 } from './fp8.ts'
import { int8Product, type Rounded, roundTokens } from './int8.ts'
import {
  asBfloat16,
  asFloat8,
  asStored,
  eachElement,
  fittingHalf,
  oneAfterAnother,
  sideBySide,
  type Tensors,
  transposed,
} from './tensors.ts'

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
  /** What the result is added to, [.., outputs], where it is a step of a residual stream. */
  readonly onto?: Value
}

/** A product of an operator of our own, in FP8. */
export interface OperatorProduct {
  readonly name: string
  readonly parts: readonly Part[]
  readonly inputs: number
  /** Of each part. */
  readonly outputs: number
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

/** Of rows of FP8 matrices, so that each begins at a multiple of 16 bytes. */
const IN_STEP = 16

/** The layers that transformers are made of, with their weights. */
export class Layers {
  readonly #b: GraphBuilder
  readonly #tensors: Tensors
  readonly #epsilon: number
  readonly precision: GraphPrecision
  readonly form: GraphForm
  readonly #options: GraphOptions
  readonly #inputs = new Map<Value, Input>()
  /** Values whose channels have been divided already. */
  readonly #divided = new Set<Value>()
  /** What has been rounded to FP8 already, by value and largest magnitude. */
  readonly #rounded = new Map<string, Value>()

  constructor(b: GraphBuilder, tensors: Tensors, options: GraphOptions, layerNormEps: number) {
    this.#b = b
    this.#tensors = tensors
    this.precision = options.precision ?? 'fp32'
    this.form = formOf(options)
    this.#options = options
    this.#epsilon = layerNormEps
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
    { bias = true, ...more }: ProductOptions = {},
  ): Value {
    const width = parts.length * outputs
    const columns = parts.map((part) => transposed(this.#tensors, `${part.name}.weight`, inputs, part.scale))
    const values = columns.length === 1 ? columns[0]! : sideBySide(columns, inputs, outputs)
    const product = this.#product(x, { name, inputs, outputs: width, source: values }, more)
    if (!bias) return this.seen(name, product)
    const { probe, fp8 } = this.#options
    const source = this.#biases(parts, probe === undefined ? fp8?.(name)?.correction : undefined)
    return this.seen(name, this.#b.node('Add', [product, this.#weight(`${name}.bias`, [width], source)]))
  }

  /**
   * Layer normalization over the last axis; the statistics are FP32 whatever the precision.
   *
   * @param only the first of the products that it goes into, where it goes into nothing else
   */
  norm(x: Value, name: string, width: number, only?: string): Value {
    this.seen(name, x)
    const divisor = only === undefined ? undefined : this.#options.int8?.(only)
    const vector = (part: string) => {
      const source = asStored(this.#tensors, part)
      return this.#weight(
        part,
        [width],
        divisor ? eachElement(source, (value, i) => value / divisor[i]!) : source,
      )
    }
    const inputs = [x, vector(`${name}.weight`), vector(`${name}.bias`)]
    const y = this.#b.node('LayerNormalization', inputs, {
      axis: -1,
      epsilon: { float: this.#epsilon },
      stash_type: 1,
    })
    if (divisor !== undefined) this.#divided.add(y)
    return y
  }

  /** Rows of an embedding table, one per token; `prepare` may change the table as it is read. */
  embed(ids: Value, rows: number, width: number, source: () => Promise<Float32Array>): Value {
    const table = this.#weight('embed.weight', [rows, width], async function* () {
      yield await source()
    })
    return this.#b.node('Gather', [table, ids])
  }

  #product(x: Value, weight: ProductWeight, { lowest, onto }: ProductOptions): Value {
    const { name, inputs, outputs, source } = weight
    const { int8, fp8, probe } = this.#options
    if (int8 !== undefined) return this.#inInt8(x, weight, lowest)
    const chosen = fp8?.(name)
    const isSimulated = this.precision === 'fp32'
    if (chosen !== undefined && probe?.rounding === undefined && isSimulated)
      return this.#simulated(x, weight, chosen)
    const matrix = this.#weight(`${name}.weight`, [inputs, outputs], source)
    if (probe?.product !== undefined) {
      const input = this.#input(x, name, lowest).name
      probe.product(this.#b, { name, x, matrix, inputs, input, lowest })
    }
    const plain = () => this.#b.node('MatMul', [x, matrix])
    if (chosen === undefined) return plain()
    const inFp8 = () => {
      if (isSimulated) return this.#simulated(x, weight, chosen)
      const input = this.#throughFp8(x, chosen.input)
      return this.#b.node('MatMul', [input, throughFp8(this.#b, matrix, chosen.weight, this.precision)])
    }
    if (probe?.rounding === undefined) return inFp8()
    const exact = plain()
    probe.rounding(this.#b, { name, exact, rounded: inFp8(), onto, outputs })
    return exact
  }

  /** A product in FP8 whose weights are stored as rounding leaves them: ONNX Runtime would take seconds to round them. */
  #simulated(x: Value, { name, inputs, outputs, source }: ProductWeight, chosen: Fp8Product): Value {
    const rounded = asFloat8(source, fp8Scale(chosen.weight))
    const matrix = this.#b.weight(`${name}.rounded`, DataType.float, [inputs, outputs], rounded, {
      isShared: true,
    })
    return this.#b.node('MatMul', [this.#throughFp8(x, chosen.input), matrix])
  }

  #inInt8(x: Value, weight: ProductWeight, lowest: number | undefined): Value {
    const input = this.#input(x, weight.name, lowest)
    input.rounded ??= roundTokens(this.#b, this.#withoutDivisor(x, input), weight.inputs, lowest)
    const { divisor } = input
    const { source, outputs } = weight
    // Each row of the matrix meets one channel.
    const stored = divisor
      ? eachElement(source, (value, i) => value * divisor[Math.floor(i / outputs)]!)
      : source
    return int8Product(this.#b, input.rounded, { ...weight, source: stored })
  }

  /** `x` with its channels divided, unless they are already. */
  #withoutDivisor(x: Value, { divisor }: Input): Value {
    if (divisor === undefined || this.#divided.has(x)) return x
    const factors = divisor.map((value) => 1 / value)
    return this.#b.node('Mul', [x, this.#b.floats(factors, [factors.length])])
  }

  #input(x: Value, product: string, lowest: number | undefined): Input {
    const found = this.#inputs.get(x) ?? {
      name: product,
      divisor: lowest === undefined ? this.#options.int8?.(product) : undefined,
    }
    this.#inputs.set(x, found)
    return found
  }

  /**
   * What an operator of our own takes beside its input, as `model_repository/python/encoder_layer.py` has it: weights and
   * biases of norms with the biases of products; scales, each followed by three zeros; and the weights of each product in
   * FP8, [outputs,inputs/4], four numbers in each INT32. Undefined where a product is not in FP8, or has sizes that cuBLASLt
   * does not multiply.
   *
   * @param at what the names of vectors and scales begin with
   */
  forOperator(
    at: string,
    norms: readonly string[],
    width: number,
    products: readonly OperatorProduct[],
  ): Value[] | undefined {
    const chosen = products.map(({ name }) => this.#options.fp8?.(name))
    if (!chosen.every((each) => each !== undefined)) return undefined
    const sizes = products.map(({ parts, outputs }) => parts.length * outputs)
    if ([...sizes, ...products.map(({ inputs }) => inputs)].some((count) => count % IN_STEP !== 0))
      return undefined
    const vectors = norms.flatMap((name) => [`${name}.weight`, `${name}.bias`])
    const biases = products.map(({ parts }, i) => this.#biases(parts, chosen[i]!.correction))
    const sources = [...vectors.map((name) => asStored(this.#tensors, name)), ...biases]
    const size = vectors.length * width + sizes.reduce((sum, outputs) => sum + outputs, 0)
    const scales = chosen.flatMap(({ input, weight }) => [
      fp8Scale(input),
      fp8Scale(weight),
      1 / fp8Scale(input),
    ])
    return [
      this.#weight(`${at}vectors`, [size], oneAfterAnother(sources)),
      this.#b.floats(
        [...scales, this.#epsilon].flatMap((scale) => [scale, 0, 0, 0]),
        [4 * (scales.length + 1)],
      ),
      ...products.map(({ name, parts, inputs }, i) => {
        const step = fp8Scale(chosen[i]!.weight)
        const rows = parts.map((part) =>
          asStored(this.#tensors, `${part.name}.weight`, (part.scale ?? 1) / step),
        )
        return this.#b.weight(
          `${name}.weight`,
          DataType.int32,
          [sizes[i]!, inputs / 4],
          oneAfterAnother(rows),
        )
      }),
    ]
  }

  #biases(parts: readonly Part[], correction: Float32Array | undefined): FloatSource {
    const together = oneAfterAnother(
      parts.map((part) => asStored(this.#tensors, `${part.name}.bias`, part.scale)),
    )
    return correction ? eachElement(together, (value, i) => value + correction[i]!) : together
  }

  /** `x`, shown to the probe under this name. */
  seen(name: string, x: Value): Value {
    this.#options.probe?.result?.(this.#b, name, x)
    return x
  }

  #throughFp8(x: Value, largest: number): Value {
    const key = `${x} ${largest}`
    const known = this.#rounded.get(key) ?? throughFp8(this.#b, x, largest, this.precision)
    this.#rounded.set(key, known)
    return known
  }

  #weight(name: string, dims: number[], source: FloatSource): Value {
    const dtype = floatType(this.precision)
    const stored = this.#options.roundWeights
      ? asBfloat16(source)
      : dtype === DataType.float16
        ? fittingHalf(source, `${this.#b.name}: ${name}`)
        : source
    return this.#b.weight(name, dtype, dims, stored)
  }
}
