import { ModelError } from '../../bundle/index.ts'
import type { WeightSource } from '../../torchfile/index.ts'
import type { Esm2Shape } from '../graphs/esm2.ts'
import { defaultInverseFrequencies } from '../graphs/rotary.ts'
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

/** What the file's settings say; dimensions are taken from the tensors themselves. */
export interface Esm2Settings {
  readonly heads?: number | undefined
  readonly tokenDropout?: boolean | undefined
  readonly layerNormEps?: number | undefined
}

export interface Esm2Weights {
  readonly shape: Esm2Shape
  readonly tensors: Tensors
  /** Of each layer, [size/2]. */
  readonly inverseFrequencies: readonly Float32Array[]
}

/** How one library names the parts of ESM-2. */
interface Naming {
  readonly embedding: string
  readonly layers: string
  /** Graph name to file name, inside a layer. */
  readonly parts: Readonly<Record<string, string>>
  readonly finalNorm: string
  readonly frequencies: string
  /** Names of the frequencies where all layers share them. */
  readonly sharedFrequencies: readonly string[]
}

const FAIR_ESM: Naming = {
  embedding: 'embed_tokens',
  layers: 'layers.',
  parts: {
    attention_norm: 'self_attn_layer_norm',
    query: 'self_attn.q_proj',
    key: 'self_attn.k_proj',
    value: 'self_attn.v_proj',
    attention_out: 'self_attn.out_proj',
    ffn_norm: 'final_layer_norm',
    ffn_in: 'fc1',
    ffn_out: 'fc2',
  },
  finalNorm: 'emb_layer_norm_after',
  frequencies: 'self_attn.rot_emb.inv_freq',
  sharedFrequencies: [],
}

const TRANSFORMERS: Naming = {
  embedding: 'embeddings.word_embeddings',
  layers: 'encoder.layer.',
  parts: {
    attention_norm: 'attention.LayerNorm',
    query: 'attention.self.query',
    key: 'attention.self.key',
    value: 'attention.self.value',
    attention_out: 'attention.output.dense',
    ffn_norm: 'LayerNorm',
    ffn_in: 'intermediate.dense',
    ffn_out: 'output.dense',
  },
  finalNorm: 'encoder.emb_layer_norm_after',
  frequencies: 'attention.self.rotary_embeddings.inv_freq',
  // Since transformers 5, which writes the second name with the star in it.
  sharedFrequencies: [
    'rotary_embeddings.inv_freq',
    'encoder.layer.*.attention.self.rotary_embeddings.inv_freq',
  ],
}

/** Heads for other tasks, and buffers that are constants: present in many files, used by none of our graphs. */
const UNUSED =
  /(^|\.)(lm_head\.|contact_head\.|pooler\.|embeddings\.position_ids$|embeddings\.position_embeddings\.weight$|inv_freq$|_float_tensor$|version$)/

/** Letters of the ESM-1b alphabet, specials included. */
const ALPHABET = 33

/**
 * Reads ESM-2 of any size, as fair-esm or transformers name it and behind any prefix.
 *
 * @throws ModelError when it is another architecture, or its settings contradict its tensors
 */
export async function readEsm2(source: WeightSource, settings: Esm2Settings): Promise<Esm2Weights> {
  const { naming, prefix } = findNaming(source)
  const layersAt = prefix + naming.layers
  const shared = naming.sharedFrequencies.map((name) => prefix + name).find((name) => source.get(name))
  const frequenciesOf = (layer: number) => shared ?? `${layersAt}${layer}.${naming.frequencies}`
  const embedding = `${prefix}${naming.embedding}.weight`
  const width = sizeOf(source, embedding, 1)
  const vocabulary = sizeOf(source, embedding, 0)
  const hidden = sizeOf(source, `${layersAt}0.${naming.parts.ffn_in}.weight`, 0)
  const layers = countLayers(source, layersAt)

  const map = tensorMap(naming, prefix, { layers, width, hidden, vocabulary })
  checkTensors('an ESM-2 model', source, map, (name) => UNUSED.test(name))
  if (layers === 0)
    throw new ModelError(`${source.path} has no layers: expected tensors named ${layersAt}0...`)
  if (vocabulary < ALPHABET) {
    throw new ModelError(
      `${source.path} has embeddings for ${vocabulary} tokens; ESM-2's alphabet has ${ALPHABET}. Give an ESM-2 model.`,
    )
  }

  const stored = source.get(frequenciesOf(0))?.shape[0]
  const heads = settings.heads ?? (stored === undefined ? undefined : width / (2 * stored))
  if (heads === undefined) {
    throw new ModelError(
      `${source.path} does not say how many attention heads it has: expected the file's own settings, ` +
        'a config.json beside it, or rotary frequencies in it. Put the config.json of the model beside the file.',
    )
  }
  const size = width / heads
  if (!Number.isInteger(size) || size % 2 !== 0 || (stored !== undefined && 2 * stored !== size)) {
    throw new ModelError(
      `${source.path} contradicts itself: width ${width}, ${heads} attention heads` +
        `${stored === undefined ? '' : `, rotary frequencies for heads of ${2 * stored}`}. ` +
        'Check that config.json belongs to these weights.',
    )
  }

  const inverseFrequencies: Float32Array[] = []
  for (let layer = 0; layer < layers; layer++) {
    const name = frequenciesOf(layer)
    inverseFrequencies.push(
      source.get(name) === undefined ? defaultInverseFrequencies(size) : await source.readF32(name),
    )
  }
  return {
    shape: {
      layers,
      width,
      heads,
      hidden,
      vocabulary,
      tokenDropout: settings.tokenDropout ?? true,
      layerNormEps: settings.layerNormEps ?? 1e-5,
    },
    tensors: mapped(source, map),
    inverseFrequencies,
  }
}

function findNaming(source: WeightSource): { naming: Naming; prefix: string } {
  for (const naming of [FAIR_ESM, TRANSFORMERS]) {
    const prefix = prefixOf(source, `${naming.embedding}.weight`)
    if (prefix !== undefined) return { naming, prefix }
  }
  throw new ModelError(
    `${source.path} is not an ESM-2 model: it has no tensor named ...${FAIR_ESM.embedding}.weight (fair-esm) or ` +
      `...${TRANSFORMERS.embedding}.weight (transformers). Give esm2_*.pt of fair-esm or a folder from Hugging Face.`,
  )
}

function tensorMap(
  naming: Naming,
  prefix: string,
  { layers, width, hidden, vocabulary }: Pick<Esm2Shape, 'layers' | 'width' | 'hidden' | 'vocabulary'>,
): TensorMap {
  const shapes: Record<string, readonly number[]> = {
    query: [width, width],
    key: [width, width],
    value: [width, width],
    attention_out: [width, width],
    ffn_in: [hidden, width],
    ffn_out: [width, hidden],
  }
  const map = new Map<string, TensorOrigin>()
  const add = (name: string, from: string, shape: readonly number[]) => {
    map.set(`${name}.weight`, { from: `${prefix}${from}.weight`, shape })
    map.set(`${name}.bias`, { from: `${prefix}${from}.bias`, shape: [shape[0]!] })
  }
  map.set('embed.weight', { from: `${prefix}${naming.embedding}.weight`, shape: [vocabulary, width] })
  for (let i = 0; i < layers; i++) {
    for (const [part, from] of Object.entries(naming.parts)) {
      add(`layers.${i}.${part}`, `${naming.layers}${i}.${from}`, shapes[part] ?? [width])
    }
  }
  add('final_norm', naming.finalNorm, [width])
  return map
}
