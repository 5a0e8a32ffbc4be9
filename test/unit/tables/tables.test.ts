import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { type LayoutName, outputPaths } from '../../../src/layout/index.ts'
import { type ScoredFrames, writeTables } from '../../../src/tables/index.ts'
import { ChunkCallSorter } from '../../../src/tables/sort.ts'
import { oldRuns, referenceRuns } from '../../support/reference.ts'

type Row = [id: string, others: number, viral: number]

async function tables(rows: Row[], layout: LayoutName = 'vanilla', stamp?: string) {
  await using folder = temporaryFolder()
  const paths = outputPaths({
    layout,
    input: 'in.fa',
    outputDir: folder.path,
    prefix: undefined,
    expectedLength: 500,
  })
  async function* parts(): AsyncGenerator<ScoredFrames> {
    yield { ids: rows.map(([id]) => id), scores: Float32Array.from(rows.flatMap(([, a, b]) => [a, b])) }
  }
  const counts = await writeTables(paths, parts(), { stamp, spillPath: (run) => folder.join(`run${run}`) })
  return {
    counts,
    frames: await readFile(paths.predictions, 'utf8'),
    chunks: await readFile(paths.consensus, 'utf8'),
  }
}

test('a tie is others for a frame and virus for a chunk', async () => {
  const { frames, chunks, counts } = await tables([['a_chunk_1F1', 0.5, 0.5]])
  expect(frames).toBe('Sequence_ID\tPrediction\tscore1\tscore2\na_chunk_1F1\tothers\t0.5\t0.5\n')
  expect(chunks).toBe('Modified_ID\tIs_Virus\na_chunk_1\tTrue\n')
  expect(counts).toEqual({ frames: 1, viralFrames: 0, calledChunks: 1, viralChunks: 1 })
})

test('the best score of each class over the frames decides', async () => {
  const { chunks } = await tables([
    ['a_chunk_1F1', 0.9, 0.1],
    ['a_chunk_1F2', 0.2, 0.8],
    ['b_chunk_1R1', 0.2, 0.8],
    ['b_chunk_1R3', 0.05, 0.95],
  ])
  expect(chunks).toBe('Modified_ID\tIs_Virus\na_chunk_1\tFalse\nb_chunk_1\tTrue\n')
})

test('rows of chunks are sorted by code point, not by UTF-16 unit', async () => {
  const ids = ['\u{1d49c}', '\ufb00', 'b', 'B', 'a_']
  const { chunks } = await tables(ids.map((id) => [`${id}_chunk_1F1`, 0, 1]))
  expect(chunks.split('\n').slice(1, -1)).toEqual(
    ['B', 'a_', 'b', '\ufb00', '\u{1d49c}'].map((id) => `${id}_chunk_1\tTrue`),
  )
})

test('quotes in ids make the trip through pandas', async () => {
  const { frames, chunks } = await tables([
    ['"abc"_chunk_1F1', 0, 1],
    ['a"b_chunk_1F1', 0, 1],
    ['"open_chunk_1F1', 1, 0],
  ])
  expect(frames).toContain('\n"abc"_chunk_1F1\t')
  expect(chunks.split('\n').slice(1, -1)).toEqual([
    '"""open_chunk_1"\tFalse',
    '"a""b_chunk_1"\tTrue',
    'abc_chunk_1\tTrue',
  ])
})

test("Broad's table keeps the order of appearance and leaves missing scores empty", async () => {
  const { frames, chunks } = await tables(
    [
      ['z_chunk_1F1', 0.25, 0.75],
      ['a_chunk_1F1', Number.NaN, Number.NaN],
      ['a_chunk_1F2', 0.25, 0.75],
    ],
    'broad',
  )
  expect(frames).toContain('a_chunk_1F1\tothers\tnan\tnan\n')
  expect(chunks).toBe(
    'Modified_ID\tIs_Virus\tmax_score_0\tmax_score_1\nz_chunk_1\tTrue\t0.25\t0.75\na_chunk_1\tFalse\t\t\n',
  )
})

test('no frame at all leaves headers only, in each layout its own', async () => {
  expect(await tables([])).toMatchObject({
    frames: 'Sequence_ID\tPrediction\tscore1\tscore2\n',
    chunks: 'Modified_ID\tIs_Virus\n',
  })
  expect((await tables([], 'broad')).chunks).toBe('\n')
})

test('a stamp is the first line of both tables', async () => {
  const { frames, chunks } = await tables([['a_chunk_1F1', 0, 1]], 'vanilla', 'calls mean nothing')
  expect(frames.split('\n')[0]).toBe('# calls mean nothing')
  expect(chunks.split('\n')[0]).toBe('# calls mean nothing')
})

test.each([
  { what: 'plain', late: (i: number) => `z${i}` },
  // The order of these two is not that of UTF-16, which is all that the first runs were sorted by.
  {
    what: 'beyond UTF-16 in the last runs',
    late: (i: number) => `${i % 2 === 0 ? '\ufb00' : '\u{1d49c}'}${i}`,
  },
])('a sort that spills to disk gives the same rows as one in memory: $what', async ({ late }) => {
  await using folder = temporaryFolder()
  const ids = Array.from({ length: 1000 }, (_, i) => (i < 900 ? `id${(i * 7919) % 897}` : late(i)))
  const sorted = async (runRows: number) => {
    const sorter = new ChunkCallSorter((run) => folder.join(`${runRows}-${run}`), runRows)
    for (const [i, id] of ids.entries())
      await sorter.add([{ id, virus: i >= 300, others: 0.3, viral: i / 1000 }])
    const rows = (await Array.fromAsync(sorter.sorted())).flat()
    await sorter.close()
    return rows
  }
  const rows = await sorted(13)
  expect(rows).toEqual(await sorted(5000))
  expect(rows.length).toBe(997)
  const ordered = rows.map(({ id }) => id)
  expect(ordered).toEqual(ordered.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
})

const tablesOfRuns = [
  ...oldRuns.flatMap(({ name, stem, vanilla, broad }) => [
    [`vanilla, one of ${name}`, 'vanilla', `${vanilla}/${stem}_merged`] as const,
    [`broad, one of ${name}`, 'broad', `${broad}/${stem}_merged`] as const,
  ]),
  ...referenceRuns.map(
    ({ name, output }) => [`vanilla, of ${name}`, 'vanilla', `${output}/contigs_merged`] as const,
  ),
]

test.each(tablesOfRuns)(
  'tables written from the scores of a run are those of the run: %s',
  async (_, layout, folder) => {
    const text = await readFile(`${folder}/prediction_results.txt`, 'utf8')
    const rows = text
      .trim()
      .split('\n')
      .slice(1)
      .map((line): Row => {
        const [id = '', , others, viral] = line.split('\t')
        return [id, Number(others), Number(viral)]
      })
    expect(rows.length).toBeGreaterThan(3)
    const { frames, chunks } = await tables(rows, layout)
    expect(frames).toBe(text)
    expect(chunks).toBe(await readFile(`${folder}/prediction_results_highestscore.csv`, 'utf8'))
  },
)
