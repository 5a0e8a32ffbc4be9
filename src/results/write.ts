import { columnNames, type OutputPaths } from '../layout/index.ts'
import { eachChunk, type FrameName, type Silence } from '../sequence/index.ts'
import { AtomicFile } from '../system/atomic.ts'
import { BgzfSink } from '../system/bgzf.ts'
import { DataError } from '../system/errors.ts'
import { printable } from '../system/printable.ts'
import type { ScoredFrames } from '../tables/index.ts'
import { CALLS, type Call, type CallRule, Evidence, TIERS } from './call.ts'
import { FrameTable } from './frame-table.ts'
import { Rows, spellings } from './rows.ts'
import {
  FILTER_REASONS,
  FRAME_COUNTS,
  FRAME_MASK,
  FRAMES,
  type InputStructure,
  type LeftOutReason,
  RECORD_REASONS,
  type StructureReader,
  silenceIn,
} from './structure.ts'
import { Tracks } from './tracks.ts'
import { ViralFasta } from './viral-fasta.ts'

const SILENCES = ['no_open_frame', 'ambiguous_bases', 'too_short'] as const
const STATUSES = ['scored', 'not_scored', 'filtered', 'failed'] as const
const WORDS = spellings([
  ...[...CALLS, ...TIERS, ...STATUSES, ...SILENCES],
  ...[...RECORD_REASONS, ...FILTER_REASONS, 'empty', 'frames_failed'],
  ...FRAMES,
] as const)

export interface ResultsOptions {
  rule: CallRule
  /** Chunks that are not viral which a viral stretch bridges. */
  viralGap: number
  /** Records, chunks and stretches with a lower `virus_score` are left out of what is not a table of all. */
  minScore: number
  /** Length of chunks, in bases. */
  chunkLength: number
  /** Whether there is a column for the input of a record. */
  hasFiles: boolean
  /** What scores were computed in, in a run that computes some of them once more. @default all in one precision */
  precisions?: { readonly quantized: string; readonly rechecked: string } | undefined
  /** Line put before the header of all tables; only demonstration models have one. */
  stamp: string | undefined
}

/** Files of the results, in the order in which they get their names. */
const NAMES = [
  'contigs',
  'chunks',
  'frameTable',
  'viralFasta',
  'gff',
  'bed',
] as const satisfies (keyof OutputPaths)[]
type Files = Readonly<Record<(typeof NAMES)[number], AtomicFile>>

/** Gathers what is written to a file. */
interface Buffered {
  readonly isFull: boolean
  flush(): Promise<void>
}

/** How many records were called what. @interface */
export type ResultsCounts = Record<Call | 'uncalled', number>

/**
 * The tables of contigs and chunks while they are written: a row for every record, whatever became of it, and for every
 * chunk. Scores come in the order of the input, those of failed frames missing; what else the rows say is in the structure.
 */
export class Results implements AsyncDisposable {
  readonly counts: ResultsCounts = { viral: 0, non_viral: 0, ambiguous: 0, uncalled: 0 }
  readonly #files: Files
  readonly #contigs: Rows
  readonly #chunks: Rows
  readonly #frameTable: FrameTable
  readonly #all: readonly Buffered[]
  readonly #gff: Rows
  readonly #bed: Rows
  readonly #tracks: Tracks
  readonly #fasta: ViralFasta
  /** Compresses it. */
  readonly #bgzf: BgzfSink
  /** The one whose rows are made. */
  readonly #record: StructureReader
  readonly #options: ResultsOptions
  readonly #evidence: Evidence
  /** Of the chunk whose row is made. */
  readonly #best: { frame: FrameName | undefined; virus: number; others: number } = {
    frame: undefined,
    virus: -1,
    others: -1,
  }
  readonly #silent = new Set<Silence>()
  #failed = 0
  readonly #work: Generator<'more' | 'full', void>
  #frames: ScoredFrames = { ids: [], scores: new Float32Array() }
  /** The next of the frames. */
  #at = 0
  #isLast = false
  #source = ''
  #sourceBytes: Uint8Array = new Uint8Array()
  /** The row of a frame, for all of them. */
  readonly #row = {
    name: '',
    chunk: 0,
    start: 0,
    end: 0,
    frame: 'F1' as FrameName,
    virus: 0,
    others: 0,
    file: '',
    precision: '',
  }

  private constructor(
    files: Files,
    frameTable: FrameTable,
    structure: InputStructure,
    options: ResultsOptions,
  ) {
    this.#files = files
    this.#bgzf = new BgzfSink(files.viralFasta)
    this.#contigs = new Rows(files.contigs)
    this.#chunks = new Rows(files.chunks)
    const fasta = new Rows(this.#bgzf)
    this.#gff = new Rows(files.gff)
    this.#bed = new Rows(files.bed)
    this.#frameTable = frameTable
    this.#all = [this.#contigs, this.#chunks, frameTable, fasta, this.#gff, this.#bed]
    this.#record = structure.read()
    this.#tracks = new Tracks(this.#gff, this.#bed, this.#record, options.viralGap, options.minScore)
    this.#fasta = new ViralFasta(fasta, this.#record, structure.kept.read(), options.stamp !== undefined)
    this.#options = options
    this.#evidence = new Evidence(options.rule)
    this.#work = this.#rows()
  }

  static async begin(
    paths: OutputPaths,
    structure: InputStructure,
    options: ResultsOptions,
  ): Promise<Results> {
    await using opened = new AsyncDisposableStack()
    const files: Partial<Record<keyof Files, AtomicFile>> = {}
    for (const name of NAMES) files[name] = opened.use(await AtomicFile.create(paths[name]))
    const frameTable = await FrameTable.begin(files.frameTable as AtomicFile, {
      ...options,
      hasPrecisions: options.precisions !== undefined,
    })
    const results = new Results(files as Files, frameTable, structure, options)
    await results.#writeHeaders()
    opened.move()
    return results
  }

  async #writeHeaders(): Promise<void> {
    const { stamp, hasFiles } = this.#options
    const { contigs, chunks, gff, bed } = this.#files
    const warning = stamp === undefined ? '' : `# ${stamp}\n`
    const header = (table: 'contigs' | 'chunks') =>
      `${columnNames(table, hasFiles ? 'several inputs' : undefined).join('\t')}\n`
    await contigs.write(warning + header('contigs'))
    await chunks.write(warning + header('chunks'))
    await gff.write(`##gff-version 3\n${warning}`)
    await bed.write(warning)
  }

  /** How many rows each file has so far; of the FASTA, records. */
  get rows(): Record<keyof Files, number> {
    return {
      contigs: this.#contigs.count,
      chunks: this.#chunks.count,
      frameTable: this.#frameTable.count,
      viralFasta: this.#fasta.count,
      gff: this.#gff.count,
      bed: this.#bed.count,
    }
  }

  /** Scores that follow those before. */
  async add(frames: ScoredFrames): Promise<void> {
    // Those of a chunk may lie in two parts.
    this.#frames = this.#at === this.#frames.ids.length ? frames : joined(this.#frames, this.#at, frames)
    this.#at = 0
    await this.#proceed()
  }

  /** The same scores, written on their way. */
  async *through<Frames extends ScoredFrames>(parts: AsyncIterable<Frames>): AsyncGenerator<Frames> {
    for await (const frames of parts) {
      await this.add(frames)
      yield frames
    }
  }

  /** Writes what is left, and gives the files their names. */
  async commit(): Promise<void> {
    this.#isLast = true
    await this.#proceed()
    const { ids } = this.#frames
    if (this.#at < ids.length) throw new DataError(`the frame ${ids[this.#at]} is of no record of the input`)
    for (const rows of this.#all) await rows.flush()
    await this.#frameTable.end()
    await this.#bgzf.end()
    for (const name of NAMES) await this.#files[name].commit()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of NAMES) await this.#files[name][Symbol.asyncDispose]()
  }

  /** Makes rows as far as the scores go. */
  async #proceed(): Promise<void> {
    for (;;) {
      const { done, value } = this.#work.next()
      for (const rows of this.#all) if (rows.isFull) await rows.flush()
      if (done || value === 'more') return
    }
  }

  /** Makes all rows; yields where more scores are needed, and where rows are to be written. */
  *#rows(): Generator<'more' | 'full', void> {
    const record = this.#record
    while (record.next()) {
      if (record.leftOut === undefined) yield* this.#cut()
      else this.#leftOut(record.leftOut)
      if (this.#contigs.isFull) yield 'full'
    }
  }

  #leftOut(reason: LeftOutReason): void {
    const rows = this.#contigs
    const isEmpty = reason === 'empty_record'
    const { length } = this.#record
    this.counts.uncalled++
    this.#beginRow(rows)
    if (isEmpty || length > 0) for (const figure of [length, 0, 0, 0]) rows.whole(figure)
    else rows.missing(4)
    rows.missing(6)
    rows.text(WORDS[isEmpty ? 'not_scored' : 'filtered'])
    rows.text(WORDS[isEmpty ? 'empty' : reason])
    this.#endRow(rows)
  }

  *#cut(): Generator<'more' | 'full', void> {
    const { length } = this.#record
    const rows = this.#chunks
    const row = this.#row
    this.#evidence.clear()
    if (this.#silent.size > 0) this.#silent.clear()
    this.#failed = 0
    let chunks = 0
    let prefix: string | undefined
    for (const { index, start, end } of eachChunk(length, this.#options.chunkLength)) {
      chunks++
      const byte = this.#record.chunk()
      const frames = FRAME_COUNTS[byte & FRAME_MASK] as number
      while (this.#frames.ids.length - this.#at < frames && !this.#isLast) yield 'more'
      this.#beginRow(rows)
      rows.whole(index)
      rows.whole(start + 1)
      rows.whole(end)
      rows.whole(frames)
      if (frames === 0) this.#silentChunk(silenceIn(byte))
      else {
        prefix ??= this.#beginFrames()
        row.chunk = index
        row.start = start + 1
        row.end = end
        this.#scoredChunk(byte, prefix + index)
        const { frame, virus, others } = this.#best
        if (frame !== undefined) this.#tracks.chunk(index, start, end, frame, virus, others)
      }
      this.#endRow(rows)
      if (rows.isFull || this.#frameTable.isFull) yield 'full'
    }
    this.#tracks.endRecord()
    this.#contig(chunks)
    if (prefix !== undefined) yield* this.#kept()
  }

  /** For a record with a frame. @returns how the ids of its chunks begin */
  #beginFrames(): string {
    const { id, idBytes, source } = this.#record
    this.#row.name = id.toString('utf8', 0, idBytes)
    if (this.#options.hasFiles) this.#row.file = printable(source)
    return `${this.#row.name}_chunk_`
  }

  *#kept(): Generator<'full', void> {
    const evidence = this.#evidence
    const isViral = evidence.chunks > 0 && evidence.call === 'viral'
    if (isViral && evidence.virus >= this.#options.minScore) yield* this.#fasta.write(evidence)
    else this.#fasta.pass()
  }

  #silentChunk(reason: Silence): void {
    const rows = this.#chunks
    this.#silent.add(reason)
    rows.missing(4)
    rows.text(WORDS.not_scored)
    rows.text(WORDS[reason])
  }

  #scoredChunk(byte: number, id: string): void {
    const rows = this.#chunks
    const failed = this.#takeScores(byte, id)
    this.#failed += failed
    const { frame, virus, others } = this.#best
    if (frame === undefined) {
      const isSilent = failed === 0 && silenceIn(byte) !== 'no_open_frame'
      if (isSilent) this.#silentChunk(silenceIn(byte))
      else this.#failedChunk()
      return
    }
    this.#evidence.add(virus, others)
    rows.text(WORDS[frame])
    rows.score(virus)
    rows.score(others)
    rows.text(WORDS[virus >= others ? 'viral' : 'non_viral'])
    rows.text(WORDS.scored)
    if (failed > 0) rows.text(WORDS.frames_failed)
    else rows.missing()
  }

  /** Finds the best scores of the frames of a chunk. @returns how many of them have failed */
  #takeScores(byte: number, id: string): number {
    const { ids, scores } = this.#frames
    const best = this.#best
    const row = this.#row
    let failed = 0
    best.frame = undefined
    best.virus = best.others = -1
    for (let f = 0; f < FRAMES.length; f++) {
      if ((byte & (1 << f)) === 0) continue
      const frame = FRAMES[f] as FrameName
      // A failed frame has no score, and the next one is of a later frame.
      if (!isId(ids[this.#at], id, frame)) {
        failed++
        continue
      }
      const precision = this.#precision(this.#at)
      const at = 2 * this.#at++
      const [virus, others] = [scores[at + 1] as number, scores[at] as number]
      // Broad's fork has frames without a residue.
      if (Number.isNaN(virus)) continue
      row.frame = frame
      row.virus = virus
      row.others = others
      row.precision = precision
      this.#frameTable.add(row)
      if (others > best.others) best.others = others
      if (virus <= best.virus) continue
      best.virus = virus
      best.frame = frame
    }
    return failed
  }

  /** What the scores of a frame were computed in; empty where there is no column for it. */
  #precision(at: number): string {
    const { precisions } = this.#options
    if (precisions === undefined) return ''
    return this.#frames.rechecked?.[at] === 1 ? precisions.rechecked : precisions.quantized
  }

  #failedChunk(): void {
    const rows = this.#chunks
    // Also where a score is not a number.
    this.#failed = Math.max(1, this.#failed)
    rows.missing(4)
    rows.text(WORDS.failed)
    rows.text(WORDS.failed)
  }

  #contig(chunks: number): void {
    const rows = this.#contigs
    const evidence = this.#evidence
    const failed = this.#failed
    this.#beginRow(rows)
    rows.whole(this.#record.length)
    rows.whole(chunks)
    rows.whole(evidence.chunks)
    rows.whole(evidence.viralChunks)
    if (evidence.chunks > 0) {
      const { call } = evidence
      this.counts[call]++
      rows.score(evidence.viralChunks / evidence.chunks)
      rows.score(evidence.virus)
      rows.score(evidence.others)
      rows.score(evidence.weightedDelta)
      rows.text(WORDS[call])
      rows.text(WORDS[evidence.tier])
      rows.text(WORDS.scored)
      if (failed > 0) rows.text(WORDS.frames_failed)
      else rows.missing()
    } else {
      this.counts.uncalled++
      rows.missing(6)
      rows.text(WORDS[failed > 0 ? 'failed' : 'not_scored'])
      rows.text(WORDS[failed > 0 ? 'failed' : mainReason(this.#silent)])
    }
    this.#endRow(rows)
  }

  #beginRow(rows: Rows): void {
    rows.text(this.#record.id, this.#record.idBytes)
  }

  #endRow(rows: Rows): void {
    if (this.#options.hasFiles) {
      const { source } = this.#record
      if (source !== this.#source) this.#sourceBytes = Buffer.from(printable(source))
      this.#source = source
      rows.text(this.#sourceBytes)
    }
    rows.endRow()
  }
}

/** Whether an id is that of a frame of a chunk; as comparing with the whole id, which need not be made. */
function isId(id: string | undefined, chunk: string, frame: FrameName): boolean {
  return id?.length === chunk.length + frame.length && id.endsWith(frame) && id.startsWith(chunk)
}

/** What is left of some frames, and those that follow. */
function joined(frames: ScoredFrames, from: number, next: ScoredFrames): ScoredFrames {
  const left = frames.ids.length - from
  const scores = new Float32Array(2 * left + next.scores.length)
  scores.set(frames.scores.subarray(2 * from))
  scores.set(next.scores, 2 * left)
  const rechecked = new Uint8Array(left + next.ids.length)
  if (frames.rechecked !== undefined) rechecked.set(frames.rechecked.subarray(from))
  if (next.rechecked !== undefined) rechecked.set(next.rechecked, left)
  return { ids: [...frames.ids.slice(from), ...next.ids], scores, rechecked }
}

/** Of a record whose chunks are silent for different reasons, the one that says most about it. */
function mainReason(silent: ReadonlySet<Silence>): Silence {
  return SILENCES.find((reason) => silent.has(reason)) ?? 'too_short'
}
