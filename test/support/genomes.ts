// Genomes, roughly as nature makes and databases print them, the same in every run; real ones beside the checkout add to
// them.
import { readdirSync, readFileSync } from 'node:fs'
import { randomSource } from '../../scripts/support/random.ts'
import { hasShared, shared } from './shared.ts'

export interface FastaFile {
  readonly name: string
  readonly text: string
}

interface Genome {
  readonly file: string
  readonly header: (record: number) => string
  readonly records: number
  readonly lengths: readonly [from: number, to: number]
  /** Share of G and C. */
  readonly gc: number
  /** Longest gene in codons; 0 for none. */
  readonly gene: number
  /** Letters on a line; all on one where it is not given. */
  readonly width?: number
  readonly end?: string
  /** What is done to one stretch of every thousand bases. */
  readonly oddity?: (stretch: string) => string
}

const GENOMES: readonly Genome[] = [
  {
    file: 'rna_virus.fna',
    header: () => 'NC_900001.1 a polyprotein',
    records: 1,
    lengths: [10_800, 10_800],
    gc: 0.46,
    gene: 3_000,
    width: 70,
  },
  {
    file: 'segments.fasta',
    header: (i) => `seg|${i + 1}|`,
    records: 8,
    lengths: [900, 2_400],
    gc: 0.43,
    gene: 700,
    width: 70,
  },
  {
    file: 'short.fsa',
    header: () => 'scaffold_1',
    records: 1,
    lengths: [900, 900],
    gc: 0.5,
    gene: 250,
    width: 60,
    end: '\r\n',
  },
  {
    file: 'ambiguous.fasta',
    header: (i) => `gi|${9_000 + i}|gb|X${i}.1| isolate ${i}`,
    records: 12,
    lengths: [1_500, 3_500],
    gc: 0.42,
    gene: 500,
    width: 70,
    oddity: (dna) => `RYSWKMBDHVN${dna.slice(11)}`,
  },
  {
    file: 'coronavirus.fasta',
    header: () => 'MN900002.1',
    records: 1,
    lengths: [29_900, 29_900],
    gc: 0.38,
    gene: 4_400,
    width: 60,
  },
  {
    file: 'phage.fa',
    header: () => 'NC_900003.1 complete genome',
    records: 1,
    lengths: [48_500, 48_500],
    gc: 0.5,
    gene: 500,
    width: 70,
  },
  {
    file: 'giant_virus.fa',
    header: () => 'fragment',
    records: 1,
    lengths: [100_000, 100_000],
    gc: 0.3,
    gene: 800,
  },
  {
    file: 'mixed_contigs.fasta',
    header: (i) => `NODE_${i + 1}_cov_${(i * 7) % 31}.5`,
    records: 40,
    lengths: [600, 8_000],
    gc: 0.48,
    gene: 600,
    width: 60,
  },
  {
    file: 'soil_contigs.fa',
    header: (i) => `k141_${i * 17} flag=1`,
    records: 60,
    lengths: [500, 4_000],
    gc: 0.63,
    gene: 450,
    width: 80,
    oddity: (dna) => 'N'.repeat(dna.length),
  },
  {
    file: 'masked.fasta',
    header: () => 'chr6:1-20000',
    records: 1,
    lengths: [20_000, 20_000],
    gc: 0.41,
    gene: 0,
    width: 50,
    oddity: (dna) => dna.toLowerCase(),
  },
  // The same accession again, in another file.
  {
    file: 'phage_again.fna',
    header: () => 'NC_900003.1',
    records: 1,
    lengths: [5_000, 5_000],
    gc: 0.5,
    gene: 500,
    width: 70,
  },
]

const STOPS = new Set(['TAA', 'TAG', 'TGA'])
const PARTNER: Readonly<Record<string, string>> = { A: 'T', C: 'G', G: 'C', T: 'A' }
const ODD_LENGTH = 40

class DnaSource {
  readonly #next: () => number
  readonly #gc: number

  constructor(next: () => number, gc: number) {
    this.#next = next
    this.#gc = gc
  }

  below(n: number): number {
    return Math.floor(this.#next() * n)
  }

  random(length: number): string {
    let text = ''
    for (let i = 0; i < length; i++) text += (this.#next() < this.#gc ? 'GC' : 'AT')[this.below(2)]
    return text
  }

  /** Codons without a stop, on either strand. */
  gene(codons: number): string {
    let text = ''
    while (text.length < 3 * codons) {
      const codon = this.random(3)
      if (!STOPS.has(codon)) text += codon
    }
    if (this.below(2) === 0) return text
    return [...text]
      .reverse()
      .map((base) => PARTNER[base])
      .join('')
  }
}

function recordOf({ lengths: [from, to], gc, gene, oddity }: Genome, next: () => number): string {
  const dna = new DnaSource(next, gc)
  const length = from + dna.below(to - from + 1)
  let text = ''
  while (text.length < length) {
    if (gene > 0) text += dna.gene(50 + dna.below(gene - 49))
    text += dna.random(20 + dna.below(150))
  }
  text = text.slice(0, length)
  if (oddity === undefined) return text
  return text.replaceAll(/.{1000}/g, (part) => {
    const at = dna.below(part.length - ODD_LENGTH)
    return part.slice(0, at) + oddity(part.slice(at, at + ODD_LENGTH)) + part.slice(at + ODD_LENGTH)
  })
}

function syntheticFiles(): FastaFile[] {
  const next = randomSource(20_260_203)
  return GENOMES.map((genome) => {
    const end = genome.end ?? '\n'
    const records = Array.from({ length: genome.records }, (_, i) => {
      const sequence = recordOf(genome, next)
      const lines = sequence.match(new RegExp(`.{1,${genome.width ?? sequence.length}}`, 'g')) ?? []
      return [`>${genome.header(i)}`, ...lines].join(end) + end
    })
    return { name: genome.file, text: records.join('') }
  })
}

function realFiles(): FastaFile[] {
  const names = readdirSync(shared('fasta')).filter((name) => /\.(fa|fna|fasta|fsa)$/.test(name))
  return names.sort().map((name) => ({ name, text: readFileSync(shared('fasta', name), 'latin1') }))
}

/** Sets of FASTA files by name. */
export const genomeSets: readonly [string, () => FastaFile[]][] = [
  ['synthetic genomes', syntheticFiles],
  ...(hasShared ? [['real genomes', realFiles] as [string, () => FastaFile[]]] : []),
]

/** The sequences of FASTA files, each on one line. */
export function sequencesOf(files: readonly FastaFile[]): string[] {
  return files.flatMap(({ text }) =>
    text
      .split('>')
      .slice(1)
      .map((record) => record.slice(record.indexOf('\n')).replaceAll(/\s/g, '')),
  )
}
