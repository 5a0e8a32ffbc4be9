import type { HostedName } from '../bundle/index.ts'
import { Pace } from './pace.ts'
import type { RunStats } from './run-stats.ts'

/** A round of a recheck while it goes on. It computes frames that the run has counted before, and counts them by itself. */
export class RecheckRound {
  readonly stats: RunStats
  readonly pace: Pace
  readonly #frames: number
  readonly #names: readonly HostedName[]

  /**
   * @param frames - of the round
   * @param names - of the models that compute them
   * @param stats - of the round alone
   */
  constructor(frames: number, names: readonly HostedName[], stats: RunStats) {
    this.stats = stats
    this.pace = new Pace(stats)
    this.#frames = frames
    this.#names = names
  }

  /** Its frames, and those of them whose parts are over. */
  get frames(): { readonly done: number; readonly all: number } {
    return { done: this.stats.frames.done, all: this.#frames }
  }

  /** Batches of each model that are planned and not sent. */
  get waiting(): readonly (readonly [HostedName, number])[] {
    return this.#names.map((name) => [name, this.stats.of(name).waiting])
  }

  /** Share of its frames that have been read again, 0 to 1. */
  get share(): number {
    return this.stats.frames.prepared / this.#frames
  }
}
