import type { ModelName } from '../bundle/index.ts'
import type { RunFolder } from '../checkpoint/index.ts'
import type { RunMonitor, RunStats } from '../monitor/index.ts'
import type { InUse, LanguageModels, RecordReport, RunInputs } from '../predict/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import type { Logger } from '../system/logger.ts'
import type { LiveTerminal } from '../system/terminal.ts'
import type { EmbedChoice, TooLong } from './choice.ts'
import type { EmbedPaths } from './paths.ts'
import type { UnitOptions } from './units.ts'

/** What a run that embeds is asked to do: the options of `predict` that have to do with embeddings, and some of its own. */
export interface EmbedFileOptions
  extends EmbedChoice,
    Omit<PredictOptions, 'outputDir' | 'prefix' | 'mlp' | 'classifierFor'> {
  /** The file of embeddings; its ending says in which form. */
  output: string
  /** Most letters of a whole record that are embedded. @default 1,022 residues or 10,000 bases */
  maxLength?: number | undefined
  /** What is done about records of more. */
  tooLong: TooLong
}

/** What a run is given besides its options. */
export interface EmbedContext {
  logger: Logger
  signal?: AbortSignal | undefined
  /** Files that are read besides those of the options, such as the configuration file: they are never written. */
  inUse?: readonly InUse[]
  /** Where the run is shown while it goes on. @internal */
  terminal?: LiveTerminal | undefined
}

/** What a run did. */
export interface EmbedFileResult {
  /** Sequences with embeddings: rows of the output, or for Parquet rows of each model. */
  sequences: number
  /** Sequences that could not be embedded. */
  failed: number
  /** True when an earlier run had already finished: nothing was computed. */
  alreadyFinished: boolean
  output: string
}

/** What all phases of a run work with. */
export interface EmbedRun {
  readonly options: EmbedFileOptions
  readonly units: UnitOptions
  /** In the order of their columns. */
  readonly names: readonly ModelName[]
  readonly paths: EmbedPaths
  /** Those that are used, each in its columns. */
  readonly models: LanguageModels
  readonly inputs: RunInputs
  readonly folder: RunFolder
  readonly stats: RunStats
  readonly monitor: RunMonitor
  readonly records: RecordReport
  readonly logger: Logger
  readonly signal: AbortSignal
}
