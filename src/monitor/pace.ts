import { FEATURE_ORDER, forModels, type ModelName } from '../bundle/index.ts'
import type { ModelCounts, RunStats } from './run-stats.ts'

/** Speeds are those of the last minute: long enough for batches of some seconds, short enough to see a change. */
const SPAN_SECONDS = 60
/** The time left is judged by a longer stretch, so that it does not jump about. */
const LONG_SPAN_SECONDS = 600

interface Point {
  seconds: number
  models: Record<ModelName, Pick<ModelCounts, 'tokens' | 'sequences'>>
}

export interface Speed {
  sequencesPerSecond: number
  tokensPerSecond: number
}

/** Tokens per second of each model while it computes alone, as earlier runs had them. */
export type ExpectedSpeed = Readonly<Record<ModelName, number>>

/** How fast a run is, and how long it will take from the tokens that are left. */
export class Pace {
  readonly #stats: RunStats
  readonly #expected: ExpectedSpeed | undefined
  readonly #points: Point[] = []

  /** @param expected - what counts until each model has computed something */
  constructor(stats: RunStats, expected?: ExpectedSpeed) {
    this.#stats = stats
    this.#expected = expected
  }

  /** Remembers where the run stands; called at least every few seconds. */
  note(seconds: number): void {
    const { models } = this.#stats
    const last = this.#points.at(-1)
    // Nothing computed so far: the wait before the first batch says nothing about the speed.
    const idle = FEATURE_ORDER.every((model) => models[model].tokens === 0)
    if (last !== undefined && (idle || seconds - last.seconds < 0.2)) {
      if (idle) last.seconds = seconds
      return
    }
    const done = (model: ModelName) => ({
      tokens: models[model].tokens,
      sequences: models[model].sequences,
    })
    this.#points.push({ seconds, models: forModels(done) })
    // Every second point goes once there are many: the long stretch needs no fine steps.
    if (this.#points.length > 2000) this.#thin(seconds)
  }

  #thin(seconds: number): void {
    const kept = this.#points.filter(
      (point, i) =>
        seconds - point.seconds < SPAN_SECONDS ||
        (i % 2 === 0 && seconds - point.seconds < LONG_SPAN_SECONDS),
    )
    this.#points.splice(0, this.#points.length, ...kept)
  }

  /** Undefined before anything has been computed. */
  speed(model: ModelName, span: number = SPAN_SECONDS): Speed | undefined {
    const last = this.#points.at(-1)
    if (last === undefined) return undefined
    const first = this.#points.find((point) => last.seconds - point.seconds <= span)
    const passed = last.seconds - (first?.seconds ?? last.seconds)
    if (first === undefined || passed <= 0) return undefined
    return {
      sequencesPerSecond: (last.models[model].sequences - first.models[model].sequences) / passed,
      tokensPerSecond: (last.models[model].tokens - first.models[model].tokens) / passed,
    }
  }

  /**
   * Tokens still to compute: exact once the input has been read, before that from the share of it that has been.
   * Undefined when that share is unknown, as with standard input.
   *
   * @param share - of the input that has been read, 0 to 1
   */
  tokensLeft(model: ModelName, share: number | undefined): number | undefined {
    const { inputRead, framesPlanned, framesToCompute, frames, models } = this.#stats
    const { tokensLeft, plannedTokens } = models[model]
    if (inputRead && framesPlanned >= frames.prepared) return tokensLeft
    const expected = this.framesExpected(share)
    if (expected === undefined || framesToCompute === 0) return undefined
    return tokensLeft + (Math.max(0, expected - framesPlanned) * plannedTokens) / framesToCompute
  }

  /** Frames of the whole input; an estimate until it has been read. */
  framesExpected(share: number | undefined): number | undefined {
    const { inputRead, frames } = this.#stats
    if (inputRead) return frames.prepared
    // The first hundredth of an input says little about the rest.
    if (share === undefined || share < 0.001 || frames.prepared === 0) return undefined
    return frames.prepared / Math.min(1, share)
  }

  /** Seconds to the end; the models run side by side, so that the one that needs longer decides. */
  secondsLeft(share: number | undefined): number | undefined {
    let longest = 0
    let expected = 0
    let isMeasured = true
    for (const model of FEATURE_ORDER) {
      const left = this.tokensLeft(model, share)
      if (left === undefined) return undefined
      if (left === 0) continue
      const speed = this.speed(model, LONG_SPAN_SECONDS)?.tokensPerSecond
      if (speed === undefined || speed === 0) isMeasured = false
      else longest = Math.max(longest, left / speed)
      expected += left / (this.#expected?.[model] ?? Number.NaN)
    }
    if (isMeasured) return longest
    return Number.isNaN(expected) ? undefined : expected
  }
}
