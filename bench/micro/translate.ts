// Chunks, six frames and the choice of frames, beside the original's way in Python.
//   bun bench/micro/translate.ts [--quick] [--json FILE]
import { join } from 'node:path'
import { withFolder } from '../../scripts/support/temporary.ts'
import { chunkBounds, openFrames } from '../../src/sequence/index.ts'
import { codingDna, cutReads, randomDna } from '../dna.ts'
import { benchOptions } from '../result.ts'
import { type Case, runCases } from './rounds.ts'

const options = benchOptions('bun bench/micro/translate.ts')
const size = options.quick ? 30_000 : 3_000_000
/** Enough for a rate of the slow side. */
const SHARE = 0.1

const genome = codingDna(size, 1)
const workloads: [name: string, records: Uint8Array[], chunkLength: number][] = [
  ['genes, chunks of 500', [genome], 500],
  ['genes, chunks of 300', [genome], 300],
  ['genes, reads of 150', [...cutReads(genome, size / 150, 150, 3)], 500],
  ['random DNA, chunks of 500', [randomDna(size, 2)], 500],
]

await withFolder(async (folder) => {
  const cases: Case[] = []
  for (const [name, records, length] of workloads)
    cases.push(await translating(folder, name, records, length))
  await runCases('micro/translate', options, { size, seed: 1 }, cases)
})

async function translating(
  folder: string,
  name: string,
  records: readonly Uint8Array[],
  chunkLength: number,
): Promise<Case> {
  const chunks = records.flatMap((record) =>
    Array.from(chunkBounds(record.length, chunkLength), ({ start, end }) => record.subarray(start, end)),
  )
  const few = chunks.slice(0, Math.ceil(SHARE * chunks.length))
  const path = join(folder, `${name}.txt`)
  await Bun.write(path, few.map((chunk) => new TextDecoder().decode(chunk)).join('\n'))
  const bases = (some: readonly Uint8Array[]) => some.reduce((sum, chunk) => sum + chunk.length, 0)
  const frames = (some: readonly Uint8Array[]) =>
    some.reduce((sum, chunk) => sum + openFrames(chunk).length, 0)
  return {
    name,
    amount: bases(chunks) / 1e6,
    unit: 'MB/s',
    ours: () => frames(chunks),
    other: {
      name: "the original's way in Python",
      question: { task: 'translate', path },
      share: bases(few) / bases(chunks),
      check: frames(few),
    },
  }
}
