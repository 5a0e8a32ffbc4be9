import type { OutputPaths } from '../layout/index.ts'
import { pick, type RunCounts, zeros } from '../monitor/index.ts'
import type { ResultsCounts } from '../results/index.ts'
import type { Logger } from '../system/logger.ts'
import { count } from '../text/numbers.ts'

/** In the order of `run.json`. */
const COUNTS = [
  'records',
  'filteredRecords',
  'bases',
  'chunks',
  'chunksWithoutFrame',
  'frames',
  'viralFrames',
  'calledChunks',
  'viralChunks',
  'skippedRecords',
] as const

/** Counts of the tables, and of what they were made from. `frames` are those with a row. @interface */
export type ResultCounts = Pick<RunCounts, (typeof COUNTS)[number]>

/** What a run did. */
export interface PredictResult extends ResultCounts {
  /** Parts that could not be computed; their frames are in no table. */
  failedParts: number
  /** True when an earlier run had already finished: nothing was computed. */
  alreadyFinished: boolean
  paths: OutputPaths
}

/** @param counts - undefined for a run of which nothing is known */
export function resultCounts(counts: RunCounts | undefined): ResultCounts {
  return counts === undefined ? zeros(COUNTS) : { ...pick(counts, COUNTS), frames: counts.scoredFrames }
}

/** The closing lines of a run. */
export function reportCounts(result: ResultCounts, folder: string, logger: Logger): void {
  const {
    records,
    filteredRecords,
    chunks,
    chunksWithoutFrame,
    frames,
    viralFrames,
    calledChunks,
    viralChunks,
  } = result
  logger.info(
    `${count(records, 'record')}${filteredRecords > 0 ? ` (${filteredRecords} filtered)` : ''}, ${count(chunks, 'chunk')}; ${chunksWithoutFrame} without an open frame (no row in the original's tables)`,
  )
  logger.info(
    `${viralFrames} of ${count(frames, 'frame')} and ${viralChunks} of ${count(calledChunks, 'chunk')} viral: ${folder}`,
  )
}

/** The last line of a run. */
export function reportCalls(calls: ResultsCounts, folder: string, logger: Logger): void {
  const { viral, non_viral, ambiguous, uncalled } = calls
  const all = count(viral + non_viral + ambiguous + uncalled, 'record')
  logger.info(
    `${viral} of ${all} called viral, ${ambiguous} ambiguous, ${uncalled} without a call: ${folder}`,
  )
}

/** Says why the tables hold no row, where they hold none. */
export function warnOfEmptyTables(
  { records, filteredRecords, chunks, chunksWithoutFrame, frames }: ResultCounts,
  logger: Logger,
): void {
  if (records > 0 && filteredRecords === records)
    logger.warn('every record was filtered: the tables hold their headers only')
  else if (chunksWithoutFrame === chunks)
    logger.warn('no chunk has an open reading frame: the tables hold their headers only')
  else if (frames === 0) logger.warn('no frame could be computed: the tables hold their headers only')
}
