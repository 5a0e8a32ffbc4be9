import type { Detail } from '../../system/error-codes.ts'
import { duration, estimate } from '../../text/numbers.ts'
import type { BuildRequest } from './builders.ts'

/** Called with what is being done. */
export type Say = (message: string, detail?: Detail) => void

const EVERY_MS = 15_000

/**
 * Seconds a build may take, from the size of the weights: 5.7 GB took 50 to 100 s for each profile on an H200 and an
 * H100. A timing cache from an earlier build makes it shorter.
 */
function expectedSeconds(weightBytes: number, profiles: number): number {
  return Math.round((8 + (14 * weightBytes) / 1e9) * profiles)
}

/** Says now and then how far a build is, also while the builder is silent, which it can be for minutes. */
export function reportBuild({ model, profiles }: BuildRequest, weightBytes: number, say: Say) {
  const start = performance.now()
  const expected = estimate(expectedSeconds(weightBytes, profiles.length))
  const lengths = profiles.map(({ min, max }) => `${min[1]} to ${max[1]}`).join(', ')
  say(`${model}: building a plan for lengths of ${lengths} tokens; about ${expected}`)
  let step = 'starting'
  const timer = setInterval(() => {
    say(`${model}: ${step}; ${duration((performance.now() - start) / 1000)} of about ${expected}`)
  }, EVERY_MS)
  timer.unref()
  return {
    step(next: string): void {
      step = next
    },
    done(path: string, seconds: number): void {
      say(`${model}: wrote ${path} in ${duration(seconds)}`)
    },
    [Symbol.dispose](): void {
      clearInterval(timer)
    },
  }
}
