import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RandomWeights } from './random.ts'
import { encodeSafetensors } from './safetensors.ts'

/** Dimensions of a random language model. */
export interface Dimensions {
  readonly layers: number
  readonly width: number
  readonly heads: number
  readonly hidden: number
}

/** Writes an ESM-2-shaped model as a Hugging Face folder. */
export async function writeRandomEsm2(folder: string, seed: number, dims: Dimensions): Promise<void> {
  const { layers, width, heads, hidden } = dims
  const w = new RandomWeights(seed)
  w.tensor('esm.embeddings.word_embeddings.weight', [33, width], 1)
  for (let i = 0; i < layers; i++) {
    const at = `esm.encoder.layer.${i}.`
    w.norm(`${at}attention.LayerNorm`, width)
    for (const part of ['query', 'key', 'value']) w.linear(`${at}attention.self.${part}`, width, width)
    w.linear(`${at}attention.output.dense`, width, width)
    w.norm(`${at}LayerNorm`, width)
    w.linear(`${at}intermediate.dense`, width, hidden)
    w.linear(`${at}output.dense`, hidden, width)
  }
  w.norm('esm.encoder.emb_layer_norm_after', width)
  await writeFolder(folder, w, {
    model_type: 'esm',
    num_attention_heads: heads,
    position_embedding_type: 'rotary',
    token_dropout: true,
    layer_norm_eps: 1e-5,
  })
}

/** Writes a DNABERT-2-shaped model as a Hugging Face folder, with the tokenizer given. */
export async function writeRandomDnabert(
  folder: string,
  seed: number,
  dims: Dimensions & { vocabulary: number; tokenizer: string },
): Promise<void> {
  const { layers, width, heads, hidden, vocabulary } = dims
  const w = new RandomWeights(seed)
  w.tensor('embeddings.word_embeddings.weight', [vocabulary, width], 1)
  w.tensor('embeddings.token_type_embeddings.weight', [2, width], 0.1)
  w.norm('embeddings.LayerNorm', width)
  for (let i = 0; i < layers; i++) {
    const at = `encoder.layer.${i}.`
    w.linear(`${at}attention.self.Wqkv`, width, 3 * width)
    w.linear(`${at}attention.output.dense`, width, width)
    w.norm(`${at}attention.output.LayerNorm`, width)
    w.linear(`${at}mlp.gated_layers`, width, 2 * hidden, false)
    w.linear(`${at}mlp.wo`, hidden, width)
    w.norm(`${at}mlp.layernorm`, width)
  }
  await writeFolder(folder, w, { model_type: 'bert', num_attention_heads: heads, layer_norm_eps: 1e-12 })
  await writeFile(join(folder, 'tokenizer.json'), dims.tokenizer)
}

/** Writes a classifier as a safetensors file. */
export async function writeRandomMlp(
  path: string,
  seed: number,
  input: number,
  hidden: number,
): Promise<void> {
  const w = new RandomWeights(seed)
  w.linear('hidden_layer', input, hidden)
  w.norm('bn1', hidden)
  w.tensor('bn1.running_mean', [hidden], 0.1)
  w.tensor('bn1.running_var', [hidden], 0.1, 1)
  // Wide enough for confident calls, or the example's table would be all halves.
  w.tensor('output_layer.weight', [2, hidden], 1)
  w.tensor('output_layer.bias', [2], 0.1)
  await writeFile(path, encodeSafetensors(w.tensors))
}

async function writeFolder(folder: string, weights: RandomWeights, config: object): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'model.safetensors'), encodeSafetensors(weights.tensors))
  await writeFile(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
}
