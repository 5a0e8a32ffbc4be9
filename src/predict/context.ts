import type { FailedPart, FileRecord, RunFolder, RunLock } from '../checkpoint/index.ts'
import type { OutputPaths } from '../layout/index.ts'
import type { RunMonitor, RunStats } from '../monitor/index.ts'
import type { InputStructure, ResultsCounts } from '../results/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import type { Logger, WarningKeeper } from '../system/logger.ts'
import { FailureList } from './failures.ts'
import type { RunInputs } from './inputs.ts'
import { LeftOut } from './left-out.ts'
import type { RunModels } from './models.ts'
import { RecordReport } from './records.ts'

/** What the runs share that are computed together. */
export interface Session {
  readonly models: RunModels
  readonly monitor: RunMonitor
  /** Of all of them. */
  readonly stats: RunStats
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Least frames of a window. @default {@link WINDOW_FRAMES} */
  readonly windowFrames?: number | undefined
}

/** What all phases of a run work with. One that is computed alone is a session of its own. */
export interface Run extends Session {
  readonly options: PredictOptions
  readonly paths: OutputPaths
  readonly inputs: RunInputs
  readonly folder: RunFolder
  readonly record: FileRecord
  readonly lock: RunLock
  /** Of this run alone. */
  readonly stats: RunStats
  /** Records left out, until they are described. */
  readonly leftOut: LeftOut
  /** Records left out or unusual. */
  readonly records: RecordReport
  /** What the input holds besides what is computed. */
  readonly structure: InputStructure
  /** How many records are called what, once the results are written. */
  readonly calls: ResultsCounts
  /** Frames that could not be computed. */
  readonly failures: FailureList
  readonly started: Date
  /** The same by `performance.now()`, which goes on when somebody sets the clock. */
  readonly startedMs: number
  /** Whether the monitor watches this run and no other. */
  readonly isAlone: boolean
  readonly logger: WarningKeeper
}

/** What a run is made of, besides its place and what it writes. */
type Opened = Pick<
  Run,
  | 'inputs'
  | 'folder'
  | 'structure'
  | 'models'
  | 'monitor'
  | 'stats'
  | 'isAlone'
  | 'logger'
  | 'signal'
  | 'windowFrames'
>

export function newRun(place: Pick<Run, 'options' | 'paths' | 'lock' | 'record'>, opened: Opened): Run {
  const { options, paths, lock, record } = place
  const { stats, logger, structure } = opened
  const leftOut = new LeftOut(structure)
  return {
    ...{ options, paths, lock, record },
    ...opened,
    leftOut,
    records: new RecordReport(paths.invalidRecords, stats.counts, logger, leftOut),
    calls: { viral: 0, non_viral: 0, ambiguous: 0, uncalled: 0 },
    failures: new FailureList(paths.failedFrames),
    started: new Date(),
    startedMs: performance.now(),
  }
}

/** A part that could not be computed, and how many of its frames are missing. */
export interface IncompletePart extends FailedPart {
  frames: number
}
