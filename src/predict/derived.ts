import {
  type DerivedFiles,
  type FileRecord,
  type RunFolder,
  type RunPrecisions,
  readPrecisions,
} from '../checkpoint/index.ts'
import { newReadStatistics, readSequences, type SequenceRecord } from '../fasta/index.ts'
import { derivedFiles, type OutputPaths } from '../layout/index.ts'
import type { RunStats } from '../monitor/index.ts'
import { BitSet, type Decisions } from '../recheck/index.ts'
import { type RowCounts, refreshReport } from '../report/index.ts'
import { InputStructure, Results, type ResultsOptions, ruleOf } from '../results/index.ts'
import { filteredBy, openChunks, type RecordFilter, silenceOf } from '../sequence/index.ts'
import { type PredictOptions, settings } from '../settings/index.ts'
import { DataError, VirnucproError } from '../system/errors.ts'
import { parseJson } from '../system/json.ts'
import type { Logger } from '../system/logger.ts'
import { isThere } from '../system/same-file.ts'
import { readFrameScores, type ScoredFrames, scoredFrames } from '../tables/index.ts'
import type { RunInputs } from './inputs.ts'
import { LeftOut } from './left-out.ts'

/** Changes with the form of the files: those of an earlier version are made again. */
const FORMAT = 1

type Derived = { options: PredictOptions; paths: OutputPaths }

/** What is made from the tables of a run, and how, as its state keeps it. */
export function derivedOf({ options, paths }: Derived): DerivedFiles {
  return {
    rule: JSON.stringify({ format: FORMAT, ...settingsOf(options) }),
    files: derivedFiles(paths),
  }
}

/**
 * The options that {@link derivedOf} has made a rule of; none for a run of a version without one.
 * @throws DataError for a text that is no rule
 */
export function optionsOfRule(rule: string | undefined): Partial<PredictOptions> {
  const { format: _, ...options } = ruleIn(rule ?? '{}')
  return options
}

function ruleIn(text: string): { format?: number } & Partial<PredictOptions> {
  const wrong = (cause?: unknown) =>
    new DataError(
      'the state of a run (run.json) has no rule that results can be made by: compute the run again',
      { cause },
    )
  let rule: unknown
  try {
    rule = parseJson(text)
  } catch (cause) {
    throw wrong(cause)
  }
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) throw wrong()
  return rule
}

export function resultsOptions(
  { options }: Pick<Derived, 'options'>,
  stamp: string | undefined,
  precisions?: Pick<RunPrecisions, 'quantized' | 'rechecked'>,
): ResultsOptions {
  const { expectedLength, inputs } = options
  return {
    rule: ruleOf(options),
    ...tracksOf(options),
    chunkLength: expectedLength,
    hasFiles: inputs.length > 1,
    precisions,
    stamp,
  }
}

function settingsOf(options: PredictOptions) {
  return { ...ruleOf(options), ...tracksOf(options) }
}

/** What the results of a run decide by scores. */
export function decisionsOf(options: PredictOptions): Decisions {
  return { rule: ruleOf(options), ...tracksOf(options) }
}

/** The same as text, for the state of a run. */
export function decisionsText(options: PredictOptions): string {
  return JSON.stringify(settingsOf(options))
}

/** Callers of the library may know nothing of them. */
function tracksOf({ viralGap, minScore }: Partial<PredictOptions>) {
  return {
    viralGap: viralGap ?? settings.viralGap.default,
    minScore: minScore ?? settings.minScore.default,
  }
}

export interface FinishedRun extends Derived {
  folder: RunFolder
  record: FileRecord
  inputs: RunInputs
  stamp: string | undefined
  logger: Logger
  signal: AbortSignal
}

/**
 * Makes contigs and chunks of a finished run from its table of frames and its input, where they are missing or another rule is asked
 * for. Nothing is computed.
 *
 * @throws UsageError for one of the files that was changed since
 */
export async function remakeDerived(run: FinishedRun): Promise<void> {
  const { folder, logger, paths } = run
  const derived = derivedOf(run)
  if (await folder.hasDerived(derived)) return
  const obstacle = await obstacleTo(run, derived.files)
  if (obstacle !== undefined) {
    logger.warn(`no tables of contigs and chunks as asked for in ${paths.results}: ${obstacle}`)
    return
  }
  using structure = new InputStructure(await folder.makeWorkFolder())
  await readStructure(run, structure)
  const precisions = await readPrecisions(paths.state)
  if (precisions !== undefined && precisions.rule !== decisionsText(run.options))
    logger.warn(
      'which frames were rechecked was chosen for the rule that the run had: calls by another one may hang on scores of ' +
        `${precisions.quantized}`,
    )
  const options = resultsOptions(run, run.stamp, precisions)
  await using results = await Results.begin(paths, structure, options)
  const mark = markRechecked(precisions)
  for await (const frames of readFrameScores(paths.predictions, paths.layout)) {
    run.signal.throwIfAborted()
    await results.add(mark(scoredFrames(frames)))
  }
  await folder.forgetDerived()
  await results.commit()
  await folder.keepDerived(derived)
  await report(run, results.rows)
  logger.info(`contigs and chunks were made from the tables of the finished run: ${paths.results}`)
}

/** Marks the rows of a table of frames that were rechecked; they come in their order. */
export function markRechecked(
  precisions: Pick<RunPrecisions, 'frames'> | undefined,
): (frames: ScoredFrames) => ScoredFrames {
  if (precisions === undefined) return (frames) => frames
  const exact = new BitSet(precisions.frames)
  let first = 0
  return (frames) => {
    const rechecked = Uint8Array.from(frames.ids, (_, row) => Number(exact.has(first + row)))
    first += frames.ids.length
    return { ...frames, rechecked }
  }
}

async function report({ options, paths, logger }: FinishedRun, rows: RowCounts): Promise<void> {
  if (!options.report) return
  try {
    await refreshReport({ options, paths, rows }, settingsOf(options))
  } catch (error) {
    if (!(error instanceof VirnucproError)) throw error
    logger.warn(`the report does not say how the results were made now: ${error.message}`)
  }
}

async function obstacleTo(
  { record, inputs }: FinishedRun,
  files: readonly string[],
): Promise<string | undefined> {
  if (record.isEmpty) return 'the run is of version 0.1.0, which kept no record of its files'
  if (inputs.hasStreams) return 'they are made from the input, and a pipe gives it only once'
  for (const path of files)
    if ((await isThere(path)) && !record.owns(path)) return `${path} is not of this run; move it away`
  return undefined
}

/** Reads the input as the run has read it. */
async function readStructure(run: FinishedRun, structure: InputStructure): Promise<void> {
  const { folder, options, inputs, signal } = run
  const { onInvalid, allowEmpty, duplicateIds } = options
  const leftOut = new LeftOut(structure)
  const statistics = newReadStatistics()
  const batches = readSequences(options.inputs, {
    onInvalid,
    allowEmpty,
    duplicateIds,
    signal,
    statistics,
    tempDir: await folder.makeWorkFolder(),
    onInvalidRecord: (record) => leftOut.add(record, statistics.records),
    onInputRead: (index, read) => inputs.take(index, read),
  })
  await describeRecords(batches, { options, leftOut, structure, signal })
}

export interface Description {
  options: Pick<PredictOptions, 'expectedLength' | 'layout'> & RecordFilter
  leftOut: LeftOut
  structure: InputStructure
  /** Counts to add to. */
  stats?: RunStats
  /** Called after each record with the number of its frames. */
  onRecord?(frames: number): void
  signal?: AbortSignal | undefined
}

/** Describes records with their chunks and frames, and those left out, as a run does that computes them. */
export async function describeRecords(
  batches: AsyncIterable<SequenceRecord[]>,
  { options, leftOut, structure, stats, onRecord, signal }: Description,
): Promise<void> {
  const keepEmpty = options.layout === 'broad'
  for await (const records of batches) {
    for (const record of records) {
      const { id, source, sequence } = record
      leftOut.next()
      stats?.record(source, sequence.length)
      const filtered = filteredBy(sequence, options)
      if (filtered !== undefined) {
        structure.leftOut(id, source, filtered, sequence.length)
        stats?.recordFiltered(sequence.length)
        onRecord?.(0)
        continue
      }
      structure.record(id, source, sequence.length)
      let count = 0
      for (const { chunk, frames } of openChunks(sequence, options.expectedLength, { keepEmpty })) {
        structure.chunk(frames, () => silenceOf(chunk))
        stats?.chunk(chunk.length, frames.length)
        count += frames.length
      }
      structure.endRecord(record)
      onRecord?.(count)
    }
    signal?.throwIfAborted()
  }
  leftOut.finish()
}
