import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { randomSource } from '../../../scripts/support/random.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { outputPaths } from '../../../src/layout/index.ts'
import { InputStructure, Results, ruleOf } from '../../../src/results/index.ts'
import { hasPython, runPython } from '../../support/python.ts'

const CHUNK = 500
const protein = Buffer.from('A')

interface Kept {
  id: string
  description: string
  sequence: string
  /** What every chunk of it scores for `virus`; undefined where it has no frame. */
  virus: number | undefined
}

/** Writes the results of the records. @returns the compressed FASTA */
async function written(folder: string, records: readonly Kept[], minScore: number): Promise<string> {
  const name = { layout: 'vanilla', input: 'in.fa', prefix: undefined, expectedLength: CHUNK } as const
  const paths = outputPaths({ ...name, outputDir: folder })
  using structure = new InputStructure(folder)
  const ids: string[] = []
  for (const { id, description, sequence, virus } of records) {
    structure.record(id, 'in.fa', sequence.length)
    for (let i = 1; i <= Math.ceil(sequence.length / CHUNK); i++) {
      const frames = virus === undefined ? [] : [{ frame: 'F1', protein } as const]
      structure.chunk(frames, () => 'no_open_frame')
      if (virus !== undefined) ids.push(`${id}_chunk_${i}F1`)
    }
    structure.endRecord({ description, sequence: Buffer.from(sequence) })
  }
  const virusOf = new Map(records.map(({ id, virus = 0 }) => [id, virus]))
  const scores = Float32Array.from(
    ids.flatMap((id) => {
      const virus = virusOf.get(id.replace(/_chunk_\d+F1$/, '')) as number
      return [1 - virus, virus]
    }),
  )
  const options = { rule: ruleOf({}), viralGap: 1, minScore, chunkLength: CHUNK, hasFiles: false }
  await using results = await Results.begin(paths, structure, { ...options, stamp: undefined })
  await results.add({ ids, scores })
  await results.commit()
  return paths.viralFasta
}

test('records called viral come as they were given, whatever lies between them', async () => {
  const random = randomSource(5)
  const letters = (length: number) =>
    Array.from({ length }, () => 'ACGTacgtN'[Math.floor(9 * random())]).join('')
  const records = Array.from({ length: 40 }, (_, i): Kept => {
    const length = [1, 59, 60, 61, 600, 5000, 700_000, 3_000_000][Math.floor(8 * random())] as number
    const virus = [undefined, 0.1, 0.5, 0.75, 0.96][Math.floor(5 * random())]
    return {
      id: `r${i}|é`,
      description: i % 3 === 0 ? '' : `of ${'a host, '.repeat(i)}ß`,
      sequence: letters(length),
      virus,
    }
  })
  // One that fills a block of memory to its last byte.
  records.push({ id: 'even', description: '', sequence: letters(1 << 20), virus: 0.96 })
  const expected = records.flatMap(({ id, description, sequence, virus }) => {
    const isShort = sequence.length <= 4 * CHUNK
    const found = new Map([
      [0.75, `virus_score=0.7500 weighted_delta=0.5000 tier=${isShort ? 'review' : 'low'}`],
      [0.96, `virus_score=0.9600 weighted_delta=0.9200 tier=${isShort ? 'moderate' : 'high'}`],
    ]).get(virus ?? 0)
    if (found === undefined) return []
    return [
      `>${[id, found, description].filter(Boolean).join(' ')}\n${sequence.replaceAll(/.{1,60}/g, '$&\n')}`,
    ]
  })
  await using folder = temporaryFolder()
  const path = await written(folder.path, records, 0)
  expect(expected.length).toBeGreaterThan(10)
  expect(gunzipSync(await readFile(path)).toString() === expected.join('')).toBe(true)
})

test.skipIf(!hasPython)(
  'Biopython, zcat and readers of bgzip files read it; a least score leaves records out',
  async () => {
    await using folder = temporaryFolder()
    const record = (id: string, virus: number): Kept => {
      return { id, virus, description: 'len=9 a "name"\tand more', sequence: 'ACGTacgtn'.repeat(20_000) }
    }
    const path = await written(folder.path, [record('a', 0.9), record('b', 0.7), record('c', 0.8)], 0.8)
    const program = `
import gzip, json, sys
from Bio import SeqIO, bgzf
found = []
for opened in (gzip.open(sys.argv[1], 'rt'), bgzf.open(sys.argv[1], 'rt')):
    found.append([[r.id, r.description, str(r.seq)] for r in SeqIO.parse(opened, 'fasta')])
blocks = list(bgzf.BgzfBlocks(open(sys.argv[1], 'rb')))
print(json.dumps([found, blocks[-1][3], max(size for _, _, _, size in blocks)]))`
    const [[plain, blocked], last, largest] = JSON.parse(await runPython(program, path))
    const expected = [
      ['a', '0.9000', '0.8000', 'high'],
      ['c', '0.8000', '0.6000', 'moderate'],
    ].map(([id, score, delta, tier]) => [
      id,
      `${id} virus_score=${score} weighted_delta=${delta} tier=${tier} len=9 a "name"\tand more`,
      'ACGTacgtn'.repeat(20_000),
    ])
    expect(plain).toEqual(expected)
    expect(blocked).toEqual(expected)
    expect([last, largest]).toEqual([0, 0xff00])
    const zcat = await new Response(Bun.spawn(['zcat', path]).stdout).text()
    expect(zcat).toBe(gunzipSync(await readFile(path)).toString())
  },
)
