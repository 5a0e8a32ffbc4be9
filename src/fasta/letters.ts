/** What a byte means inside a sequence line. */
export const Kind = {
  /** IUPAC nucleotide code, either case, U included. */
  nucleotide: 0,
  /** '\n' or '\r'. */
  lineEnd: 1,
  /** Space, tab, vertical tab, form feed: removed. */
  blank: 2,
  /** '-', '.', '*': kept, but no letter. */
  gap: 3,
  /** E F I J L O P Q Z, either case: amino acids that are no nucleotide code. */
  aminoAcid: 4,
  /** Any other printable ASCII: kept and counted, as the original accepts it. */
  unknown: 5,
  /** NUL and the other control bytes: no text file holds them. */
  control: 6,
  /** 0x80 and above. */
  nonAscii: 7,
} as const

/** Kind of each byte. */
export const KIND = new Uint8Array(256).fill(Kind.unknown)

function assign(kind: number, letters: string): void {
  for (const letter of letters) {
    KIND[letter.charCodeAt(0)] = kind
    KIND[letter.toLowerCase().charCodeAt(0)] = kind
  }
}

KIND.fill(Kind.control, 0, 0x20)
KIND[0x7f] = Kind.control
KIND.fill(Kind.nonAscii, 0x80)
assign(Kind.nucleotide, 'ACGTURYSWKMBDHVN')
assign(Kind.aminoAcid, 'EFIJLOPQZ')
assign(Kind.gap, '-.*')
assign(Kind.blank, ' \t\v\f')
assign(Kind.lineEnd, '\n\r')

/** 0 where both bytes of a 16-bit word are nucleotide codes: two lookups judge four letters. */
export const PAIR_KIND = new Uint8Array(1 << 16)
for (let low = 0; low < 256; low++) {
  for (let high = 0; high < 256; high++) PAIR_KIND[(high << 8) | low] = KIND[low]! | KIND[high]!
}

/**
 * Whether a record reads as protein. E F I L P Q (and the rare J O Z) make up a third of real proteins and
 * are no nucleotide code, so 5 % of the letters and at least 3 of them is far from both sides: DNA holds none,
 * and typing errors stay below. Short peptides pass the 3, so 2 of them count from a fifth of the letters on.
 * X is no evidence: vector and repeat maskers write it into DNA.
 */
export function looksLikeProtein(aminoAcids: number, letters: number): boolean {
  return (aminoAcids >= 3 && aminoAcids * 20 >= letters) || (aminoAcids >= 2 && aminoAcids * 5 >= letters)
}
