import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { randomSource } from '../../../scripts/support/random.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { outputPaths } from '../../../src/layout/index.ts'
import { type CallRule, InputStructure, Results } from '../../../src/results/index.ts'
import { chunkBounds, type FrameName, type Silence } from '../../../src/sequence/index.ts'
import { hasPython, runPython } from '../../support/python.ts'

const BROAD: CallRule = {
  call: 'weighted',
  callDelta: 0.3,
  callConfident: 0.8,
  callOpposing: 0.3,
  callBoth: 0.7,
  callShare: 0.1,
  callChunks: 5,
  callHigh: 0.7,
  callModerate: 0.5,
  callLow: 0.3,
}
const RULES: CallRule[] = [
  BROAD,
  { ...BROAD, call: 'majority' },
  { ...BROAD, call: 'any', callShare: 0 },
  { ...BROAD, callDelta: 0.1, callChunks: 0, callHigh: 0.6, callModerate: 0.3, callLow: 0.05 },
  { ...BROAD, callConfident: 0.6, callOpposing: 0.4, callBoth: 0.5, callShare: 0.5 },
]
const FRAMES = ['F1', 'F2', 'F3', 'R1', 'R2', 'R3'] as const
const SILENCES = ['no_open_frame', 'too_short', 'ambiguous_bases'] as const
const CHUNK = 100
const protein = Buffer.from('A')

/** Scores of a frame, virus and others; null where it has failed. */
type Frame = [frame: FrameName, virus: number | null, others: number | null]
interface Chunk {
  start: number
  end: number
  frames: Frame[]
  silence: Silence
}
interface Record {
  id: string
  length: number
  chunks: Chunk[]
}

/** Records of one to some chunks, with a leaning of their own, gaps, ties and failures. */
function randomRecords(seed: number, count: number): Record[] {
  const random = randomSource(seed)
  const below = (most: number) => Math.floor(random() * most)
  return Array.from({ length: count }, (_, i) => {
    const length = 1 + below(random() < 0.5 ? 2 * CHUNK : 12 * CHUNK)
    const leaning = random()
    const silent = random() < 0.2
    const failing = random() < 0.2 ? random() : 0
    const score = (towards: number) =>
      Math.fround(below(4) === 0 ? below(11) / 10 : 0.8 * towards + 0.2 * random())
    const chunks = chunkBounds(length, CHUNK).map(({ start, end }): Chunk => {
      const open = silent || random() < 0.3 ? [] : FRAMES.filter(() => random() < 0.4)
      const frames = open.map((frame): Frame => {
        if (random() < failing) return [frame, null, null]
        const virus = score(leaning)
        return [frame, virus, random() < 0.7 ? Math.fround(1 - virus) : score(1 - leaning)]
      })
      return { start, end, frames, silence: SILENCES[below(3)] as Silence }
    })
    return { id: `r${i}é`, length, chunks }
  })
}

/** The rows that the program writes, headers apart, given the scores in parts of random size. */
async function rows(records: readonly Record[], rule: CallRule, hasFiles = false) {
  await using folder = temporaryFolder()
  const name = { layout: 'vanilla', input: 'in.fa', prefix: undefined, expectedLength: CHUNK } as const
  const paths = outputPaths({ ...name, outputDir: folder.path })
  using structure = new InputStructure(folder.path)
  const scored: [id: string, others: number, virus: number][] = []
  for (const { id, length, chunks } of records) {
    structure.record(id, 'in.fa', length)
    for (const [i, { frames, silence }] of chunks.entries()) {
      structure.chunk(
        frames.map(([frame]) => ({ frame, protein })),
        () => silence,
      )
      for (const [frame, virus, others] of frames)
        if (virus !== null && others !== null) scored.push([`${id}_chunk_${i + 1}${frame}`, others, virus])
    }
    structure.endRecord({ description: '', sequence: new Uint8Array(length).fill(65) })
  }
  await using results = await Results.begin(paths, structure, {
    rule,
    viralGap: 1,
    minScore: 0,
    chunkLength: CHUNK,
    hasFiles,
    stamp: undefined,
  })
  const random = randomSource(scored.length)
  for (let at = 0; at < scored.length; ) {
    const some = scored.slice(at, at + 1 + Math.floor(random() * 7))
    at += some.length
    const scores = Float32Array.from(some.flatMap(([, others, virus]) => [others, virus]))
    await results.add({ ids: some.map(([id]) => id), scores })
  }
  await results.commit()
  const lines = async (path: string) => (await readFile(path, 'utf8')).trimEnd().split('\n').slice(1)
  return { contigs: await lines(paths.contigs), chunks: await lines(paths.chunks) }
}

test.skipIf(!hasPython)('rows, calls and tiers are those of a plain replica, for any rule', async () => {
  await using folder = temporaryFolder()
  const cases = RULES.map((rule, seed) => ({ rule, records: randomRecords(seed + 1, 300) }))
  await Bun.write(folder.join('cases.json'), JSON.stringify(cases))
  const replica = await readFile(join(import.meta.dir, 'replica.py'), 'utf8')
  const expected: { contigs: string[]; chunks: string[] }[] = JSON.parse(
    await runPython(replica, folder.join('cases.json')),
  )
  const tiers = new Set<string>()
  for (const [i, { rule, records }] of cases.entries()) {
    const found = await rows(records, rule)
    expect(found.chunks).toEqual(expected[i]?.chunks as string[])
    expect(found.contigs).toEqual(expected[i]?.contigs as string[])
    for (const row of found.contigs) tiers.add(row.split('\t').slice(9, 11).join(' '))
  }
  // The cases reach everything that a rule can say.
  expect([...tiers].sort()).toEqual(
    [
      'NA NA',
      'ambiguous review',
      ...['non_viral', 'viral'].flatMap((call) =>
        ['high', 'low', 'moderate', 'review'].map((tier) => `${call} ${tier}`),
      ),
    ].sort(),
  )
})

test('names of any length, and more records than memory holds, come back in their order', async () => {
  const record = (id: string): Record => ({
    id,
    length: 10,
    chunks: [{ start: 0, end: 10, frames: [['F1', 0.75, 0.25]], silence: 'no_open_frame' }],
  })
  const ids = ['', 'long'.repeat(1 << 20), ...Array.from({ length: 50_000 }, (_, i) => `contig ${i} of many`)]
  const { contigs, chunks } = await rows(ids.map(record), BROAD, true)
  expect(contigs.map((row) => row.slice(0, row.indexOf('\t')))).toEqual(ids)
  expect(chunks.map((row) => row.slice(0, row.indexOf('\t')))).toEqual(ids)
  expect(contigs.at(-1)).toEndWith(
    '\t10\t1\t1\t1\t1.0000\t0.7500\t0.2500\t0.5000\tviral\treview\tscored\tNA\tin.fa',
  )
})

test('scores of frames that no record has are an error', async () => {
  await using folder = temporaryFolder()
  const name = { layout: 'vanilla', input: 'in.fa', prefix: undefined, expectedLength: CHUNK } as const
  const paths = outputPaths({ ...name, outputDir: folder.path })
  using structure = new InputStructure(folder.path)
  structure.record('a', 'in.fa', 10)
  structure.chunk([{ frame: 'F1', protein }], () => 'no_open_frame')
  const options = {
    rule: BROAD,
    viralGap: 1,
    minScore: 0,
    chunkLength: CHUNK,
    hasFiles: false,
    stamp: undefined,
  }
  await using results = await Results.begin(paths, structure, options)
  await results.add({ ids: ['b_chunk_1F1'], scores: Float32Array.of(0, 1) })
  expect(results.commit()).rejects.toThrow('the frame b_chunk_1F1 is of no record of the input')
})
