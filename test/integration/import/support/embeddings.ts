import { join } from 'node:path'
import { randomSource } from '../../../../scripts/support/random.ts'
import type { Bundle } from '../../../../src/bundle/index.ts'
import { type GraphOptions, openDnabert, openEsm2 } from '../../../../src/import/index.ts'
import { DnaTokenizer, EsmAlphabet } from '../../../../src/tokenizers/index.ts'
import { evaluate } from './evaluate.ts'
import type { ModelPaths } from './models.ts'
import { embed, openModel, temporaryFolder } from './run.ts'

export type Name = 'esm2' | 'dnabert_s'

/** Frames that no bundle was made with, as token ids. */
async function rowsFor(models: ModelPaths, name: Name): Promise<number[][]> {
  const random = randomSource(9)
  const text = (letters: string, length: number) =>
    Array.from({ length }, () => letters[Math.floor(random() * letters.length)]!).join('')
  const alphabet = new EsmAlphabet()
  const tokenizer = await DnaTokenizer.fromFile(join(models.dnabert, 'tokenizer.json'))
  return [50, 70, 100, 120, 166].map((length) => {
    const ids =
      name === 'esm2'
        ? alphabet.encode(Buffer.from(text('ACDEFGHIKLMNPQRSTVWY', length)))
        : tokenizer.encode(Buffer.from(text('ACGT', 3 * length)))
    return [...ids]
  })
}

/** Embeddings of those frames in FP32, with the weights as they are or as `options` say. */
export async function inFp32(
  models: ModelPaths,
  name: Name,
  options: GraphOptions = {},
): Promise<Float32Array> {
  using folder = temporaryFolder()
  await using model = await (name === 'esm2' ? openEsm2(models.esm) : openDnabert(models.dnabert))
  const session = await openModel(model, folder.path, options)
  const { embedding } = await embed(session, await rowsFor(models, name))
  await session.release()
  return embedding!
}

/** Those of a bundle's own graph, of whatever precision. */
export async function evaluated(models: ModelPaths, name: Name, bundle: Bundle): Promise<number[][]> {
  return await evaluate(bundle.pathOf(bundle.manifest.models[name].graph), await rowsFor(models, name))
}
