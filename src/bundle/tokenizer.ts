import type { Bundle } from './bundle.ts'
import { eachModel, type ModelName } from './models.ts'

/** From the letters of a sequence to the token ids of one model. */
export interface Tokenizer {
  readonly padId: number
  /** @param sequence - letters in ASCII. @returns ids with the special tokens, without padding */
  encode(sequence: Uint8Array): Int32Array
}

/** The tokenizers of a bundle; those in files are made of the bytes that were compared with their checksums. */
export async function readTokenizers(bundle: Bundle): Promise<Record<ModelName, Tokenizer>> {
  const { DnaTokenizer, EsmAlphabet } = await import('../tokenizers/index.ts')
  return await eachModel(async (name) => {
    const { tokenizer } = bundle.manifest.models[name]
    if (tokenizer === undefined) return new EsmAlphabet()
    const text = (await bundle.read(tokenizer)).toString('utf8')
    return DnaTokenizer.fromJson(text, bundle.pathOf(tokenizer))
  })
}
