import { AtomicFile } from '../../src/system/atomic.ts'
import { codingDna, cutReads, seededRandom } from '../dna.ts'
import type { Kind } from '../scaling/workload.ts'

/** Long enough that few reads are equal by chance. */
const GENOME = 4_000_000
let genome: Uint8Array | undefined

function madeUp(): Uint8Array {
  genome ??= codingDna(GENOME, 1)
  return genome
}

/**
 * Writes some `bases` bases of FASTA from a seed: 150-base reads, contigs of 1,000 to 20,000 bases, or half and half.
 *
 * @param genomes that they are cut from in turn; without them one that is made up
 */
export async function writeInput(
  path: string,
  kind: Kind,
  bases: number,
  seed: number,
  genomes: readonly Uint8Array[] = [madeUp()],
): Promise<void> {
  const random = seededRandom(seed)
  const file = await AtomicFile.create(path)
  const text = new TextDecoder()
  for (let made = 0, record = 1; made < bases; record++) {
    const long = kind === 'contigs' || (kind === 'mixed' && random() < 0.03)
    const length = long ? 1000 + Math.floor(19_000 * random()) : 150
    for (const dna of cutReads(genomes[record % genomes.length]!, 1, length, seed + record)) {
      const lines = (long ? text.decode(dna).match(/.{1,60}/g)! : [text.decode(dna)]).join('\n')
      await file.write(`>${long ? 'contig' : 'read'}_${record}\n${lines}\n`)
    }
    made += length
  }
  await file.commit()
}
