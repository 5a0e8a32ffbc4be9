import { DnaTokenizer } from '../tokenizers/index.ts'
import type { Bundle } from './open.ts'

/** The tokenizer of a bundle, made of the bytes that were compared with its checksum. */
export async function readTokenizer(bundle: Bundle): Promise<DnaTokenizer> {
  const { tokenizer } = bundle.manifest.models.dnabert_s
  return DnaTokenizer.fromJson((await bundle.read(tokenizer)).toString('utf8'), bundle.pathOf(tokenizer))
}
