import { DataError } from '../system/errors.ts'

/** A tokenizer.json that is unreadable, damaged, or of a kind this reader does not implement. */
export class TokenizerFileError extends DataError {
  /** Path of the file, or a word for where the text came from. */
  readonly source: string
  /** One line for each thing found wrong, as `path: message`. */
  readonly problems: readonly string[]

  constructor(source: string, problems: readonly string[], options: { cause?: unknown } = {}) {
    super(
      [
        `${source} is no tokenizer that DNABERT-S or DNABERT-2 could use:`,
        ...problems.map((line) => `  ${line}`),
        'Expected a byte-pair encoding with the Whitespace pre-tokenizer, as in the tokenizer.json beside ' +
          "the model's weights. Download that file again, or pass the folder that holds it.",
      ],
      options,
    )
    this.source = source
    this.problems = problems
  }
}

/** A protein with a letter that ESM-2 has no token for. Translation never makes one; other sources may. */
export class UnknownResidueError extends DataError {
  /** The letter found. */
  readonly letter: string
  /** Its place in the protein, from 0. */
  readonly position: number

  constructor(letter: string, position: number) {
    super(
      `ESM-2 has no token for ${JSON.stringify(letter)} at residue ${position + 1}: expected upper case amino acids, ` +
        "X for an unknown one, or one of 'BUZO.-'. Upper-case the protein, or replace the letter by X.",
    )
    this.letter = letter
    this.position = position
  }
}
