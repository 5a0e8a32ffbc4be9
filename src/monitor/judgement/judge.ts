import { clientBound, imbalance } from './balance.ts'
import type { Finding, Observation, Rule } from './history.ts'
import { memoryGrowth } from './memory.ts'
import { inPieces } from './out-of-memory.ts'
import { idle, stalled } from './silence.ts'
import { throttled } from './throttling.ts'

const RULES: readonly Rule[] = [stalled, idle, imbalance, clientBound, memoryGrowth, throttled, inPieces]

/** Observations kept: what the slowest rule looks at, whatever the interval. */
const KEPT_SECONDS = 1000
const LEAST_KEPT = 32
/** A trouble is over when it has not been seen in so many samples; what flickers is told once. */
const RECOVERED_SAMPLES = 6

/** Says what is wrong with a run: each cause once, and again when it had gone and has come back. */
export class Judge {
  readonly #history: Observation[] = []
  /** Samples since each trouble was last seen. */
  readonly #active = new Map<string, number>()

  /** @returns what is new */
  judge(observation: Observation): Finding[] {
    this.#history.push(observation)
    const { seconds } = observation.sample
    while (
      this.#history.length > LEAST_KEPT &&
      seconds - (this.#history[0]?.sample.seconds ?? 0) > KEPT_SECONDS
    )
      this.#history.shift()
    for (const [key, absent] of this.#active) {
      if (absent >= RECOVERED_SAMPLES) this.#active.delete(key)
      else this.#active.set(key, absent + 1)
    }
    return RULES.flatMap((rule) => rule(this.#history)).filter((finding) => this.isNew(finding))
  }

  /** Also for what is found out between samples. */
  isNew({ code, device }: Finding): boolean {
    const key = `${code} ${device ?? ''}`
    const known = this.#active.has(key)
    this.#active.set(key, 0)
    return !known
  }
}
