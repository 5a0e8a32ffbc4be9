// Chunking, six-frame translation and frame selection, in MB of DNA per second on one core.
//   bun bench/micro/translate.ts
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { chunkBounds, openFrames } from '../../src/sequence/index.ts'
import { codingDna, cutReads, randomDna } from '../dna.ts'
import { bench, bestSeconds, do_not_optimize, note, runBenches } from '../runner.ts'

const SIZE = 10_000_000
const READ = 150

/** Frames of whole records, with nothing kept but their number. */
function countFrames(records: readonly Uint8Array[], chunkLength: number): number {
  let frames = 0
  for (const record of records) {
    for (const { start, end } of chunkBounds(record.length, chunkLength)) {
      frames += openFrames(record.subarray(start, end)).length
    }
  }
  return frames
}

const genome = codingDna(SIZE, 1)
const workloads = [
  { name: 'random DNA, chunks of 500', records: [randomDna(SIZE, 2)], chunkLength: 500 },
  { name: 'random DNA, chunks of 300', records: [randomDna(SIZE, 2)], chunkLength: 300 },
  { name: 'genes, chunks of 500', records: [genome], chunkLength: 500 },
  { name: 'genes, chunks of 300', records: [genome], chunkLength: 300 },
  { name: 'reads of 150 from genes', records: [...cutReads(genome, SIZE / READ, READ, 3)], chunkLength: 500 },
]

for (const { name, records, chunkLength } of workloads) {
  const expected = countFrames(records, chunkLength)
  if (expected === 0) throw new Error(`${name}: no open frame at all`)
  const bases = records.reduce((sum, record) => sum + record.length, 0)
  const chunks = records.reduce((sum, record) => sum + chunkBounds(record.length, chunkLength).length, 0)
  const seconds = bestSeconds(() => {
    if (countFrames(records, chunkLength) !== expected) throw new Error('Wrong number of frames')
  })
  note(
    `${name}: ${(bases / seconds / 1e6).toFixed(0)} MB/s, ${(expected / chunks).toFixed(2)} frames per chunk`,
  )
  bench(`10 MB, ${name}`, () => do_not_optimize(countFrames(records, chunkLength)))
}

comparePython()
await runBenches()

/** The original's own algorithm, retold in plain Python, on the first megabase. */
function comparePython(): void {
  const python = process.env.VIRNUCPRO_TEST_PYTHON ?? Bun.which('python3')
  if (python === null) {
    note('python3 not found: no comparison with the original')
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'virnucpro-bench-'))
  try {
    const part = genome.subarray(0, 1_000_000)
    const file = join(folder, 'dna.txt')
    writeFileSync(file, part)
    const program = resolve(import.meta.dir, '../../test/sequence/original.py')
    const { stdout, exitCode } = Bun.spawnSync([python, program, '--time', file, '500'])
    if (exitCode !== 0) throw new Error('the Python comparison failed')
    const [seconds, frames] = stdout.toString().split(' ').map(Number)
    if (frames !== countFrames([part], 500)) throw new Error('Python finds other frames')
    note(
      `genes, chunks of 500, the original's way in Python: ${(part.length / seconds! / 1e6).toFixed(2)} MB/s`,
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}
