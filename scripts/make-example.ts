/**
 * Makes examples/contigs.fasta: invented DNA from a fixed seed, none of it from any organism.
 * Half of the contigs carry long stretches without a stop codon in some frame, the others are plain random DNA,
 * so that a run shows chunks with frames and chunks without.
 *
 * Usage: bun scripts/make-example.ts [--check]
 */
import { join } from 'node:path'

const TARGET = join(import.meta.dir, '../examples/contigs.fasta')
const STOPS = new Set(['TAA', 'TAG', 'TGA'])
/** Lengths on both sides of one and several 500-base chunks. */
const LENGTHS = [180, 300, 420, 499, 500, 501, 640, 750, 999, 1000, 1001, 1300, 1800, 2600]

/** Marsaglia's xorshift32: the file must be the same on every machine. */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

function coding(length: number, random: (below: number) => number): string {
  let dna = ''
  while (dna.length < length) {
    const codon = Array.from({ length: 3 }, () => 'ACGT'[random(4)]).join('')
    if (!STOPS.has(codon)) dna += codon
  }
  return dna.slice(0, length)
}

function plain(length: number, random: (below: number) => number): string {
  return Array.from({ length }, () => 'ACGT'[random(4)]).join('')
}

function example(): string {
  const random = generator(20_261_122)
  let text = ''
  for (const [i, length] of LENGTHS.entries()) {
    for (const [kind, make] of [
      ['coding', coding],
      ['random', plain],
    ] as const) {
      const dna = make(length, random).match(/.{1,60}/g) ?? []
      text += `>example_${i + 1}_${kind} length=${length}\n${dna.join('\n')}\n`
    }
  }
  return text
}

if (process.argv.includes('--check')) {
  if ((await Bun.file(TARGET).text()) !== example()) {
    console.error(`${TARGET} is not what this script makes`)
    process.exit(1)
  }
} else await Bun.write(TARGET, example())
