/** From sequences to token ids, equal to the tokenizers that the models were trained with. */

export { DnaTokenizer } from './dna-tokenizer.ts'
// Errors, so that callers can tell a bad file from a bad sequence.
export { TokenizerFileError, UnknownResidueError } from './errors.ts'
export { EsmAlphabet } from './esm-alphabet.ts'
