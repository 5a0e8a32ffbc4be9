import { ModelError } from '../../bundle/index.ts'
import type { WeightSource } from '../../torchfile/index.ts'
import type { DnabertShape } from '../graphs/dnabert.ts'
import type { Tensors } from '../graphs/tensors.ts'
import {
  checkTensors,
  countLayers,
  mapped,
  prefixOf,
  sizeOf,
  type TensorMap,
  type TensorOrigin,
} from './tensor-map.ts'

/** What config.json says; dimensions are taken from the tensors themselves. */
export interface DnabertSettings {
  readonly heads: number
  readonly layerNormEps?: number | undefined
}

export interface DnabertWeights {
  readonly shape: DnabertShape
  readonly tensors: Tensors
}

const EMBEDDING = 'embeddings.word_embeddings.weight'
const UNUSED =
  /(^|\.)(pooler\.|cls\.|classifier\.|embeddings\.position_ids$|embeddings\.position_embeddings\.weight$)/

/**
 * Reads DNABERT-S, DNABERT-2 or another model of that shape, behind any prefix such as `bert.`.
 *
 * @throws ModelError when it is another architecture, or its settings contradict its tensors
 */
export function readDnabert(source: WeightSource, settings: DnabertSettings): DnabertWeights {
  const prefix = prefixOf(source, EMBEDDING)
  if (prefix === undefined) {
    throw new ModelError(
      `${source.path} is not a DNABERT-S model: it has no tensor named ...${EMBEDDING}. ` +
        'Give the folder of zhihan1996/DNABERT-S from Hugging Face.',
    )
  }
  const { heads } = settings
  const layersAt = `${prefix}encoder.layer.`
  const shape: DnabertShape = {
    layers: countLayers(source, layersAt),
    width: sizeOf(source, prefix + EMBEDDING, 1),
    heads,
    hidden: sizeOf(source, `${layersAt}0.mlp.wo.weight`, 1),
    vocabulary: sizeOf(source, prefix + EMBEDDING, 0),
    layerNormEps: settings.layerNormEps ?? 1e-12,
  }
  const map = tensorMap(prefix, shape, sizeOf(source, `${prefix}embeddings.token_type_embeddings.weight`, 0))
  checkTensors('a DNABERT-S model', source, map, (name) => UNUSED.test(name))
  if (shape.layers === 0)
    throw new ModelError(`${source.path} has no layers: expected tensors named ${layersAt}0...`)
  if (shape.width % heads !== 0) {
    throw new ModelError(
      `${source.path} contradicts itself: width ${shape.width} cannot be split into ${heads} attention heads. ` +
        'Check that config.json belongs to these weights.',
    )
  }
  return { shape, tensors: mapped(source, map) }
}

function tensorMap(
  prefix: string,
  { layers, width, hidden, vocabulary }: DnabertShape,
  types: number,
): TensorMap {
  const map = new Map<string, TensorOrigin>()
  const add = (name: string, from: string, shape: readonly number[], rows?: readonly [number, number]) => {
    map.set(name, { from: prefix + from, shape, ...(rows && { rows }) })
  }
  const addBoth = (
    name: string,
    from: string,
    shape: readonly number[],
    rows?: readonly [number, number],
  ) => {
    add(`${name}.weight`, `${from}.weight`, shape, rows)
    add(`${name}.bias`, `${from}.bias`, [shape[0]!], rows)
  }
  add('embed.weight', EMBEDDING, [vocabulary, width])
  // Type 0 is the only one used; a file without types would be another architecture.
  add('token_types.weight', 'embeddings.token_type_embeddings.weight', [Math.max(1, types), width], [0, 1])
  addBoth('embed_norm', 'embeddings.LayerNorm', [width])
  for (let i = 0; i < layers; i++) {
    const from = `encoder.layer.${i}.`
    for (const [part, name] of ['query', 'key', 'value'].entries()) {
      const rows = [part * width, (part + 1) * width] as const
      addBoth(`layers.${i}.${name}`, `${from}attention.self.Wqkv`, [3 * width, width], rows)
    }
    addBoth(`layers.${i}.attention_out`, `${from}attention.output.dense`, [width, width])
    addBoth(`layers.${i}.attention_norm`, `${from}attention.output.LayerNorm`, [width])
    const gated = [2 * hidden, width]
    add(`layers.${i}.ffn_gate.weight`, `${from}mlp.gated_layers.weight`, gated, [0, hidden])
    add(`layers.${i}.ffn_in.weight`, `${from}mlp.gated_layers.weight`, gated, [hidden, 2 * hidden])
    addBoth(`layers.${i}.ffn_out`, `${from}mlp.wo`, [width, hidden])
    addBoth(`layers.${i}.ffn_norm`, `${from}mlp.layernorm`, [width])
  }
  return map
}
