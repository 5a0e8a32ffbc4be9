import { join } from 'node:path'
import { readManifest } from '../checkpoint/index.ts'
import { Limiter } from '../dispatch/index.ts'
import { type OutputPaths, outputPaths } from '../layout/index.ts'
import { RunStats } from '../monitor/index.ts'
import { InputStructure } from '../results/index.ts'
import type { Sample } from '../samples/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { VirnucproError } from '../system/errors.ts'
import { WarningKeeper } from '../system/logger.ts'
import { WriteError } from '../system/system-error.ts'
import { count } from '../text/numbers.ts'
import type { InUse } from './claim.ts'
import type { Computing } from './computing.ts'
import { newRun, type Session } from './context.ts'
import { remakeDerived } from './derived.ts'
import { partsFor } from './parts-for.ts'
import { partsAgain } from './prepare.ts'
import { resultCounts } from './result.ts'
import { finishedReuseOf } from './reuse-of-run.ts'
import type { WindowEvents } from './run.ts'
import { RunUnderWay } from './run-under-way.ts'
import { SampleLogger } from './sample-logger.ts'
import { callsOf, type SampleOutcome } from './sample-outcome.ts'
import { openState, type Place, takePlace } from './take-place.ts'
import type { WindowPart } from './windows.ts'

/** Samples that may share windows. */
export interface Pool {
  readonly samples: readonly Sample[]
  /** Whether earlier starts seem to have finished all of them. */
  readonly seemsFinished: boolean
}

/** So many have their place and a journal open at once, and a few times as many when windows overlap. */
const POOL_SAMPLES = 100
/** With intermediates, of which each sample has three open. */
const POOL_SAMPLES_KEEPING = 25
/** Text of a pool, about: what is read again where one of its samples is left. It fills some ten windows. */
const POOL_BYTES = 32 << 20
/** Text in a byte of a compressed file, about. */
const INFLATION = 4
/** Samples whose results are written at the same time. */
const FINISHING = 4

interface PoolOptions extends Pick<PredictOptions, 'keepIntermediate'> {
  bytes: readonly number[]
  isFinished: readonly boolean[]
}

/**
 * Consecutive samples, by the number and the size of their files alone: the windows of a pool depend on nothing else, so that
 * a start which goes on needs only those pools in which a sample is left, to the byte.
 *
 * @param bytes - of the files of each sample, as stored
 */
export function poolsOf(
  samples: readonly Sample[],
  { bytes, isFinished, keepIntermediate }: PoolOptions,
): Pool[] {
  const most = keepIntermediate ? POOL_SAMPLES_KEEPING : POOL_SAMPLES
  const pools: Pool[] = []
  let from = 0
  let size = 0
  for (const [at, { inputs }] of samples.entries()) {
    const isCompressed = inputs.some((input) => /\.(gz|bgz|bgzf|zst|bam|ubam)$/i.test(input))
    size += (bytes[at] ?? 0) * (isCompressed ? INFLATION : 1)
    const isFull = size >= POOL_BYTES || at + 1 - from === most
    if (!isFull && at + 1 < samples.length) continue
    pools.push({
      samples: samples.slice(from, at + 1),
      seemsFinished: isFinished.slice(from, at + 1).every(Boolean),
    })
    from = at + 1
    size = 0
  }
  return pools
}

/** Whether an earlier start has finished each sample, by its state alone. */
export async function hasFinished(samples: readonly Sample[], options: PredictOptions): Promise<boolean[]> {
  const found: boolean[] = []
  for (const sample of samples) {
    const { state } = pathsOf(sample, options)
    const manifest = await readManifest(state).catch(() => 'damaged' as const)
    found.push(!options.force && typeof manifest === 'object' && manifest.status === 'finished')
  }
  return found
}

/** The options of a single run over a sample. The metrics are those of all samples. */
function optionsOf({ name, inputs }: Sample, options: PredictOptions): PredictOptions {
  const outputDir = join(options.outputDir ?? '.', name)
  return { ...options, inputs: [...inputs], outputDir, prefix: name, metrics: false }
}

function pathsOf(sample: Sample, options: PredictOptions): OutputPaths {
  const own = optionsOf(sample, options)
  return outputPaths({ ...own, input: sample.inputs[0] ?? '-' })
}

interface SampleRunsOptions {
  computing: Computing
  session: Session
  /** Of all samples. */
  options: PredictOptions
  /** Files that no sample writes. */
  inUse: readonly InUse[]
  /** Ends everything. */
  stop: AbortController
  samples: readonly Sample[]
  /** Of the files of each sample, as stored. */
  bytes: readonly number[]
}

/** A sample whose run is under way, and what is open for it. */
interface Open extends AsyncDisposable {
  sample: Sample
  place: Place
  hasFailed: boolean
}

/** The runs over several samples: each is opened when its turn comes, and finished when its last part is classified. */
export class SampleRuns implements WindowEvents, AsyncDisposable {
  /** By name, of samples that are over. */
  readonly outcomes = new Map<string, SampleOutcome>()
  readonly #options: SampleRunsOptions
  readonly #open = new Map<RunUnderWay, Open>()
  readonly #finishing = new Limiter(FINISHING)
  readonly #tasks = new Set<Promise<void>>()
  /** What was said before the first sample. */
  readonly #warnings: readonly string[]
  readonly #sizes: ReadonlyMap<string, number>
  #bytes: number
  #read = { bytes: 0, bases: 0 }

  /** @param logger - hears of all samples; the warnings of the start are those of each */
  constructor(options: SampleRunsOptions, logger: WarningKeeper) {
    this.#options = options
    this.#warnings = logger.warnings
    const { samples, bytes } = options
    this.#sizes = new Map(samples.map(({ name }, i) => [name, bytes[i] ?? 0]))
    this.#bytes = bytes.reduce((sum, each) => sum + each, 0)
  }

  /** Of the files of all samples that were not finished before. */
  get bytes(): number {
    return this.#bytes
  }

  /** What of them has been read so far. */
  get read(): { readonly bytes: number; readonly bases: number } {
    const read = { ...this.#read }
    for (const { run } of this.#open.keys()) {
      read.bytes += run.records.read.bytes
      read.bases += run.records.read.bases
    }
    return read
  }

  /** The parts of all samples, pool by pool. */
  async *parts(pools: readonly Pool[]): AsyncGenerator<WindowPart<RunUnderWay>> {
    for (const pool of pools) {
      if (pool.seemsFinished && (await this.#skip(pool))) continue
      for (const sample of pool.samples) yield* this.#partsOf(sample, pool)
    }
    this.#options.session.stats.inputRead = true
  }

  /** @returns false when one of the samples is not finished after all: others of the pool are needed for its windows */
  async #skip({ samples }: Pool): Promise<boolean> {
    for (const sample of samples) {
      const opened = await this.#opened(sample)
      if (opened === undefined) continue
      if (opened instanceof RunUnderWay) {
        await this.#close(opened)
        return false
      }
      await opened[Symbol.asyncDispose]()
    }
    return true
  }

  async *#partsOf(sample: Sample, pool: Pool): AsyncGenerator<WindowPart<RunUnderWay>> {
    const opened = await this.#opened(sample)
    if (opened === undefined) return
    if (!(opened instanceof RunUnderWay)) {
      await using again = opened
      yield* again.parts(pool)
      return
    }
    // Embeddings of another program are not there any more once the sample is finished: its windows are its own.
    const share = opened.adopted === undefined ? pool : opened
    try {
      for await (const part of partsFor(opened, share)) {
        if (this.#open.get(opened)?.hasFailed !== false) break
        yield part
      }
    } catch (error) {
      await this.onError(opened, error)
    }
    await this.#finishIfComputed(opened)
  }

  /** @returns the run, or how to read it again where it has finished; undefined where it cannot be opened */
  async #opened(sample: Sample): Promise<RunUnderWay | FinishedSample | undefined> {
    const { session } = this.#options
    session.signal.throwIfAborted()
    // It was looked at when its pool seemed to be finished.
    if (this.outcomes.get(sample.name)?.status === 'failed') return undefined
    // While the results of many are still being written, no more are begun.
    while (this.#finishing.size > POOL_SAMPLES) await Promise.race(this.#tasks)
    const base = new SampleLogger(session.logger, sample.name)
    const logger = new WarningKeeper(base, this.#warnings)
    try {
      return await this.#openedWith(sample, logger)
    } catch (error) {
      this.#throwUnlessOfSample(error)
      this.#failed(sample, error as VirnucproError, undefined)
      return undefined
    }
  }

  async #openedWith(sample: Sample, logger: WarningKeeper): Promise<RunUnderWay | FinishedSample> {
    const { computing, session, inUse } = this.#options
    const { models, monitor } = session
    const options = optionsOf(sample, this.#options.options)
    await using opening = new AsyncDisposableStack()
    const place = opening.use(await takePlace(options, inUse, logger))
    const { paths, record } = place
    const signal = AbortSignal.any([session.signal, place.lock.signal])
    const { inputs, folder } = await openState(place, computing, signal)
    if (folder.status === 'finished') {
      const { stamp } = models
      await remakeDerived({ options, paths, folder, record, inputs, stamp, logger, signal })
      const counts = { ...resultCounts(undefined), ...folder.result }
      await this.#over({
        ...sample,
        status: 'finished',
        alreadyFinished: true,
        counts,
        failedParts: 0,
        paths,
      })
      const reuse = finishedReuseOf({ options, folder, inputs, models })
      if (reuse !== undefined) opening.use(reuse)
      const opened = opening.move()
      return {
        async *parts(pool) {
          for await (const part of partsAgain(options, await folder.makeWorkFolder(), signal))
            yield { of: undefined, part, done: true, pool, reuse }
          // Its windows still wait for what it finds, and the working folder goes with the place of the sample.
          await reuse?.endReading()
        },
        async [Symbol.asyncDispose]() {
          await record.removeBelow(folder.files.work)
          await opened.disposeAsync()
        },
      }
    }
    const stats = new RunStats(options.inputs, options.expectedLength, session.stats)
    const structure = opening.use(new InputStructure(await folder.makeWorkFolder()))
    const run = newRun(place, {
      ...{ inputs, folder, structure, models, monitor, stats, logger, signal },
      isAlone: false,
    })
    const under = opening.use(await RunUnderWay.begin(run))
    const opened = opening.move()
    const close = () => opened.disposeAsync()
    this.#open.set(under, { sample, place, hasFailed: false, [Symbol.asyncDispose]: close })
    return under
  }

  async onPassed(of: RunUnderWay): Promise<void> {
    const open = this.#open.get(of)
    if (open?.hasFailed === true && !of.isInWindows) await this.#close(of)
    else await this.#finishIfComputed(of)
  }

  async onError(of: RunUnderWay, error: unknown): Promise<void> {
    this.#throwUnlessOfSample(error)
    const open = this.#open.get(of)
    if (open === undefined || open.hasFailed) return
    open.hasFailed = true
    const reason = await of.fail(error).then(
      () => error,
      (behind) => behind,
    )
    this.#failed(open.sample, reason as VirnucproError, of.run.paths)
    if (!of.isInWindows) await this.#close(of)
  }

  async #finishIfComputed(of: RunUnderWay): Promise<void> {
    if (this.#open.get(of)?.hasFailed !== false || !of.isComputed) return
    const task = this.#finishing
      .run(() => this.#finish(of))
      .catch((error) => this.#options.stop.abort(error))
      .finally(() => this.#tasks.delete(task))
    this.#tasks.add(task)
  }

  async #finish(of: RunUnderWay): Promise<void> {
    const { sample } = this.#open.get(of) as Open
    const { run } = of
    try {
      const failed = await of.finish()
      const { calls, paths, stats } = run
      const status = failed.length > 0 ? 'frames_failed' : 'finished'
      const counts = resultCounts(stats.counts)
      const failedParts = failed.length
      await this.#over({ ...sample, status, alreadyFinished: false, counts, calls, failedParts, paths })
      await this.#close(of)
    } catch (error) {
      await this.onError(of, error)
    }
  }

  async #close(of: RunUnderWay): Promise<void> {
    const open = this.#open.get(of)
    if (open === undefined) return
    const { bytes, bases } = of.run.records.read
    this.#read.bytes += bytes
    this.#read.bases += bases
    this.#open.delete(of)
    await open[Symbol.asyncDispose]()
  }

  /** A sample has results. */
  async #over(outcome: SampleOutcome): Promise<void> {
    const { logger } = this.#options.session
    const { name, counts, alreadyFinished, paths } = outcome
    const calls = outcome.calls ?? (paths && (await callsOf(paths)))
    if (alreadyFinished && !this.outcomes.has(name)) this.#bytes -= this.#sizes.get(name) ?? 0
    this.outcomes.set(name, { ...outcome, ...(calls && { calls }) })
    const viral = calls === undefined ? '' : `, ${calls.viral} called viral`
    const line = `${name}: ${count(counts?.records ?? 0, 'record')}${viral}${alreadyFinished ? ', finished before' : ''}`
    if (alreadyFinished) logger.debug(line)
    else logger.info(`${line} (${this.outcomes.size} of ${this.#options.samples.length})`)
  }

  #failed(sample: Sample, error: VirnucproError, paths: OutputPaths | undefined): void {
    const outcome = { ...sample, status: 'failed' as const, alreadyFinished: false, failedParts: 0, error }
    this.outcomes.set(sample.name, { ...outcome, ...(paths && { paths }) })
    const [first = '', ...rest] = error.lines
    this.#options.session.logger.error([`${sample.name} failed: ${first}`, ...rest], error.detail)
  }

  /** What every sample would meet, as a lost server or a full disk, ends them all. */
  #throwUnlessOfSample(error: unknown): void {
    const { session, stop } = this.#options
    const isOfSample = error instanceof VirnucproError && !session.signal.aborted && !isOfDisk(error)
    if (isOfSample && !session.models.backend.hasFailed) return
    if (!session.signal.aborted) stop.abort(error)
    throw error
  }

  /** Resolves when the results of all are written. @throws what has ended everything */
  async settled(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks)
    this.#options.session.signal.throwIfAborted()
  }

  /** Leaves all samples as they are, to be continued. @returns whether nothing is left of them, as the server never started */
  async giveUp(error: unknown): Promise<boolean> {
    await Promise.all(this.#tasks)
    let isUndone = this.outcomes.size === 0
    for (const [of, { place }] of this.#open) {
      // The error is known already.
      await of.fail(error).catch(() => {})
      if (!this.#options.session.models.backend.hasFailed || !(await place.beginning.undo())) isUndone = false
    }
    return isUndone
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#tasks)
    for (const of of [...this.#open.keys()]) await this.#close(of)
  }
}

/** A finished sample whose place is held while its parts are read again. */
interface FinishedSample extends AsyncDisposable {
  parts(pool: unknown): AsyncGenerator<WindowPart<RunUnderWay>>
}

const DISK_CODES: ReadonlySet<string | undefined> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EROFS',
  'EIO',
  'EMFILE',
  'ENFILE',
])

function isOfDisk(error: VirnucproError): boolean {
  return error instanceof WriteError && DISK_CODES.has((error.cause as NodeJS.ErrnoException)?.code)
}
