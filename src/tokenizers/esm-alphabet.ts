import { DataError } from '../system/errors.ts'

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

/** Letters in order of their ids, the first is 4. Source: the "ESM-1b" architecture of fair-esm, used by every ESM-2. */
const LETTERS = 'LAGVSERTIDPKQNFYMHWCXBUZO.-'
const FIRST_LETTER = 4
const NONE = -1

/**
 * The 33 tokens of ESM-2: `<cls>` 0, `<pad>` 1, `<eos>` 2, `<unk>` 3, 27 letters from 4, `<null_1>` 31, `<mask>` 32.
 * One residue is one token; `<cls>` goes before and `<eos>` behind.
 */
export class EsmAlphabet {
  readonly vocabularySize = 33
  readonly clsId = 0
  readonly padId = 1
  readonly eosId = 2
  readonly #idOf = new Int8Array(256).fill(NONE)

  constructor() {
    for (let i = 0; i < LETTERS.length; i++) this.#idOf[LETTERS.charCodeAt(i)] = FIRST_LETTER + i
  }

  /** Tokens that a protein of so many residues takes. */
  tokenCount(residues: number): number {
    return residues + 2
  }

  /**
   * Token ids of a protein given as ASCII bytes: `Int32Array [protein.length + 2]`.
   *
   * @throws UnknownResidueError as fair-esm does (a KeyError there), lower case included
   */
  encode(protein: Uint8Array): Int32Array {
    const ids = new Int32Array(this.tokenCount(protein.length))
    this.encodeInto(protein, ids, 0)
    return ids
  }

  /**
   * Writes the ids to `target` from `offset` on, for rows of a batch, and returns the offset behind the last.
   *
   * @throws RangeError when `target` has no room; {@link UnknownResidueError} as {@link encode}
   */
  encodeInto(protein: Uint8Array, target: Int32Array, offset: number): number {
    const end = offset + this.tokenCount(protein.length)
    if (end > target.length) throw new RangeError(`${end} token ids do not fit into ${target.length}`)
    target[offset] = this.clsId
    for (let i = 0; i < protein.length; i++) {
      const id = this.#idOf[protein[i]!]!
      if (id === NONE) throw new UnknownResidueError(String.fromCharCode(protein[i]!), i)
      target[offset + 1 + i] = id
    }
    target[end - 1] = this.eosId
    return end
  }
}
