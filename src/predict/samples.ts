import { statSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { relative, resolve, sep } from 'node:path'
import { FileRecord, RunLock } from '../checkpoint/index.ts'
import { type SamplesPaths, samplesPaths } from '../layout/index.ts'
import { type MonitorOptions, type RunMonitor, RunStats, requireMetricsPort } from '../monitor/index.ts'
import { writeSamplesPage } from '../report/index.ts'
import { requireOrder } from '../results/index.ts'
import { requireReadable, requireSamples, type Sample } from '../samples/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { limitedThreads } from '../system/cores.ts'
import { UsageError, VirnucproError } from '../system/errors.ts'
import { keepFiles } from '../system/kept-files.ts'
import { type Logger, silent, WarningKeeper } from '../system/logger.ts'
import { isThere } from '../system/same-file.ts'
import { count } from '../text/numbers.ts'
import { filesInUse, type InUse } from './claim.ts'
import { type Computing, type OpenModels, withModels } from './computing.ts'
import { openModels, type RunModels } from './models.ts'
import type { PredictContext } from './predict.ts'
import { computeWindows } from './run.ts'
import { type SampleOutcome, samplesTable } from './sample-outcome.ts'
import { hasFinished, poolsOf, SampleRuns } from './sample-runs.ts'
import { keepSpeed } from './speed.ts'
import { beginMetrics, watch } from './watch.ts'

/** Options of a start over several samples: those of a run, for all of them. */
export type SamplesOptions = Omit<PredictOptions, 'inputs' | 'prefix' | 'outputDir'> & {
  /** Each sample has a folder of its name in it. */
  outputDir: string
}

/** What a start over several samples did. */
export interface SamplesResult {
  /** In the order given. */
  samples: readonly SampleOutcome[]
  /** Path of the table with a line for each. */
  table: string
}

/**
 * Predicts several samples in one go, as {@link predict} would one after the other: models and servers are opened once, and
 * batches are filled across samples. Each sample has a folder of its own with what a run leaves in it, and is continued there. A
 * sample that fails does not stop the others; the same call tries it again.
 *
 * The ids, calls and counts are those of single runs; scores may differ in the last digits, since other batches compute them.
 *
 * @throws VirnucproError with a message for the user when nothing could be begun, or all has ended: lost servers, a full disk. The
 * output folder then holds a state that can be continued
 */
export async function predictSamples(
  samples: readonly Sample[],
  asked: SamplesOptions,
  context: PredictContext,
): Promise<SamplesResult> {
  const logger = new WarningKeeper(context.logger ?? silent, context.warnings)
  const inputs = samples.flatMap(({ inputs }) => inputs)
  const options = { ...asked, threads: limitedThreads(asked.threads, logger), inputs, prefix: undefined }
  requireSamples(samples)
  await requireReadable(samples)
  requireOrder(options)
  if (options.metricsPort !== undefined) await requireMetricsPort(options.metricsPort)
  const paths = samplesPaths(options.outputDir)
  await using place = await takeSamplesPlace(paths)
  const inUse = [...(context.inUse ?? []), ...(await inputsBelow(paths.root, options))]
  const stop = new AbortController()
  const stops = [place.lock.signal, context.signal, stop.signal]
  const open: OpenModels<RunModels> = (onLost, signal) => openModels(options, logger, onLost, signal)
  return await withModels(open, stops, async (computing) => {
    const start: Start = { samples, options, paths, place, inUse, stop, computing, logger, context }
    const outcomes = await computeSamples(start)
    await place.lock.check()
    await writeAtomically(paths.table, samplesTable(outcomes, paths.root))
    if (options.report) await report(paths, logger)
    sayResult(outcomes, paths, logger)
    return { samples: outcomes, table: paths.table }
  })
}

interface Start {
  samples: readonly Sample[]
  options: PredictOptions
  paths: SamplesPaths
  place: SamplesPlace
  inUse: readonly InUse[]
  stop: AbortController
  computing: Computing
  logger: WarningKeeper
  context: PredictContext
}

async function computeSamples(start: Start): Promise<SampleOutcome[]> {
  const { samples, options, paths, place, computing, logger, context } = start
  const { models, signal } = computing
  const isFirst = place.record.isEmpty
  const isFinished = await hasFinished(samples, options)
  const isLeft = isFinished.includes(false)
  if (isLeft) {
    computing.start()
    // They are there when all of them is true.
    const results = [resolve(paths.table), resolve(paths.page)]
    await place.record.remove((path) => results.includes(path))
  }
  const stats = new RunStats([], options.expectedLength)
  const bytes = samples.map(({ inputs }) => inputs.reduce((sum, input) => sum + sizeOf(input), 0))
  const monitor = await watchSamples(start, isLeft, {
    stats,
    samples: () => ({ done: runs.outcomes.size, all: samples.length }),
    inputShare: () => stats.share(runs.read, runs.bytes),
  })
  const session = { models, monitor, stats, logger, signal, windowFrames: context.windowFrames }
  await using runs = new SampleRuns({ ...start, session, bytes }, logger)
  monitor.start()
  try {
    const pools = poolsOf(samples, { ...options, bytes, isFinished })
    await computeWindows(session, runs.parts(pools), runs)
    await runs.settled()
  } catch (error) {
    await monitor.end(context.signal?.aborted ? 'stopped' : 'error')
    const isUndone = await runs.giveUp(error)
    if (isUndone && isFirst) await place.record.undo()
    if (signal.aborted && !isUndone)
      logger.info(
        `what has been computed is kept in ${paths.root}: the same command continues with the samples that are not finished`,
      )
    throw error
  }
  const outcomes = samples.map(({ name }) => runs.outcomes.get(name) as SampleOutcome)
  const isWhole = outcomes.every(({ status }) => status === 'finished')
  await monitor.end(isWhole ? 'finished' : 'failed-parts')
  if (isLeft && isWhole) await keepSpeed({ ...session, options })
  return outcomes
}

/** A file that has gone meanwhile fails its sample when that is opened. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** One monitor for all; where nothing is left to compute, it writes nothing. */
async function watchSamples(
  { options, paths, place, computing, logger, context }: Start,
  isLeft: boolean,
  watched: Pick<MonitorOptions, 'stats' | 'samples' | 'inputShare'>,
): Promise<RunMonitor> {
  const metrics = options.metrics && isLeft
  const resumed = place.record.owns(paths.metrics)
  if (metrics && !resumed) await beginMetrics(paths.metrics, logger)
  return await watch(computing, {
    ...watched,
    options: { ...options, metrics },
    resumed,
    folder: paths.report,
    terminal: context.terminal,
    onProgress: context.onProgress,
    logger,
  })
}

/** The results stand without the page, so that one that cannot be written is a warning. */
async function report(paths: SamplesPaths, logger: Logger): Promise<void> {
  try {
    await writeSamplesPage(paths)
    logger.info(`report: ${paths.page}`)
  } catch (error) {
    if (!(error instanceof VirnucproError)) throw error
    logger.warn(`there is no page about all samples: ${error.message}. The results are complete`)
  }
}

function sayResult(outcomes: readonly SampleOutcome[], { table }: SamplesPaths, logger: Logger): void {
  const bad = outcomes.filter(({ status }) => status !== 'finished')
  const before = outcomes.filter(({ alreadyFinished }) => alreadyFinished).length
  const had = before > 0 ? `, ${before} of them before` : ''
  logger.info(
    `${outcomes.length - bad.length} of ${count(outcomes.length, 'sample')} finished${had}: ${table}`,
    before === outcomes.length ? { code: 'already-computed', data: {} } : undefined,
  )
  if (bad.length > 0) {
    const names = bad.slice(0, 5).map(({ name }) => name)
    const more = bad.length > names.length ? ` and ${bad.length - names.length} more` : ''
    logger.error(
      `not finished: ${names.join(', ')}${more}. ${table} has the reasons; the same command tries only these again`,
    )
  }
}

interface SamplesPlace extends AsyncDisposable {
  lock: RunLock
  record: FileRecord
}

/** @throws UsageError when one of its names is taken; LockedError when another process works there */
async function takeSamplesPlace(paths: SamplesPaths): Promise<SamplesPlace> {
  await using taken = new AsyncDisposableStack()
  const lock = taken.use(await RunLock.acquire(`${paths.state}.lock`))
  const { root, state, table, report } = paths
  const starts = [resolve(report) + sep, resolve(state) + sep]
  const covers = (path: string) => path === resolve(table) || starts.some((start) => path.startsWith(start))
  const record = taken.use(await FileRecord.open({ root, state, covers, lock }))
  taken.use(keepFiles(record))
  for (const path of [table, paths.page, paths.metrics, paths.openMetrics]) {
    if (record.owns(path) || !(await isThere(path))) continue
    throw new UsageError(
      `${path} has a name that this command would use, and no run has recorded it as its own: move it away, or choose ` +
        'another output folder. Nothing was changed',
      { detail: { code: 'place-not-ours', data: {} } },
    )
  }
  const held = taken.move()
  return { lock, record, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** Inputs that lie in the output folder: another sample must not write them. */
async function inputsBelow(root: string, options: PredictOptions): Promise<InUse[]> {
  const real = (path: string) => realpath(path).catch(() => resolve(path))
  const below = (await real(root)) + sep
  const found: InUse[] = []
  for (const [what, path] of filesInUse(options))
    if (!relative(below, await real(path)).startsWith('..')) found.push([what, path])
  return found
}
