import type { OutputPaths } from '../layout/index.ts'
import { type Progress, RunStats, requireMetricsPort } from '../monitor/index.ts'
import { InputStructure, requireOrder } from '../results/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { limitedThreads } from '../system/cores.ts'
import type { Detail } from '../system/error-codes.ts'
import { type Logger, silent, WarningKeeper } from '../system/logger.ts'
import type { LiveTerminal } from '../system/terminal.ts'
import type { InUse } from './claim.ts'
import { type OpenModels, withModels } from './computing.ts'
import { newRun } from './context.ts'
import { remakeDerived } from './derived.ts'
import type { RunInputs } from './inputs.ts'
import { openModels, type RunModels } from './models.ts'
import { type PredictResult, reportCalls, reportCounts, resultCounts } from './result.ts'
import { execute } from './run.ts'
import { openState, takePlace } from './take-place.ts'
import { watch } from './watch.ts'

/** What a run is given besides its options. */
export interface PredictContext {
  /** @default nothing is said */
  logger?: Logger
  /** Warnings that were shown before, such as those of the command line: the report has them too. */
  warnings?: readonly string[]
  signal?: AbortSignal
  /** Hears once a second, and at the end, how far the run is. What it throws does not end the run. */
  onProgress?: (progress: Progress) => void
  /** Where the run is shown while it goes on; without it a line in the log says now and then how far it is. @internal */
  terminal?: LiveTerminal | undefined
  /** Least frames of a window, for tests. @default 10,000 @internal */
  windowFrames?: number | undefined
  /** Files that are read besides those of the options, such as the configuration file: they are never written. */
  inUse?: readonly InUse[]
}

/**
 * The whole pipeline: chunks, six frames, parts, DNABERT-S, ESM-2, features, classifier, tables of frames and of
 * chunks. Memory does not grow with the input; every finished batch and part is safe on disk, and the same call
 * continues an interrupted run. One run at a time works in an output folder under one name.
 *
 * @throws VirnucproError with a message for the user; the output folder then holds a state that can be continued
 */
export async function predict(asked: PredictOptions, context: PredictContext): Promise<PredictResult> {
  const logger = new WarningKeeper(context.logger ?? silent, context.warnings)
  const options = { ...asked, threads: limitedThreads(asked.threads, logger) }
  requireOrder(options)
  if (options.metricsPort !== undefined) await requireMetricsPort(options.metricsPort)
  // Before the models are loaded, which may take minutes.
  await using place = await takePlace(options, context.inUse ?? [], logger)
  const open: OpenModels<RunModels> = (onLost, signal) => openModels(options, logger, onLost, signal)
  return await withModels(open, [place.lock.signal, context.signal], async (computing) => {
    // Reading goes on while a server starts.
    if (!place.beginning.hasFinished) computing.start()
    const { inputs, folder } = await openState(place, computing, computing.signal)
    const { paths } = place
    const { models, signal } = computing
    if (folder.status === 'finished') {
      const { record } = place
      await remakeDerived({ options, paths, folder, record, inputs, stamp: models.stamp, logger, signal })
      return finishedBefore(folder.result, paths, logger)
    }
    const stats = new RunStats(options.inputs, options.expectedLength)
    const monitor = await watch(computing, {
      options,
      stats,
      inputShare: () => stats.share(run.records.read, inputs.bytes),
      resumed: folder.status === 'resumed',
      folder: paths.report,
      terminal: context.terminal,
      onProgress: context.onProgress,
      logger,
    })
    using structure = new InputStructure(await folder.makeWorkFolder())
    const run = newRun(place, {
      ...{ inputs, folder, structure, models, monitor, stats, logger, signal },
      isAlone: true,
      windowFrames: context.windowFrames,
    })
    await execute(run).catch(async (error) => {
      const isUndone = models.backend.hasFailed && (await place.beginning.undo())
      if (signal.aborted && !isUndone) logger.info(howToContinue(inputs, paths.root))
      throw error
    })
    const counts = resultCounts(stats.counts)
    reportCounts(counts, paths.mergedFolder, logger)
    reportCalls(run.calls, paths.results, logger)
    if (signal.aborted)
      logger.info(`the run had finished by then: its results in ${paths.mergedFolder} stand`)
    return { ...counts, failedParts: stats.counts.failedParts, alreadyFinished: false, paths }
  })
}

const ALREADY: Detail = { code: 'already-computed', data: {} }

function finishedBefore(
  counts: Record<string, number> | undefined,
  paths: OutputPaths,
  logger: Logger,
): PredictResult {
  logger.info(`this run has finished before; its results are in ${paths.mergedFolder}`, ALREADY)
  return { ...resultCounts(undefined), ...counts, failedParts: 0, alreadyFinished: true, paths }
}

function howToContinue(inputs: RunInputs, root: string): string {
  return `what has been computed is kept in ${root}: the same command${inputs.sameBytes} continues from there`
}
