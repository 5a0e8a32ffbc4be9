import type { StageMetrics } from './metrics.ts'
import { STAGES, type StageName } from './run-stats.ts'

interface Clock {
  start: number
  end: number
  busy: number
  /** Intervals open now, and when the first of them began. */
  open: number
  since: number
}

/** When each stage was under way. Intervals of one stage may overlap: time counts once. */
export class StageClocks {
  readonly #now: () => number
  readonly #clocks = new Map<StageName, Clock>()

  /** @param now - seconds since the start */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Begins an interval of a stage. @returns what ends it; only the first call counts */
  begin(name: StageName): () => void {
    const now = this.#now()
    let clock = this.#clocks.get(name)
    if (clock === undefined) {
      clock = { start: now, end: now, busy: 0, open: 0, since: now }
      this.#clocks.set(name, clock)
    }
    if (clock.open++ === 0) clock.since = now
    let ended = false
    return () => {
      if (ended) return
      ended = true
      const at = this.#now()
      clock.end = at
      if (--clock.open === 0) clock.busy += at - clock.since
    }
  }

  /** Stages that have begun; those under way end now. */
  summary(): StageMetrics[] {
    const now = this.#now()
    return [...STAGES.keys()].flatMap((name) => {
      const clock = this.#clocks.get(name)
      if (clock === undefined) return []
      const { start, end, busy, open, since } = clock
      const under = open > 0
      return { name, start, end: under ? now : end, busySeconds: busy + (under ? now - since : 0) }
    })
  }
}
