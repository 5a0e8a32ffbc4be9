import type { SequenceAlphabet } from '../fasta/index.ts'
import { EsmAlphabet, UnknownResidueError } from '../tokenizers/index.ts'

const UNKNOWN_RESIDUE = 'X'.charCodeAt(0)

/** Letter by letter, what a model is given for it: upper case, and X for a residue that ESM-2 has no token for. */
const GIVEN: Readonly<Record<SequenceAlphabet, Uint8Array>> = {
  dna: Uint8Array.from({ length: 256 }, (_, byte) => upperCase(byte)),
  protein: residues(),
}

function upperCase(byte: number): number {
  return byte >= 0x61 && byte <= 0x7a ? byte - 32 : byte
}

function residues(): Uint8Array {
  const alphabet = new EsmAlphabet()
  return Uint8Array.from({ length: 256 }, (_, byte) => {
    const letter = upperCase(byte)
    try {
      alphabet.encode(Uint8Array.of(letter))
      return letter
    } catch (error) {
      if (!(error instanceof UnknownResidueError)) throw error
      return UNKNOWN_RESIDUE
    }
  })
}

/** The letters of a sequence as a model is given them, the first `most` of them. */
export function givenLetters(sequence: Uint8Array, alphabet: SequenceAlphabet, most: number): Uint8Array {
  const table = GIVEN[alphabet]
  return sequence.subarray(0, most).map((byte) => table[byte]!)
}
