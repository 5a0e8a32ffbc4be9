// What a run does besides the models, in a process of its own: reads, cuts, translates, keeps made-up scores of every part and
// writes the tables, with or without the files of `STEM_results/`.
//   bun bench/outputs/client.ts INPUT FOLDER with|without
// Prints the number of frames as JSON.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readPartScores, writePartScores } from '../../src/checkpoint/part-scores.ts'
import { readSequences, type SequenceRecord } from '../../src/fasta/index.ts'
import { outputPaths } from '../../src/layout/index.ts'
import { InputStructure, Results, ruleOf } from '../../src/results/index.ts'
import { openChunks, silenceOf } from '../../src/sequence/index.ts'
import { type ScoredFrames, writeTables } from '../../src/tables/index.ts'
import { seededRandom } from '../dna.ts'

const CHUNK = 500
const PART = 10_000
/** Share of the records that score like viruses. */
const VIRAL = 0.5

const [input = '', folder = '', how = 'with'] = process.argv.slice(2)
await mkdir(folder, { recursive: true })
const random = seededRandom(3)
const partFile = (part: number) => join(folder, `${part}.scores`)
let parts = 0
let frames = 0
let ids: string[] = []
let scores = new Float32Array(2 * PART)

async function flush(): Promise<void> {
  frames += ids.length
  const part = { ids, scores: scores.subarray(0, 2 * ids.length), content: undefined, files: [] }
  await writePartScores(partFile(++parts), part)
  ids = []
  scores = new Float32Array(2 * PART)
}

/** Yields when a part is full. */
function* addRecord(record: SequenceRecord, structure: InputStructure | undefined): Generator<void> {
  const { id, source, sequence } = record
  const least = random() < VIRAL ? 2 / 3 : 0
  structure?.record(id, source, sequence.length)
  for (const { index, chunk, frames } of openChunks(sequence, CHUNK)) {
    structure?.chunk(frames, () => silenceOf(chunk))
    for (const { frame } of frames) {
      const virus = least + random() / 3
      scores.set([1 - virus, virus], 2 * ids.length)
      ids.push(`${id}_chunk_${index}${frame}`)
      if (ids.length === PART) yield
    }
  }
  structure?.endRecord(record)
}

async function* scored(): AsyncGenerator<ScoredFrames> {
  for (let part = 1; part <= parts; part++) {
    const scores = await readPartScores(partFile(part))
    if (scores === undefined) throw new Error(`no scores of part ${part}`)
    yield scores
  }
}

using structure = how === 'with' ? new InputStructure(folder) : undefined
for await (const records of readSequences([input])) {
  for (const record of records) for (const _ of addRecord(record, structure)) await flush()
}
await flush()
const place = { layout: 'vanilla', prefix: undefined, expectedLength: CHUNK, outputDir: folder } as const
const paths = outputPaths({ ...place, input: 'x.fa' })
const options = { stamp: undefined, spillPath: (run: number) => join(folder, `sorted-${run}`) }
if (structure === undefined) await writeTables(paths, scored(), options)
else {
  const rule = { rule: ruleOf({}), viralGap: 1, minScore: 0, chunkLength: CHUNK, hasFiles: false }
  await using results = await Results.begin(paths, structure, { ...rule, stamp: undefined })
  await writeTables(paths, results.through(scored()), options)
  await results.commit()
}
console.log(JSON.stringify({ frames }))
