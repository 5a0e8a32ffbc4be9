/** From sequences to token ids, equal to the tokenizers that the models were trained with. */

export { DnaTokenizer } from './dna-tokenizer.ts'
export { EsmAlphabet, UnknownResidueError } from './esm-alphabet.ts'
export { TokenizerFileError } from './tokenizer-file.ts'
