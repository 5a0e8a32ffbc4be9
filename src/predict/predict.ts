import { version } from '../../package.json' with { type: 'json' }
import { FileRecord, RUN_FORMAT, RunFolder, RunLock, type RunManifest } from '../checkpoint/index.ts'
import { speedHere } from '../estimate/index.ts'
import { madeBy, type OutputPaths, resultFiles } from '../layout/index.ts'
import { RunMonitor, RunStats, requireMetricsPort } from '../monitor/index.ts'
import { InputStructure, requireOrder } from '../results/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { limitedThreads } from '../system/cores.ts'
import type { Detail } from '../system/error-codes.ts'
import { keepFiles } from '../system/kept-files.ts'
import { type Logger, WarningKeeper } from '../system/logger.ts'
import { settleWithin } from '../system/settle-within.ts'
import type { LiveTerminal } from '../system/terminal.ts'
import { Beginning } from './beginning.ts'
import { filesInUse, type InUse, refuseFilesInUse } from './claim.ts'
import { remakeDerived } from './derived.ts'
import { FailureList } from './failures.ts'
import { RunInputs } from './inputs.ts'
import { openModels, type RunModels } from './models.ts'
import { placeOf } from './place.ts'
import { RecordReport } from './records.ts'
import { type PredictResult, reportCalls, reportCounts, resultCounts } from './result.ts'
import { execute } from './run.ts'

/** What a run is given besides its options. */
export interface PredictContext {
  logger: Logger
  /** Warnings that were shown before, such as those of the command line: the report has them too. */
  warnings?: readonly string[]
  signal?: AbortSignal
  /** Where the run is shown while it goes on; without it a line in the log says now and then how far it is. @internal */
  terminal?: LiveTerminal | undefined
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
  const logger = new WarningKeeper(context.logger, context.warnings)
  const options = { ...asked, threads: limitedThreads(asked.threads, logger) }
  const paths = await placeOf({ ...options, input: options.inputs[0] ?? '-' }, logger)
  requireOrder(options)
  if (options.metricsPort !== undefined) await requireMetricsPort(options.metricsPort)
  await refuseFilesInUse(paths, [...filesInUse(options), ...(context.inUse ?? [])])
  await using lock = await RunLock.acquire(`${paths.state}.lock`)
  using record = await FileRecord.open({ root: paths.root, state: paths.state, covers: madeBy(paths) })
  using _kept = keepFiles(record)
  // Before the models are loaded, which may take minutes.
  const beginning = await Beginning.look({ paths, record, options })
  const lostServer = new AbortController()
  const stops = [lock.signal, lostServer.signal, ...(context.signal === undefined ? [] : [context.signal])]
  const signal = AbortSignal.any(stops)
  const onLost = (error: unknown) => lostServer.abort(error)
  const models = await openModels(options, logger, onLost, signal)
  // Reading goes on while a server starts.
  const start = () => models.backend.start(onLost)
  try {
    if (!beginning.hasFinished) start()
    const opened = await RunInputs.open(options.inputs, signal)
    const folder = await RunFolder.open({
      path: paths.state,
      results: resultFiles(paths),
      manifest: describeRun(options, models, opened),
      force: options.force,
      resume: options.resume,
      legacy: beginning.legacy,
      digestStreams: () => opened.digestStreams(signal),
      record,
      async claim() {
        start()
        if (!beginning.risksNothing) await models.backend.ready()
        await beginning.claim()
      },
    })
    if (folder.status === 'finished') {
      await remakeDerived({
        options,
        paths,
        folder,
        record,
        inputs: opened,
        stamp: models.stamp,
        logger,
        signal,
      })
      return finishedBefore(folder.result, paths, logger)
    }
    using structure = new InputStructure(await folder.makeWorkFolder())
    const calls = { viral: 0, non_viral: 0, ambiguous: 0, uncalled: 0 }
    const stats = new RunStats(options.inputs, options.expectedLength)
    const records = new RecordReport(paths.invalidRecords, stats.counts, logger)
    const monitor = new RunMonitor({
      get backend() {
        return models.backend.description
      },
      stats,
      lanes: () => models.backend.activity(),
      get servers() {
        return models.backend.servers
      },
      expectedSpeed:
        models.way.kind === 'here' ? await speedHere(models.manifest, options.threads) : undefined,
      inputShare: () => stats.share(records.read, opened.bytes),
      resumed: folder.status === 'resumed',
      intervalSeconds: options.metricsInterval,
      folder: options.metrics ? paths.report : undefined,
      port: options.metricsPort,
      terminal: context.terminal,
      progress: options.progress && !options.quiet,
      logger,
    })
    await execute({
      options,
      paths,
      models,
      inputs: opened,
      folder,
      record,
      lock,
      stats,
      monitor,
      records,
      structure,
      calls,
      failures: new FailureList(paths.failedFrames),
      started: new Date(),
      logger,
      signal,
    }).catch(async (error) => {
      const isUndone = models.backend.hasFailed && (await beginning.undo())
      if (signal.aborted && !isUndone) logger.info(howToContinue(opened, paths.root))
      throw error
    })
    const counts = resultCounts(stats.counts)
    reportCounts(counts, paths.mergedFolder, logger)
    reportCalls(calls, paths.results, logger)
    if (signal.aborted)
      logger.info(`the run had finished by then: its results in ${paths.mergedFolder} stand`)
    return { ...counts, failedParts: stats.counts.failedParts, alreadyFinished: false, paths }
  } finally {
    // A batch that takes minutes must not hold up a run that was stopped.
    await settleWithin(Promise.resolve(models[Symbol.asyncDispose]()), signal).catch((error) => {
      if (!signal.aborted) throw error
    })
  }
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
  const again = inputs.hasStreams ? ', given the same bytes,' : ''
  return `what has been computed is kept in ${root}: the same command${again} continues from there`
}

/** What decides whether an interrupted run may be continued. Speed settings are left out: they change no result. */
function describeRun(options: PredictOptions, models: RunModels, inputs: RunInputs): RunManifest {
  return {
    format: RUN_FORMAT,
    version,
    status: 'unfinished',
    inputs: [...inputs.described],
    settings: {
      expectedLength: options.expectedLength,
      sequencesPerFile: options.sequencesPerFile,
      layout: options.layout,
      keepIntermediate: options.keepIntermediate,
      onInvalid: options.onInvalid,
      duplicateIds: options.duplicateIds,
      ...filterOf(options),
    },
    models: models.identity,
  }
}

/** The filters that are on: runs of versions without them had none. */
function filterOf({ minLength, maxAmbiguous }: Partial<PredictOptions>): RunManifest['settings'] {
  return {
    ...(minLength !== undefined && minLength > 0 && { minLength }),
    ...(maxAmbiguous !== undefined && maxAmbiguous < 1 && { maxAmbiguous }),
  }
}
