import { GraphBuilder, type Value } from '../../onnx/index.ts'
import { alibiBias } from './alibi.ts'
import { adding, attention, projections, type ScoreChange, unchanged } from './attention.ts'
import { batchInputs, type GraphOptions, gelu, meanPool, paddingBias, toFloat, traceLayer } from './common.ts'
import { fusedAlibi, fusedAttention } from './fused-attention.ts'
import { Layers } from './layers.ts'
import type { Tensors } from './tensors.ts'

/** What distinguishes one model of DNABERT-2's shape from another. */
export interface DnabertShape {
  readonly layers: number
  /** Numbers per token, and of the embedding. */
  readonly width: number
  readonly heads: number
  /** Width inside the gated feed-forward layer. */
  readonly hidden: number
  /** Entries of the embedding table. */
  readonly vocabulary: number
  readonly layerNormEps: number
}

/**
 * DNABERT-S (Zhou et al. 2024, arXiv:2402.08777), whose architecture is DNABERT-2's (arXiv:2306.15006),
 * with VirNucPro's mean over all tokens, [CLS] and [SEP] included.
 *
 * Inputs `input_ids` INT32 [B,T] and `lengths` INT32 [B]; output `embedding` FP32 [B,width].
 */
export function dnabertGraph(
  shape: DnabertShape,
  tensors: Tensors,
  options: GraphOptions = {},
): GraphBuilder {
  const precision = options.precision ?? 'fp32'
  const { width, heads, hidden } = shape
  const b = new GraphBuilder('dnabert_s')
  const layers = new Layers(b, tensors, options, shape.layerNormEps)
  const batch = batchInputs(b)
  const isFused = layers.form.attention === 'fused'
  const fused = isFused ? fusedAlibi(b, batch.lengths, heads) : undefined
  const bias = () => alibiBias(b, batch.positions, paddingBias(b, batch, precision), heads, precision)
  const change = isFused ? unchanged : adding(b, bias())

  const rows = layers.embed(batch.ids, shape.vocabulary, width, () => typedTable(width, tensors))
  let x = layers.norm(rows, 'embed_norm', width)
  traceLayer(b, 0, x, width, options)
  for (let i = 0; i < shape.layers; i++) {
    const at = (name: string) => `layers.${i}.${name}`
    const seen: ScoreChange = (scores) => change(layers.seen(at('scores'), scores))
    x = b.scoped(`layer_${i + 1}`, () => {
      const mixed =
        fused === undefined
          ? attention(b, projections(b, layers, x, { width, heads, at }), seen, width)
          : fusedAttention(b, layers, x, { width, heads, at }, fused)
      const sum = b.node('Add', [layers.linear(mixed, at('attention_out'), width, width), x])
      const a = layers.norm(sum, at('attention_norm'), width)
      const gated = gatedHidden(b, layers, a, { width, hidden, at })
      const out = b.node('Add', [layers.linear(gated, at('ffn_out'), hidden, width), a])
      return layers.norm(out, at('ffn_norm'), width)
    })
    traceLayer(b, i + 1, x, width, options)
  }
  layers.seen('embedded', x)
  const pooled = { keep: batch.isToken, count: batch.lengths }
  meanPool(b, toFloat(b, x, precision), pooled, width, options.correction)
  return b
}

/** gelu(x G') times x W', neither with a bias: [B,T,hidden] */
function gatedHidden(
  b: GraphBuilder,
  layers: Layers,
  x: Value,
  { width, hidden, at }: { width: number; hidden: number; at: (name: string) => string },
): Value {
  const { precision, form } = layers
  if (form.gate === 'joined') {
    const parts = [{ name: at('ffn_gate') }, { name: at('ffn_in') }]
    const both = layers.joined(x, at('ffn_gate_in'), parts, width, hidden, { bias: false })
    const split = b.nodeWithOutputs('Split', [both, b.ints([hidden, hidden])], 2, { axis: -1 })
    const [gate, value] = split as [Value, Value]
    return b.node('Mul', [gelu(b, gate, precision, form.gelu), value])
  }
  const gate = gelu(b, layers.linear(x, at('ffn_gate'), width, hidden, { bias: false }), precision, form.gelu)
  return b.node('Mul', [gate, layers.linear(x, at('ffn_in'), width, hidden, { bias: false })])
}

/** Every token is of type 0 here, so that type's embedding is added to the table once. */
async function typedTable(width: number, tensors: Tensors): Promise<Float32Array> {
  const table = await tensors.read('embed.weight')
  const type = await tensors.read('token_types.weight')
  return table.map((value, i) => value + type[i % width]!)
}
