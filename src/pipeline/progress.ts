import type { Logger } from '../system/index.ts'

/** A sign of life at this distance; short enough for a person, long enough for a log file. */
const INTERVAL_MS = 30_000

/** Says now and then how far a run is, so that nobody has to guess whether it hangs. */
export class Heartbeat {
  readonly #logger: Logger
  readonly #timer: ReturnType<typeof setInterval> | undefined
  readonly #started = performance.now()
  #prepared = 0
  #finished = 0

  constructor(logger: Logger, enabled: boolean) {
    this.#logger = logger
    if (enabled) this.#timer = setInterval(() => this.#beat(), INTERVAL_MS)
    // A beat to come must not keep the process alive.
    this.#timer?.unref()
  }

  prepared(frames: number): void {
    this.#prepared += frames
  }

  finished(frames: number): void {
    this.#finished += frames
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    const seconds = (performance.now() - this.#started) / 1000
    const speed = (this.#finished / seconds).toFixed(1)
    this.#logger.info(`${this.#finished} frames done, ${this.#prepared} read so far, ${speed} frames/s`)
  }
}
