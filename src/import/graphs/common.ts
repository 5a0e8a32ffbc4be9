import { GRAPH_TENSORS, type GraphPrecision } from '../../bundle/index.ts'
import { DataType, type FloatType, type GraphBuilder, type Value } from '../../onnx/index.ts'
import { defaultForms, type GraphForm, int8Form } from './form.ts'
import type { Probe } from './probe.ts'

export interface GraphOptions {
  /** @default 'fp32' */
  readonly precision?: GraphPrecision
  /** Also give the activations of every layer, as outputs `layer_0`, `layer_1`, ...: to compare implementations. */
  readonly traceLayers?: boolean
  /** Parts of the form that differ from the precision's own. */
  readonly form?: Partial<GraphForm>
  /** Which products are in FP8, and how; without it none is. */
  readonly fp8?: Fp8Products
  /** Weights and inputs of the products in INT8, for CPUs; without it none is. */
  readonly int8?: Int8Inputs
  /** What is added to every embedding to make up for rounding. */
  readonly correction?: Correction
  /** Weights as BF16 has them, in a graph that is FP32 otherwise: what rounding them changes by itself. */
  readonly roundWeights?: boolean
  /** Adds outputs that show numbers inside the graph. */
  readonly probe?: Probe
}

/**
 * What each channel of an input is divided by before it is rounded to INT8, [inputs]; the weights are multiplied by it.
 * An input is known by the first product it goes into; undefined for one that stays as it is.
 */
export type Int8Inputs = (product: string) => Float32Array | undefined

/** How the product named is put into FP8; undefined for one that stays in the graph's precision. */
export type Fp8Products = (product: string) => Fp8Product | undefined

export interface Fp8Product {
  /** Magnitude up to which FP8 must represent what goes in. */
  readonly input: number
  /** The same of the weights. */
  readonly weight: number
  /** Added to the bias, [outputs]: the mean of what rounding takes from the product. */
  readonly correction?: Float32Array
}

/** The form of a graph with these options. */
export function formOf(options: GraphOptions): GraphForm {
  return { ...defaultForms[options.precision ?? 'fp32'], ...(options.int8 && int8Form), ...options.form }
}

export function floatType(precision: GraphPrecision): FloatType {
  const types = { fp32: DataType.float, bf16: DataType.bfloat16, fp16: DataType.float16 } as const
  return types[precision]
}

/** What every embedding graph knows of its input. */
export interface Batch {
  /** INT32 [B,T] */
  readonly ids: Value
  /** INT32 [B]: tokens of each row, specials included; what comes after them is padding. */
  readonly lengths: Value
  /** INT32 [T]: 0, 1, ..., T-1 */
  readonly positions: Value
  /** BOOL [B,T]: true for tokens, false for padding. */
  readonly isToken: Value
}

/** Declares the two inputs that every embedding graph has. */
export function batchInputs(b: GraphBuilder): Batch {
  const ids = b.input(GRAPH_TENSORS.ids, DataType.int32, ['B', 'T'])
  const lengths = b.input(GRAPH_TENSORS.lengths, DataType.int32, ['B'])
  const width = b.node('Gather', [b.node('Shape', [ids]), b.ints([1], [])])
  const range = b.node('Range', [b.ints([0], []), width, b.ints([1], [])])
  const positions = b.node('Cast', [range], { to: DataType.int32 })
  const isToken = b.node('Less', [column(b, positions), row(b, lengths)])
  return { ids, lengths, positions, isToken }
}

/** [T] to [1,T]: broadcasts over the batch. */
export function column(b: GraphBuilder, x: Value): Value {
  return b.node('Unsqueeze', [x, b.ints([0])])
}

/** [B] to [B,1]: broadcasts over positions. */
export function row(b: GraphBuilder, x: Value): Value {
  return b.node('Unsqueeze', [x, b.ints([1])])
}

/**
 * What is added to attention scores so that padding gets no weight: [B,1,1,T].
 * Finite, since minus infinity would make NaN of a row without tokens; after the softmax it is exactly 0.
 */
export function paddingBias(b: GraphBuilder, batch: Batch, precision: GraphPrecision): Value {
  const isToken = b.node('Unsqueeze', [batch.isToken, b.ints([1, 2])])
  const number = (value: number) => b.floats([value], [], floatType(precision))
  return b.node('Where', [isToken, number(0), number(precision === 'fp32' ? -1e9 : -30000)])
}

/** Which positions enter the mean. */
export interface Pooled {
  /** BOOL [B,T] */
  readonly keep: Value
  /** INT32 [B]: how many positions that is; a row with none gives NaN, as the original does. */
  readonly count: Value
}

/**
 * Declares the output `embedding`, FP32 [B,width]: the mean of `x` over some positions, corrected.
 *
 * @param x FP32 [B,T,width]
 */
export function meanPool(
  b: GraphBuilder,
  x: Value,
  { keep, count }: Pooled,
  width: number,
  correction: Correction | undefined,
): void {
  const weights = b.node('Cast', [b.node('Unsqueeze', [keep, b.ints([2])])], { to: DataType.float })
  const sum = b.node('ReduceSum', [b.node('Mul', [x, weights]), b.ints([1])], { keepdims: 0 })
  const divisor = row(b, b.node('Cast', [count], { to: DataType.float }))
  const mean = (name?: string) => b.node('Div', [sum, divisor], {}, name)
  const name = GRAPH_TENSORS.embedding
  const embedding = correction === undefined ? mean(name) : corrected(b, mean(), correction, width, name)
  b.output(embedding, DataType.float, ['B', width])
}

/** `x` as FP32. */
export function toFloat(b: GraphBuilder, x: Value, precision: GraphPrecision): Value {
  return precision === 'fp32' ? x : b.node('Cast', [x], { to: DataType.float })
}

/** FP32 `x` in the graph's precision. */
export function fromFloat(b: GraphBuilder, x: Value, precision: GraphPrecision): Value {
  return precision === 'fp32' ? x : b.node('Cast', [x], { to: floatType(precision) })
}

/** What GELU gives at least: its minimum is -0.16997 at -0.7518. */
export const GELU_LOWEST = -0.17

/**
 * Exact GELU, x/2 (1 + erf(x / sqrt 2)) (Hendrycks & Gimpel 2016, arXiv:1606.08415), by default written in
 * the form that ONNX Runtime makes one kernel of.
 */
export function gelu(b: GraphBuilder, x: Value, precision: GraphPrecision, form: GraphForm['gelu']): Value {
  if (form === 'operator') return b.node('Gelu', [x])
  const dtype = floatType(precision)
  const erf = b.node('Erf', [b.node('Div', [x, b.floats([Math.SQRT2], [], dtype)])])
  const gate = b.node('Add', [erf, b.floats([1], [], dtype)])
  return b.node('Mul', [b.node('Mul', [x, gate]), b.floats([0.5], [], dtype)])
}

/** Where `traceLayers` is set, declares an output `layer_N` that shows `x`, [B,T,width]. */
export function traceLayer(
  b: GraphBuilder,
  layer: number,
  x: Value,
  width: number,
  options: GraphOptions,
): void {
  if (!options.traceLayers) return
  const shown = b.node('Identity', [toFloat(b, x, options.precision ?? 'fp32')], {}, `layer_${layer}`)
  b.output(shown, DataType.float, ['B', 'T', width])
}

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
function corrected(
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
