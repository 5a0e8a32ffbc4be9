import { join } from 'node:path'
import {
  writeRandomDnabert,
  writeRandomEsm2,
  writeRandomMlp,
} from '../../../scripts/support/random-models.ts'
import { randomTokenizer } from '../../../scripts/support/random-tokenizer.ts'

const TOKENS = 40

/** Paths of three small random models that belong together. */
export interface ModelPaths {
  esm: string
  dnabert: string
  mlp: string
}

/** Writes three small random models; heads and widths are no powers of two, as some real ones'. */
export async function writeRandomModels(folder: string, seed = 1): Promise<ModelPaths> {
  const paths = {
    esm: join(folder, 'esm'),
    dnabert: join(folder, 'dnabert'),
    mlp: join(folder, 'mlp.safetensors'),
  }
  await writeRandomEsm2(paths.esm, seed, { layers: 2, width: 24, heads: 3, hidden: 96 })
  const dnabert = { layers: 2, width: 24, heads: 6, hidden: 40, vocabulary: TOKENS }
  await writeRandomDnabert(paths.dnabert, seed + 1, { ...dnabert, tokenizer: randomTokenizer(seed, TOKENS) })
  await writeRandomMlp(paths.mlp, seed + 2, 48, 16)
  return paths
}
