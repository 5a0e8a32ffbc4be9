import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Summary } from '../../../src/report/index.ts'
import { chunkBounds } from '../../../src/sequence/index.ts'

/** What a made run has: how many records, how long each is, and how viral its chunks are, from 0 to 1. */
export interface MadeRun {
  records: number
  length(record: number): number
  virus(record: number, chunk: number): number
  name?(record: number): string
}

interface Chunk {
  start: number
  end: number
  virus: number
  others: number
}

const CHUNK = 500
const CONTIGS =
  'seq_name length n_chunks n_scored n_viral viral_fraction virus_score others_score weighted_delta call tier status reason'
const CHUNKS = 'seq_name chunk start end n_frames best_frame virus_score others_score call status reason'

/**
 * Writes what the report is made of, as a run over so many records leaves it, beside the summary of a real run. A fifth of the chunks has
 * no score.
 *
 * @returns the folder of the report
 */
export async function makeRun(folder: string, like: Summary, run: MadeRun): Promise<string> {
  const [report, results, merged] = ['report', 'results', 'merged'].map((part) =>
    join(folder, `made_${part}`),
  )
  for (const made of [report, results, merged]) await mkdir(made!, { recursive: true })
  const sink = (path: string, columns: string) => {
    const file = Bun.file(path).writer({ highWaterMark: 1 << 20 })
    if (columns !== '') file.write(`${columns.replaceAll(' ', '\t')}\n`)
    return file
  }
  const files = {
    frames: sink(join(merged!, 'prediction_results.txt'), 'Sequence_ID Prediction score1 score2'),
    contigs: sink(join(results!, 'contigs.tsv'), CONTIGS),
    chunks: sink(join(results!, 'chunks.tsv'), CHUNKS),
    bed: sink(join(results!, 'viral.bed'), ''),
  }
  const next = random(7)
  const sums = { bases: 0, chunks: 0, scored: 0, viral: 0, viralFrames: 0 }
  for (let record = 0; record < run.records; record++) {
    const id = run.name?.(record) ?? `contig_${record + 1}`
    const length = run.length(record)
    const chunks = chunkBounds(length, CHUNK).map(({ start, end }, i) => ({
      ...{ start, end },
      ...scoresOf(run.virus(record, i), next),
    }))
    for (const [i, chunk] of chunks.entries()) {
      files.frames.write(frameRow(id, i, chunk))
      files.chunks.write(chunkRow(id, i, chunk))
    }
    files.bed.write(
      stretches(chunks)
        .map(([start, end]) => `${id}\t${start}\t${end}\tviral\t900\t.\n`)
        .join(''),
    )
    files.contigs.write(contigRow(id, length, chunks))
    sums.bases += length
    sums.chunks += chunks.length
    sums.scored += chunks.filter(isScored).length
    sums.viral += chunks.filter(isViral).length
    sums.viralFrames += chunks.filter(({ virus, others }) => virus > others).length
  }
  for (const file of Object.values(files)) await file.end()
  await writeFile(join(report!, 'summary.json'), JSON.stringify(summaryOf(like, run, sums)))
  return report!
}

/** Equal numbers with every start. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

function scoresOf(wanted: number, next: () => number): Pick<Chunk, 'virus' | 'others'> {
  const isSilent = next() < 0.2
  const virus = Number(Math.min(1, Math.max(0, wanted + 0.4 * (next() - 0.5))).toFixed(4))
  const others = Number(Math.min(1, 1 - virus + 0.1 * next()).toFixed(4))
  return isSilent ? { virus: Number.NaN, others: Number.NaN } : { virus, others }
}

function isScored({ virus }: Chunk): boolean {
  return !Number.isNaN(virus)
}

function isViral({ virus, others }: Chunk): boolean {
  return virus >= others
}

function frameRow(id: string, index: number, chunk: Chunk): string {
  const { virus, others } = chunk
  const call = virus > others ? 'virus' : 'others'
  return isScored(chunk) ? `${id}_chunk_${index + 1}F1\t${call}\t${others}\t${virus}\n` : ''
}

function chunkRow(id: string, index: number, chunk: Chunk): string {
  const place = `${id}\t${index + 1}\t${chunk.start + 1}\t${chunk.end}`
  if (!isScored(chunk)) return `${place}\t0\tNA\tNA\tNA\tNA\tnot_scored\tno_open_frame\n`
  const call = isViral(chunk) ? 'viral' : 'non_viral'
  return `${place}\t1\tF1\t${chunk.virus.toFixed(4)}\t${chunk.others.toFixed(4)}\t${call}\tscored\tNA\n`
}

function contigRow(id: string, length: number, chunks: readonly Chunk[]): string {
  const scored = chunks.filter(isScored)
  const viral = chunks.filter(isViral).length
  const shape = [id, length, chunks.length, scored.length, viral].join('\t')
  if (scored.length === 0) return `${shape}${'\tNA'.repeat(6)}\tnot_scored\tno_open_frame\n`
  const sum = (of: (chunk: Chunk) => number) => scored.reduce((all, chunk) => all + of(chunk), 0)
  const delta = (sum(({ virus }) => virus) - sum(({ others }) => others)) / scored.length
  const call = Math.abs(delta) <= 0.3 ? 'ambiguous' : delta > 0 ? 'viral' : 'non_viral'
  const tier = call === 'ambiguous' ? 3 : [0.7, 0.5].filter((least) => Math.abs(delta) < least).length
  const means = [viral, sum(({ virus }) => virus), sum(({ others }) => others)].map(
    (of) => of / scored.length,
  )
  const scores = [...means, delta].map((score) => score.toFixed(4)).join('\t')
  return `${shape}\t${scores}\t${call}\t${['high', 'moderate', 'low', 'review'][tier]}\tscored\tNA\n`
}

/** Over gaps of one chunk. */
function stretches(chunks: readonly Chunk[]): [number, number][] {
  const found: [number, number][] = []
  let next = 0
  for (const [i, chunk] of chunks.entries()) {
    if (!isViral(chunk)) continue
    const last = found.at(-1)
    if (last !== undefined && i <= next) last[1] = chunk.end
    else found.push([chunk.start, chunk.end])
    next = i + 2
  }
  return found
}

function summaryOf(
  like: Summary,
  { records, length }: MadeRun,
  sums: { bases: number; chunks: number; scored: number; viral: number; viralFrames: number },
): Summary {
  const { bases, chunks, scored, viral, viralFrames } = sums
  const read = {
    records,
    bases,
    chunks,
    chunksWithoutFrame: chunks - scored,
    frames: scored,
    failedFrames: 0,
  }
  const called = { scoredFrames: scored, viralFrames, calledChunks: scored, viralChunks: viral }
  const lengths = (count: number, longest: number) => ({
    ...{ count, total: bases, shortest: 1, longest },
    bins: [{ from: 1, below: longest + 1, count }],
  })
  return {
    ...like,
    name: 'made',
    counts: { ...like.counts, ...read, ...called },
    inputs: [{ ...like.inputs[0]!, ...read }],
    lengths: { records: lengths(records, length(0)), chunks: lengths(chunks, CHUNK) },
    files: { ...like.files, predictions: '../made_merged/prediction_results.txt', metrics: null },
  }
}

/** Rows of a made table, without its header. */
export async function rowsOf(report: string, table: string): Promise<string[][]> {
  const text = await readFile(join(report, '..', 'made_results', table), 'utf8')
  const rows = text.trimEnd().split('\n').slice(1)
  return rows.map((line) => line.split('\t'))
}
