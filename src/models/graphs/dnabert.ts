import { GraphBuilder } from '../../onnx/index.ts'
import { alibiBias } from './alibi.ts'
import { attention, splitHeads } from './attention.ts'
import { batchInputs, type GraphOptions, gelu, meanPool, paddingBias, toFloat, traceLayer } from './common.ts'
import { Layers } from './layers.ts'
import type { Tensors } from './tensors.ts'

/** What tells one DNABERT-2-shaped model from another. */
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
  const size = width / heads
  const b = new GraphBuilder('dnabert_s')
  const layers = new Layers(b, tensors, precision, shape.layerNormEps)
  const batch = batchInputs(b)
  const bias = alibiBias(b, batch.positions, paddingBias(b, batch, precision), heads, precision)

  const embedded = layers.embed(batch.ids, shape.vocabulary, width, () => typedTable(width, tensors))
  let x = layers.norm(embedded, 'embed_norm', width)
  traceLayer(b, 0, x, width, options)
  for (let i = 0; i < shape.layers; i++) {
    const at = (name: string) => `layers.${i}.${name}`
    x = b.scoped(`layer_${i + 1}`, () => {
      const project = (name: string, scale = 1) =>
        splitHeads(b, layers.linear(x, at(name), width, width, { scale }), heads, size)
      const mixed = attention(
        b,
        project('query', size ** -0.5),
        project('key'),
        project('value'),
        bias,
        width,
      )
      const a = layers.norm(
        b.node('Add', [layers.linear(mixed, at('attention_out'), width, width), x]),
        at('attention_norm'),
        width,
      )
      const gate = gelu(b, layers.linear(a, at('ffn_gate'), width, hidden, { bias: false }), precision)
      const gated = b.node('Mul', [gate, layers.linear(a, at('ffn_in'), width, hidden, { bias: false })])
      const out = b.node('Add', [layers.linear(gated, at('ffn_out'), hidden, width), a])
      return layers.norm(out, at('ffn_norm'), width)
    })
    traceLayer(b, i + 1, x, width, options)
  }
  meanPool(b, toFloat(b, x, precision), batch.isToken, batch.lengths, width)
  return b
}

/** Every token is of type 0 here, so that type's embedding is added to the table once. */
async function typedTable(width: number, tensors: Tensors): Promise<Float32Array> {
  const table = await tensors.read('embed.weight')
  const type = await tensors.read('token_types.weight')
  return table.map((value, i) => value + type[i % width]!)
}
