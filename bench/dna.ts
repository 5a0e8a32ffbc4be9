/** Seeded DNA for benches: the same bytes on every machine. */

const BASES = Uint8Array.from('ACGT', (letter) => letter.charCodeAt(0))
const STOPS = new Set(['TAA', 'TAG', 'TGA'])
const COMPLEMENT: Readonly<Record<number, number>> = { 65: 84, 67: 71, 71: 67, 84: 65 }

/** Random numbers in [0, 1): mulberry32 by Tommy Ettinger, public domain. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Independent bases, each as likely as the others: three codons in 64 are stops. */
export function randomDna(length: number, seed: number): Uint8Array {
  const random = seededRandom(seed)
  return new Uint8Array(length).map(() => BASES[Math.floor(random() * 4)]!)
}

/**
 * DNA as dense in genes as a virus or bacterium: genes of 100 to 500 codons without a stop on either strand, 30 to 150
 * random bases between them. Most chunks then keep the frame of a gene, as real ones do.
 *
 * @param gc share of G and C among the bases drawn
 */
export function codingDna(length: number, seed: number, gc = 0.5): Uint8Array {
  const random = seededRandom(seed)
  const base = () => {
    const drawn = random()
    const isGc = Math.abs(drawn - 0.5) < gc / 2
    return BASES[drawn < 0.5 ? (isGc ? 1 : 0) : isGc ? 2 : 3]!
  }
  const out = new Uint8Array(length)
  let at = 0
  while (at < length) {
    const gap = 30 + Math.floor(random() * 120)
    for (let i = 0; i < gap && at < length; i++) out[at++] = base()
    const codons = 100 + Math.floor(random() * 400)
    const gene = out.subarray(at, at + 3 * Math.min(codons, Math.floor((length - at) / 3)))
    fillWithCodons(gene, base)
    at += gene.length
    if (random() < 0.5) {
      gene.reverse()
      for (const [i, letter] of gene.entries()) gene[i] = COMPLEMENT[letter]!
    }
    if (length - at < 3) while (at < length) out[at++] = base()
  }
  return out
}

/** Fills a gene with codons that do not stop. */
function fillWithCodons(gene: Uint8Array, base: () => number): void {
  for (let at = 0; at < gene.length; ) {
    const codon = [base(), base(), base()]
    if (STOPS.has(String.fromCharCode(...codon))) continue
    gene.set(codon, at)
    at += 3
  }
}

/** Cuts reads of `readLength` bases at random places of a genome, half of them from the other strand. */
export function* cutReads(
  genome: Uint8Array,
  count: number,
  readLength: number,
  seed: number,
): Generator<Uint8Array> {
  const random = seededRandom(seed)
  for (let i = 0; i < count; i++) {
    const start = Math.floor(random() * (genome.length - readLength + 1))
    const read = genome.slice(start, start + readLength)
    if (random() < 0.5) {
      read.reverse()
      for (let k = 0; k < read.length; k++) read[k] = COMPLEMENT[read[k]!] ?? read[k]!
    }
    yield read
  }
}
