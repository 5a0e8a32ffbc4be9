import { MODELS } from '../../bundle/index.ts'
import { DataType, GraphBuilder, type Value } from '../../onnx/index.ts'
import { adding, attention, projections, type ScoreChange, unchanged } from './attention.ts'
import {
  type Batch,
  batchInputs,
  column,
  formOf,
  fromFloat,
  GELU_LOWEST,
  type GraphOptions,
  gelu,
  meanPool,
  paddingBias,
  row,
  toFloat,
  traceLayer,
} from './common.ts'
import { encoderLayer } from './encoder-layer.ts'
import { type FusedInputs, fusedAttention, fusedRotations } from './fused-attention.ts'
import { Layers } from './layers.ts'
import { type Rotation, rotate, rotations } from './rotary.ts'
import type { Tensors } from './tensors.ts'

/** What distinguishes one ESM-2 from another. */
export interface Esm2Shape {
  readonly layers: number
  /** Numbers per residue, and of the embedding. */
  readonly width: number
  readonly heads: number
  /** Width inside the feed-forward layer: 4 times `width` in every published model. */
  readonly hidden: number
  /** Entries of the embedding table. */
  readonly vocabulary: number
  /** Trained with token dropout, for which embeddings are scaled at inference. */
  readonly tokenDropout: boolean
  readonly layerNormEps: number
}

const MAX_RESIDUES = MODELS.esm2.maxResidues

/** Share of tokens hidden in training, 15 %, times the share of those that the mask replaced, 80 %. */
const MASKED_IN_TRAINING = 0.15 * 0.8

/**
 * ESM-2 (Lin et al. 2023, doi:10.1126/science.ade2574) with VirNucPro's mean over residues.
 *
 * Inputs `input_ids` INT32 [B,T] and `lengths` INT32 [B]; output `embedding` FP32 [B,width], the mean of
 * the last layer over positions 1 to min(1024, length - 2), so without <cls> and <eos>.
 *
 * @param inverseFrequencies rotary frequencies of each layer, [size/2], as the file has them
 */
export function esm2Graph(
  shape: Esm2Shape,
  tensors: Tensors,
  inverseFrequencies: readonly Float32Array[],
  options: GraphOptions = {},
): GraphBuilder {
  const precision = options.precision ?? 'fp32'
  const form = formOf(options)
  const { width } = shape
  const b = new GraphBuilder('esm2')
  const layers = new Layers(b, tensors, options, shape.layerNormEps)
  const batch = batchInputs(b)
  const isFused = form.attention === 'fused'
  const fused = isFused ? fusedRotations(b, batch.lengths, inverseFrequencies) : []
  const hide = isFused ? unchanged : adding(b, paddingBias(b, batch, precision))
  const angles = isFused ? [] : rotations(b, batch.positions, inverseFrequencies, { precision, form })

  let x = layers.embed(batch.ids, shape.vocabulary, width, () => scaledTable(shape, tensors))
  traceLayer(b, 0, x, width, options)
  for (let i = 0; i < shape.layers; i++) {
    x = b.scoped(`layer_${i + 1}`, () =>
      esm2Layer(b, layers, x, { ...shape, index: i, angles: angles[i], hide, fused: fused[i] }),
    )
    if (i + 1 < shape.layers) traceLayer(b, i + 1, x, width, options)
  }
  x = lastNorm(layers, x, width)
  traceLayer(b, shape.layers, x, width, options)

  const { residues, isResidue } = residueMask(b, batch)
  const pooled = { keep: isResidue, count: residues }
  meanPool(b, toFloat(b, x, precision), pooled, width, options.correction)
  return b
}

/** One layer: [B,T,width] to [B,T,width]. */
function esm2Layer(
  b: GraphBuilder,
  layers: Layers,
  x: Value,
  {
    width,
    heads,
    hidden,
    index,
    angles,
    hide,
    fused,
  }: Esm2Shape & {
    index: number
    /** Needed unless `fused` has them. */
    angles: Rotation | undefined
    hide: ScoreChange
    fused?: FusedInputs | undefined
  },
): Value {
  const at = (name: string) => `layers.${index}.${name}`
  if (layers.form.layer === 'fused' && fused !== undefined) {
    const whole = encoderLayer(b, layers, x, { width, heads, hidden, at }, fused)
    if (whole !== undefined) return whole
  }
  const y = layers.norm(x, at('attention_norm'), width, at('query'))
  const turn = (z: Value) => rotate(b, z, angles!, width / heads, layers.form.rotation)
  const change: ScoreChange = (scores) => hide(layers.seen(at('scores'), scores))
  const mixed =
    fused === undefined
      ? attention(b, projections(b, layers, y, { width, heads, at, turn }), change, width)
      : fusedAttention(b, layers, y, { width, heads, at }, fused)
  const a = b.node('Add', [x, layers.linear(mixed, at('attention_out'), width, width, { onto: x })])
  const normed = layers.norm(a, at('ffn_norm'), width, at('ffn_in'))
  const h = gelu(b, layers.linear(normed, at('ffn_in'), width, hidden), layers.precision, layers.form.gelu)
  return b.node('Add', [a, layers.linear(h, at('ffn_out'), hidden, width, { lowest: GELU_LOWEST, onto: a })])
}

/** What follows the last layer. */
function lastNorm(layers: Layers, x: Value, width: number): Value {
  return layers.seen('embedded', layers.norm(x, 'final_norm', width))
}

/** The mask token never reaches inference, so token dropout's scale is one number and goes into the table. */
export async function scaledTable(shape: Esm2Shape, tensors: Tensors): Promise<Float32Array> {
  const table = await tensors.read('embed.weight')
  const scale = Math.fround(1 - MASKED_IN_TRAINING)
  return shape.tokenDropout ? table.map((value) => value * scale) : table
}

/** Positions 1 to min(1024, length - 2) of each row, and how many they are. */
function residueMask(b: GraphBuilder, batch: Batch): { residues: Value; isResidue: Value } {
  const int32 = (value: number) => b.node('Cast', [b.ints([value])], { to: DataType.int32 })
  const residues = b.node('Min', [b.node('Sub', [batch.lengths, int32(2)]), int32(MAX_RESIDUES)])
  const position = column(b, batch.positions)
  const isResidue = b.node('And', [
    b.node('Greater', [position, int32(0)]),
    b.node('LessOrEqual', [position, row(b, residues)]),
  ])
  return { residues, isResidue }
}

/**
 * One layer of ESM-2 as a graph of its own, so that a model larger than memory can be followed layer by layer.
 * Input `x` FP32 [B,T,width], rows without padding; output `y` of the same shape.
 *
 * @param frequencies rotary frequencies of this layer, [size/2]
 */
export function esm2LayerGraph(
  shape: Esm2Shape,
  tensors: Tensors,
  frequencies: Float32Array,
  index: number,
  options: GraphOptions,
): GraphBuilder {
  const { precision = 'fp32' } = options
  const form = formOf(options)
  const b = new GraphBuilder(`esm2_layer_${index + 1}`)
  const layers = new Layers(b, tensors, options, shape.layerNormEps)
  const given = b.input('x', DataType.float, ['B', 'T', shape.width])
  const x = fromFloat(b, given, precision)
  const length = b.node('Gather', [b.node('Shape', [x]), b.ints([1], [])])
  const range = b.node('Range', [b.ints([0], []), length, b.ints([1], [])])
  const positions = b.node('Cast', [range], { to: DataType.int32 })
  const [angles] = rotations(b, positions, [frequencies], { precision, form })
  const result = esm2Layer(b, layers, x, { ...shape, index, angles: angles!, hide: (scores) => scores })
  b.output(b.node('Identity', [toFloat(b, result, precision)], {}, 'y'), DataType.float, [
    'B',
    'T',
    shape.width,
  ])
  return b
}

/** What follows the last layer: `x` FP32 [B,T,width], rows without padding, to `embedding` FP32 [B,width]. */
export function esm2EndGraph(shape: Esm2Shape, tensors: Tensors, options: GraphOptions): GraphBuilder {
  const { precision = 'fp32' } = options
  const b = new GraphBuilder('esm2_end')
  const layers = new Layers(b, tensors, options, shape.layerNormEps)
  const x = b.input('x', DataType.float, ['B', 'T', shape.width])
  const normed = toFloat(b, lastNorm(layers, fromFloat(b, x, precision), shape.width), precision)
  const inner = b.node('Slice', [normed, b.ints([1]), b.ints([-1]), b.ints([1])])
  const first = b.node('Slice', [inner, b.ints([0]), b.ints([MAX_RESIDUES]), b.ints([1])])
  const mean = b.node('ReduceMean', [first, b.ints([1])], { keepdims: 0 }, 'embedding')
  b.output(mean, DataType.float, ['B', shape.width])
  return b
}
