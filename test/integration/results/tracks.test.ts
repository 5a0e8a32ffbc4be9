import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { outputPaths } from '../../../src/layout/index.ts'
import { InputStructure, Results, ruleOf } from '../../../src/results/index.ts'
import { chunkBounds } from '../../../src/sequence/index.ts'

const CHUNK = 500
const protein = Buffer.from('A')

/** The tracks of records whose chunks score so much for `virus`; undefined is a chunk without an open frame. */
async function tracks(
  records: Readonly<Record<string, readonly (number | undefined)[]>>,
  viralGap = 1,
  minScore = 0,
) {
  await using folder = temporaryFolder()
  const name = { layout: 'vanilla', input: 'in.fa', prefix: undefined, expectedLength: CHUNK } as const
  const paths = outputPaths({ ...name, outputDir: folder.path })
  using structure = new InputStructure(folder.path)
  const ids: string[] = []
  const scores: number[] = []
  for (const [id, chunks] of Object.entries(records)) {
    structure.record(id, 'in.fa', chunks.length * CHUNK)
    for (const [i, virus] of chunks.entries()) {
      const frames = virus === undefined ? [] : [{ frame: 'R2', protein } as const]
      structure.chunk(frames, () => 'no_open_frame')
      if (virus === undefined) continue
      ids.push(`${id}_chunk_${i + 1}R2`)
      scores.push(1 - virus, virus)
    }
    structure.endRecord({ description: '', sequence: Buffer.from('A') })
  }
  const options = {
    rule: ruleOf({}),
    viralGap,
    minScore,
    chunkLength: CHUNK,
    hasFiles: false,
    stamp: undefined,
  }
  await using results = await Results.begin(paths, structure, options)
  await results.add({ ids, scores: Float32Array.from(scores) })
  await results.commit()
  const lines = async (path: string) => (await readFile(path, 'utf8')).split('\n').slice(0, -1)
  return { bed: await lines(paths.bed), gff: await lines(paths.gff) }
}

test('adjacent viral chunks are one stretch, over gaps of as many chunks as are asked for', async () => {
  const records = {
    a: [0.9, 0.8, 0.1, 0.7, 0.2, undefined, 0.9],
    b: [0.1, 0.9],
    none: [0.1, 0.2, undefined],
    c: [undefined, 0.5],
  }
  const one = ['a\t0\t2000\tviral\t800\t.', 'a\t3000\t3500\tviral\t900\t.']
  const rest = ['b\t500\t1000\tviral\t900\t.', 'c\t500\t1000\tviral\t500\t.']
  expect((await tracks(records)).bed).toEqual([...one, ...rest])
  expect((await tracks(records, 2)).bed).toEqual(['a\t0\t3500\tviral\t825\t.', ...rest])
  expect((await tracks(records, 0)).bed.slice(0, 3)).toEqual([
    'a\t0\t1000\tviral\t850\t.',
    'a\t1500\t2000\tviral\t700\t.',
    'a\t3000\t3500\tviral\t900\t.',
  ])
})

test('a least score leaves out chunks, and stretches as a whole', async () => {
  const records = { a: [0.9, 0.85, undefined, 0.75, 0.1, 0.2, 0.7], b: [0.8], c: [0.75, 0.8] }
  const { bed, gff } = await tracks(records, 1, 0.8)
  expect(bed).toEqual(['a\t0\t2000\tviral\t833\t.', 'b\t0\t500\tviral\t800\t.'])
  expect(gff.slice(1).map((row) => /ID=(\w+)/.exec(row)?.[1])).toEqual([
    'a_chunk_1',
    'a_chunk_2',
    'b_chunk_1',
    'c_chunk_2',
  ])
})

test('a phage in a contig of 2 Mb is found within a chunk of where it is', async () => {
  const length = 2_000_000
  const [from, to] = [734_321, 781_234]
  const scores = chunkBounds(length, CHUNK).map(({ start, end }, i) => {
    if (i % 3 === 0) return undefined
    return start >= from && end <= to ? 0.9 : 0.05
  })
  const { bed } = await tracks({ chromosome: scores })
  expect(bed).toHaveLength(1)
  const [, start, end] = bed[0]?.split('\t') ?? []
  expect(Math.abs(Number(start) - from)).toBeLessThanOrEqual(2 * CHUNK)
  expect(Math.abs(Number(end) - to)).toBeLessThanOrEqual(2 * CHUNK)
})

test('GFF3 has every scored chunk, with names escaped as it asks for', async () => {
  const { gff } = await tracks({ 'NODE_1|x': [0.9, undefined, 0.25], 'a;b=é%': [0.5] })
  const row = (id: string, chunk: number, virus: string, others: string, call: string) =>
    [
      id,
      'virnucpro',
      'sequence_feature',
      (chunk - 1) * CHUNK + 1,
      chunk * CHUNK,
      virus,
      '-',
      '.',
      `ID=${id}_chunk_${chunk};call=${call};frame=R2;others_score=${others}`,
    ].join('\t')
  expect(gff).toEqual([
    '##gff-version 3',
    row('NODE_1|x', 1, '0.9000', '0.1000', 'viral'),
    row('NODE_1|x', 3, '0.2500', '0.7500', 'non_viral'),
    row('a%3Bb%3D%C3%A9%25', 1, '0.5000', '0.5000', 'viral'),
  ])
})
