import { AtomicFile } from '../../src/system/atomic.ts'
import { codingDna, cutReads, seededRandom } from '../dna.ts'
import type { Kind } from '../scaling/workload.ts'

/** Long enough that few reads are equal by chance. */
const GENOME = 4_000_000
/** Lengths of contigs. */
export const CONTIG_BASES = { least: 1000, most: 20_000 } as const
let genome: Uint8Array | undefined

/** Writes some `bases` bases of FASTA from a seed: 150-base reads, contigs of 1,000 to 20,000 bases, or half and half. */
export async function writeInput(path: string, kind: Kind, bases: number, seed: number): Promise<void> {
  genome ??= codingDna(GENOME, 1)
  const random = seededRandom(seed)
  const file = await AtomicFile.create(path)
  const text = new TextDecoder()
  for (let made = 0, record = 1; made < bases; record++) {
    const long = kind === 'contigs' || (kind === 'mixed' && random() < 0.03)
    const { least, most } = CONTIG_BASES
    const length = long ? least + Math.floor((most - least) * random()) : 150
    for (const dna of cutReads(genome, 1, length, seed + record)) {
      const lines = (long ? text.decode(dna).match(/.{1,60}/g)! : [text.decode(dna)]).join('\n')
      await file.write(`>${long ? 'contig' : 'read'}_${record}\n${lines}\n`)
    }
    made += length
  }
  await file.commit()
}
