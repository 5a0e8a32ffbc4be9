/**
 * Lookup tables over codons. A base is three bits, a codon nine: A, C, G, T are 0 to 3 in either case and every other
 * letter is 4. U is one of those others: the original's codon table knows only T.
 */
export const CODON_MASK = 0o777
const OTHER = 4

/** The standard genetic code, codons ordered by base T, C, A, G (NCBI translation table 1). */
const STANDARD_CODE = 'FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG'
const STANDARD_ORDER = 'TCAG'
const STOP = 0x2a // '*'

/** Byte -> three-bit base. */
export const baseCode = new Uint8Array(256).fill(OTHER)
/** Byte -> upper case byte, ASCII only. */
export const upperCase = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x61 && byte <= 0x7a ? byte - 32 : byte,
)
/** Upper case byte -> its complement; letters other than A, C, G, T stay as they are. */
export const complement = upperCase.slice()

for (const [code, [base, partner]] of ['AT', 'CG', 'GC', 'TA'].entries()) {
  baseCode[byteOf(base)] = code
  baseCode[byteOf(base) + 32] = code
  complement[byteOf(base)] = byteOf(partner)
  complement[byteOf(base) + 32] = byteOf(partner)
}

/** Nine-bit codon -> amino acid as an ASCII byte, 0 for a codon that the original drops. */
export const aminoAcid = new Uint8Array(512)
/** The same for the codon that faces it on the opposite strand. */
export const facingAminoAcid = new Uint8Array(512)
/** Nine-bit codon -> 1 where it is a stop on its own strand, 2 where it is one on the opposite strand, else 0. */
export const stopStrand = new Uint8Array(512)

for (let i = 0; i < 64; i++) {
  const codon = [i >> 4, (i >> 2) & 3, i & 3].map((digit) => baseCode[byteOf(STANDARD_ORDER[digit])]!)
  const amino = byteOf(STANDARD_CODE[i])
  // With A, C, G, T as 0 to 3 the complement of a base is 3 minus it.
  const facing = codon.map((base) => 3 - base).reverse()
  aminoAcid[codonOf(codon)] = amino
  facingAminoAcid[codonOf(facing)] = amino
  if (amino === STOP) {
    stopStrand[codonOf(codon)] = 1
    stopStrand[codonOf(facing)] = 2
  }
}

function codonOf(bases: number[]): number {
  return bases.reduce((codon, base) => (codon << 3) | base, 0)
}

function byteOf(letter: string | undefined): number {
  return letter?.charCodeAt(0) ?? 0
}
