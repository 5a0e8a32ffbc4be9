import { randomSource } from '../../../scripts/support/random.ts'

/** Codons of equal residues, none of which is a stop on either strand. */
const SYNONYMS = [
  ['GCC', 'GCG'],
  ['GGC', 'GGT'],
  ['CTG', 'CTC'],
  ['GTC', 'GTG'],
  ['ACC', 'ACG'],
  ['CGC', 'CGT'],
] as const

/** Codons of a read, from 40 to 99: lengths that differ, so that what shares a batch decides the last digits. */
const codonsOf = (random: () => number) => 40 + Math.floor(60 * random())

/**
 * FASTA of reads of a few molecules, as a deep sample has them: most molecules come again and again, at once and much later, as the
 * same DNA or with other codons for the same protein, and some come once.
 */
export function recurringFasta(seed: number, reads: number): string {
  const random = randomSource(seed)
  const pick = (below: number) => Math.floor(random() * below)
  const newMolecule = () => Array.from({ length: codonsOf(random) }, () => pick(SYNONYMS.length))
  const molecules = Array.from({ length: Math.ceil(reads / 4) }, newMolecule)
  const lines: string[] = []
  for (let read = 0; read < reads; read++) {
    const molecule = random() < 0.2 ? newMolecule() : molecules[pick(molecules.length)]!
    const isSilent = random() < 0.2
    const codons = molecule.map((residue) => SYNONYMS[residue]![isSilent && random() < 0.3 ? 1 : 0])
    lines.push(`>read_${read}`, codons.join(''))
  }
  return `${lines.join('\n')}\n`
}
