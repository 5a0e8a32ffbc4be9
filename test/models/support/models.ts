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

interface Dimensions {
  layers: number
  width: number
  heads: number
  hidden: number
}

/** Heads and widths are no powers of two, as some real ones'. */
const SMALL = {
  esm: { layers: 2, width: 24, heads: 3, hidden: 96 },
  dnabert: { layers: 2, width: 24, heads: 6, hidden: 40 },
}

/** Writes three random models that belong together, small ones unless told otherwise. */
export async function writeRandomModels(
  folder: string,
  seed = 1,
  { esm, dnabert }: { esm: Dimensions; dnabert: Dimensions } = SMALL,
): Promise<ModelPaths> {
  const paths = {
    esm: join(folder, 'esm'),
    dnabert: join(folder, 'dnabert'),
    mlp: join(folder, 'mlp.safetensors'),
  }
  await writeRandomEsm2(paths.esm, seed, esm)
  const tokenizer = randomTokenizer(seed, TOKENS)
  await writeRandomDnabert(paths.dnabert, seed + 1, { ...dnabert, vocabulary: TOKENS, tokenizer })
  await writeRandomMlp(paths.mlp, seed + 2, esm.width + dnabert.width, 16)
  return paths
}
