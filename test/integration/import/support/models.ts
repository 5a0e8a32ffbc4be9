import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  writeRandomDnabert,
  writeRandomEsm2,
  writeRandomMlp,
} from '../../../../scripts/support/random-models.ts'
import { randomTokenizer } from '../../../../scripts/support/random-tokenizer.ts'

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

/** Width of {@link writeWiderModels}. */
export const WIDER = 96

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

/** The same with both language models 96 wide, heads of 16 numbers: the smallest that the attention kernel takes. */
export function writeWiderModels(folder: string, layers: number): Promise<ModelPaths> {
  const dims = { layers, width: WIDER, heads: WIDER / 16, hidden: 4 * WIDER }
  return writeRandomModels(folder, 1, { esm: dims, dnabert: dims })
}

/** Changes the numbers of the tensors of a safetensors file whose name matches, one at least. Returns how many those are. */
export function changeWeights(
  path: string,
  name: RegExp,
  change: (value: number, i: number) => number,
): number {
  const bytes = readFileSync(path)
  const data = 8 + Number(bytes.readBigUInt64LE())
  const tensors: Record<string, { data_offsets?: [number, number] }> = JSON.parse(
    bytes.toString('utf8', 8, data),
  )
  const found = Object.keys(tensors).filter((tensor) => name.test(tensor))
  if (found.length === 0) throw new Error(`${path} has no tensor named ${name}`)
  for (const tensor of found) {
    const [start, end] = tensors[tensor]!.data_offsets!
    for (let at = start; at < end; at += 4) {
      bytes.writeFloatLE(change(bytes.readFloatLE(data + at), (at - start) / 4), data + at)
    }
  }
  writeFileSync(path, bytes)
  return found.length
}
