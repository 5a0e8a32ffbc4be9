import type { OutputPaths } from '../layout/index.ts'
import type { Logger } from '../system/logger.ts'
import type { TableCounts } from '../tables/index.ts'
import { count } from '../text/numbers.ts'
import type { PrepareCounts } from './prepare.ts'

/** What a run did. */
export interface PredictResult extends PrepareCounts, TableCounts {
  /** Parts that could not be computed; their frames are in no table. */
  failedParts: number
  /** Records that were left out as invalid. */
  skippedRecords: number
  /** True when an earlier run had already finished: nothing was computed. */
  alreadyFinished: boolean
  paths: OutputPaths
}

/** Counts of a run of which nothing is known. */
export function emptyCounts(): PrepareCounts & TableCounts {
  const prepared = { records: 0, bases: 0, chunks: 0, chunksWithoutFrame: 0, frames: 0 }
  return { ...prepared, viralFrames: 0, calledChunks: 0, viralChunks: 0 }
}

/** The closing lines of a run. */
export function reportCounts(result: PrepareCounts & TableCounts, folder: string, logger: Logger): void {
  const { records, chunks, chunksWithoutFrame, frames, viralFrames, calledChunks, viralChunks } = result
  logger.info(
    `${count(records, 'record')}, ${count(chunks, 'chunk')}; ${chunksWithoutFrame} without an open frame (no row in any table)`,
  )
  logger.info(
    `${viralFrames} of ${count(frames, 'frame')} and ${viralChunks} of ${count(calledChunks, 'chunk')} viral: ${folder}`,
  )
}

/** Says why the tables hold no row, where they hold none. */
export function warnOfEmptyTables(
  { chunks, chunksWithoutFrame, frames }: PrepareCounts & TableCounts,
  logger: Logger,
): void {
  if (chunksWithoutFrame === chunks)
    logger.warn('no chunk has an open reading frame: the tables hold their headers only')
  else if (frames === 0) logger.warn('no frame could be computed: the tables hold their headers only')
}
