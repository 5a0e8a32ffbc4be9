import { clientBound, imbalance } from './balance.ts'
import { type Finding, type Observation, type Rule, spanOf } from './history.ts'
import { inPieces, memoryGrowth } from './memory.ts'
import { idle, stalled } from './silence.ts'
import { throttled } from './throttled.ts'

const RULES: readonly Rule[] = [stalled, idle, imbalance, clientBound, memoryGrowth, throttled, inPieces]

/** Observations kept: what the slowest rule looks at, whatever the interval. */
const KEPT_SECONDS = 1000
const LEAST_KEPT = 32
/** A trouble is over when it has not been seen in so many samples; what flickers is reported once. */
const RECOVERED_SAMPLES = 6

/** Says what is wrong with a run: each cause once, and again when it had gone and has come back. */
export class Rules {
  readonly #history: Observation[] = []
  /** Samples since each trouble was last seen. */
  readonly #active = new Map<string, number>()

  /** @returns what is new */
  check(observation: Observation): Finding[] {
    const history = this.#history
    history.push(observation)
    const oldest = observation.sample.seconds - KEPT_SECONDS
    while (history.length > LEAST_KEPT && history[0]!.sample.seconds < oldest) history.shift()
    for (const [key, absent] of this.#active) {
      if (absent >= RECOVERED_SAMPLES) this.#active.delete(key)
      else this.#active.set(key, absent + 1)
    }
    const findings = RULES.flatMap((rule) => {
      const span = spanOf(history, rule.over)
      return span === undefined ? [] : rule.check(span, observation, history)
    })
    return findings.filter((finding) => this.#isNew(finding))
  }

  #isNew({ code, device }: Finding): boolean {
    const key = `${code} ${device ?? ''}`
    const known = this.#active.has(key)
    this.#active.set(key, 0)
    return !known
  }
}
