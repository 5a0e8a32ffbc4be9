/** A sequence that a model embeds; ASCII. */
export interface Case {
  readonly id: string
  readonly sequence: Uint8Array
}

const RESIDUES = 'LAGVSERTIDPKQNFYMHWC'
const BASES = 'ACGT'
/** Residues of the longest case: a chunk of 500 bp has 166. */
const LONGEST = 166

/**
 * Proteins and as many stretches of DNA, equal for equal seeds: of 1 to 166 residues and three bases for each, evenly
 * spread, so that short, long and padded rows all occur.
 */
export function builtInCases(count: number, seed = 1): { proteins: Case[]; dna: Case[] } {
  const random = generator(seed)
  const draw = (letters: string, length: number) =>
    Uint8Array.from({ length }, () => letters.charCodeAt(Math.floor(random() * letters.length)))
  const lengths = Array.from({ length: count }, (_, i) =>
    Math.round(1 + ((LONGEST - 1) * i) / Math.max(1, count - 1)),
  )
  return {
    proteins: lengths.map((length, i) => ({ id: `protein_${i + 1}`, sequence: draw(RESIDUES, length) })),
    dna: lengths.map((length, i) => ({ id: `dna_${i + 1}`, sequence: draw(BASES, 3 * length) })),
  }
}

/** Mulberry32, of the public domain: small, and the same everywhere. */
export function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 15), z | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }
}
