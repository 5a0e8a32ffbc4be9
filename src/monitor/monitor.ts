import { FEATURE_ORDER, forModels, type HostedName, type ModelName, modelOf } from '../bundle/index.ts'
import { peakMemory, residentMemory } from '../system/processes.ts'
import type { LiveTerminal } from '../system/terminal.ts'
import type { DeviceMetrics, Outcome } from './metrics.ts'
import { type ExpectedSpeed, Pace } from './pace.ts'
import { RecheckRound } from './recheck-round.ts'
import { Recorder, type RecorderOptions } from './recorder.ts'
import { Rules } from './rules/rules.ts'
import type { ModelCounts, RunStats, StageName } from './run-stats.ts'
import { type MonitoredLane, type MonitoredServer, Sampler } from './sampling/sampler.ts'
import { StageClocks } from './stage-clock.ts'
import { layOut } from './view/line.ts'
import { describeDevice, heartbeat, rowsOf, type Status } from './view/picture.ts'

export interface MonitorOptions extends RecorderOptions {
  stats: RunStats
  lanes(): readonly MonitoredLane[]
  /** Asked at each sample: a server that is started for the run comes later. */
  readonly servers: readonly MonitoredServer[]
  /** How many samples of several are over; undefined for a run over one. */
  samples?: (() => { readonly done: number; readonly all: number }) | undefined
  /** Share of the input that has been read, 0 to 1; undefined where its size is unknown. */
  inputShare(): number | undefined
  /** From earlier runs, for the time left until this one has a speed of its own. */
  expectedSpeed?: ExpectedSpeed | undefined
  /** Where the display goes; undefined for a line now and then in the log. */
  terminal: LiveTerminal | undefined
  /** What is counted, in the plural. @default 'frames' */
  unit?: string
  /** The models of the run. @default all */
  names?: readonly ModelName[]
  /** Whether anything is shown of how far the run is. */
  progress: boolean
  /** Hears once a second, and at the end, how far the run is. */
  onProgress?: ((progress: Progress) => void) | undefined
}

/** How far a run is. */
export interface Progress {
  /** Since its beginning. */
  seconds: number
  /** Open frames. */
  frames: {
    /** Read and translated. */
    prepared: number
    /** Embedded and classified, or known from before. */
    done: number
    /** In the whole input, as far as that can be told. */
    expected: number | undefined
  }
  /** Frames to compute once more, and how many of them are finished; undefined outside a recheck. */
  rechecked: { done: number; expected: number } | undefined
  /** Share of the input that has been read, from 0 to 1; undefined for a stream. */
  share: number | undefined
  /** About; undefined while there is no speed to tell it from. */
  secondsLeft: number | undefined
}

/** Short enough for a person, long enough for a log file. */
const HEARTBEAT_MS = 30_000
const REFRESH_MS = 500
const PROGRESS_MS = 1000
/** Between two notes about the GPUs in the log, where samples come as often. */
const DEVICE_NOTE_SECONDS = 10

/**
 * Watches a run: samples what it has counted and what the devices do, writes both down, shows them and says when
 * something is wrong. Nothing that goes wrong here ends the run.
 */
export class RunMonitor {
  readonly #options: MonitorOptions
  readonly #started = performance.now()
  readonly #clocks = new StageClocks(() => this.#seconds())
  readonly #stats: RunStats
  readonly #pace: Pace
  readonly #rules = new Rules()
  readonly #sampler: Sampler
  #recorder: Recorder | undefined
  #round: RecheckRound | undefined
  readonly #timers: ReturnType<typeof setInterval>[] = []
  #devices: readonly DeviceMetrics[] = []
  #sampling: Promise<void> | undefined
  #saved: number | undefined
  /** When the GPUs were last noted. */
  #noted: number | undefined
  #state: 'new' | 'running' | 'ended' = 'new'

  constructor(options: MonitorOptions) {
    this.#options = options
    this.#stats = options.stats
    this.#pace = new Pace(options.stats, options.expectedSpeed)
    this.#sampler = new Sampler(options)
  }

  /**
   * Begins to write, to sample and to show.
   * @throws UnavailableError when the port is not available
   */
  start(): void {
    const { logger, intervalSeconds, terminal, progress } = this.#options
    this.#recorder = new Recorder(this.#options)
    this.#state = 'running'
    this.#every(intervalSeconds * 1000, () => this.#sample())
    // The first sample is what later ones are compared with.
    this.#sample()
    if (this.#options.onProgress !== undefined) this.#every(PROGRESS_MS, () => this.#tellProgress())
    if (!progress) return
    if (terminal !== undefined) {
      terminal.show((room) => layOut(rowsOf(this.#status()), room))
      this.#every(REFRESH_MS, () => terminal.refresh())
    } else this.#every(HEARTBEAT_MS, () => logger.info(heartbeat(this.#status())))
  }

  #every(ms: number, work: () => void): void {
    const timer = setInterval(() => {
      try {
        work()
      } catch (error) {
        clearInterval(timer)
        this.#options.logger.debug(`the monitor: ${error}`)
      }
    }, ms)
    // None of them must keep the process alive.
    timer.unref()
    this.#timers.push(timer)
  }

  #seconds(): number {
    return (performance.now() - this.#started) / 1000
  }

  /** Begins an interval of a stage. @returns what ends it */
  stage(name: StageName): () => void {
    return this.#clocks.begin(name)
  }

  /** The same for the time until a promise settles. */
  async during<T>(name: StageName, work: () => Promise<T>): Promise<T> {
    const end = this.stage(name)
    try {
      return await work()
    } finally {
      end()
    }
  }

  /** The same for the time that a sequence takes to give its next item. */
  async *timed<T>(name: StageName, items: AsyncIterable<T>): AsyncGenerator<T> {
    const iterator = items[Symbol.asyncIterator]()
    try {
      for (;;) {
        const next = await this.during(name, () => iterator.next())
        if (next.done === true) return
        yield next.value
      }
    } finally {
      await iterator.return?.()
    }
  }

  /** @returns what ends the batch; without an argument it was given up */
  batchStarted(name: HostedName, plannedTokens: number): (done?: ModelCounts) => void {
    return this.#batchOf(this.#stats, name, plannedTokens)
  }

  #batchOf(stats: RunStats, name: HostedName, plannedTokens: number): (done?: ModelCounts) => void {
    const end = this.stage(modelOf(name))
    const ended = stats.of(name).started(plannedTokens)
    return (done) => {
      end()
      ended(done)
    }
  }

  /**
   * A round of a recheck begins, which goes on until it is disposed of. What it computes is no work of the run: only the time
   * of its batches counts.
   *
   * @param frames - of the round
   * @param names - of the models that compute them
   * @param stats - of the round alone
   */
  recheckBegun(
    frames: number,
    names: readonly HostedName[],
    stats: RunStats,
  ): Disposable & Pick<RunMonitor, 'batchStarted'> {
    const round = new RecheckRound(frames, names, stats)
    this.#round = round
    return {
      batchStarted: (name, plannedTokens) => this.#batchOf(stats, name, plannedTokens),
      [Symbol.dispose]: () => {
        if (this.#round === round) this.#round = undefined
      },
    }
  }

  /** Something has been made durable. */
  checkpointWritten(): void {
    this.#saved = this.#seconds()
  }

  /** Seconds from the first batch of any model to the end of the last. */
  get computingSeconds(): number {
    const models = this.#clocks.summary().filter(({ name }) => name in this.#stats.models)
    const starts = models.map(({ start }) => start)
    return models.length === 0 ? 0 : Math.max(...models.map(({ end }) => end)) - Math.min(...starts)
  }

  /** Ends the display and writes the last lines; only the first call counts. */
  async end(outcome: Outcome): Promise<void> {
    if (this.#state !== 'running') return
    this.#state = 'ended'
    for (const timer of this.#timers) clearInterval(timer)
    if (this.#options.progress) this.#options.terminal?.hide()
    this.#tellProgress()
    await this.#sampling
    if (outcome !== 'stopped') {
      this.#sample()
      await this.#sampling
    }
    await this.#recorder?.end({
      seconds: this.#seconds(),
      outcome,
      stages: this.#clocks.summary(),
      models: this.#models(),
      process: { peakRssBytes: peakMemory(), cpuSeconds: cpuSeconds() },
    })
  }

  #sample(): void {
    // One that waits for a mute server is not joined by another.
    this.#sampling ??= this.#takeSample()
      .catch((error) => this.#options.logger.debug(`no sample: ${error}`))
      .finally(() => {
        this.#sampling = undefined
      })
  }

  async #takeSample(): Promise<void> {
    const { devices, lanes } = await this.#sampler.read()
    const seconds = this.#seconds()
    this.#devices = devices
    this.#noteGpus(seconds)
    this.#notePace(seconds)
    const counts = {
      seconds,
      frames: this.#frames(),
      ...(this.#options.samples !== undefined && { samples: this.#options.samples() }),
      ...(this.#round !== undefined && { recheck: this.#round.frames }),
      models: this.#models(),
      devices,
      process: { rssBytes: residentMemory(), cpuSeconds: cpuSeconds() },
      ...(this.#saved !== undefined && { checkpointAgeSeconds: seconds - this.#saved }),
    }
    await this.#recorder?.sample(counts, this.#work().secondsLeft)
    const moreToCome = !this.#stats.inputRead
    for (const finding of this.#rules.check({ sample: counts, lanes, waiting: this.#waiting(), moreToCome }))
      this.#recorder?.warn(finding, this.#seconds())
  }

  /** With the samples that come nearest to every ten seconds, and with the last one. */
  #noteGpus(seconds: number): void {
    const { logger, intervalSeconds } = this.#options
    const next = (this.#noted ?? Number.NEGATIVE_INFINITY) + DEVICE_NOTE_SECONDS
    if (this.#state !== 'ended' && seconds + intervalSeconds / 2 < next) return
    this.#noted = seconds
    for (const device of this.#devices) if (device.kind === 'gpu') logger.note?.(describeDevice(device))
  }

  #tellProgress(): void {
    const { onProgress } = this.#options
    if (onProgress === undefined) return
    const { seconds, frames, recheck, share, secondsLeft } = this.#status()
    const { prepared, done, expected } = frames
    try {
      onProgress({
        seconds,
        frames: { prepared, done, expected },
        rechecked: recheck && { done: recheck.done, expected: recheck.all },
        share,
        secondsLeft,
      })
    } catch (error) {
      this.#options.logger.debug(`a listener for progress: ${error}`)
    }
  }

  #frames() {
    const { prepared, done } = this.#stats.frames
    return { prepared, done, known: this.#stats.counts.framesDoneBefore }
  }

  #models() {
    return forModels((model) => this.#stats.models[model].metrics)
  }

  /** Batches that are planned and not sent, by what hosts the model. */
  #waiting(): Partial<Record<HostedName, number>> {
    const waiting: Partial<Record<HostedName, number>> = forModels(
      (model) => this.#stats.models[model].waiting,
    )
    if (this.#round === undefined) return waiting
    for (const [name, batches] of this.#round.waiting) waiting[name] = (waiting[name] ?? 0) + batches
    return waiting
  }

  #notePace(seconds: number): void {
    this.#pace.note(seconds)
    this.#round?.pace.note(seconds)
  }

  /** What the devices are at: the recheck at the end of a run; over several samples, the run goes on beside it. */
  #work(): Pick<Status, 'allRead' | 'models' | 'speeds' | 'tokensLeft' | 'secondsLeft'> {
    const round = this.#options.samples === undefined ? this.#round : undefined
    const { stats, pace, share } = round ?? {
      stats: this.#stats,
      pace: this.#pace,
      share: this.#options.inputShare(),
    }
    return {
      allRead: stats.inputRead,
      models: stats.models,
      speeds: forModels((model) => pace.speed(model)),
      tokensLeft: forModels((model) => pace.tokensLeft(model, share)),
      secondsLeft: pace.secondsLeft(share),
    }
  }

  #status(): Status {
    const share = this.#options.inputShare()
    const seconds = this.#seconds()
    this.#notePace(seconds)
    const { names = FEATURE_ORDER, unit = 'frames' } = this.#options
    return {
      unit,
      names,
      seconds,
      samples: this.#options.samples?.(),
      frames: { ...this.#frames(), expected: this.#pace.framesExpected(share) },
      inputRead: this.#stats.inputRead,
      recheck: this.#round?.frames,
      share,
      ...this.#work(),
      checkpointAgeSeconds: this.#saved === undefined ? undefined : seconds - this.#saved,
      devices: this.#devices,
      inFlight: new Map(this.#options.lanes().map(({ name, inFlight }) => [name, inFlight])),
    }
  }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
