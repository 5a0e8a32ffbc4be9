import type { BuildRequest } from './builder.ts'

const EVERY_MS = 15_000

/**
 * Seconds a build may take, from the size of the weights: 5.7 GB took 50 to 100 s for each profile on an H200 and an
 * H100. A timing cache from an earlier build makes it shorter.
 */
export function expectedSeconds(weightBytes: number, profiles: number): number {
  return Math.round((8 + (14 * weightBytes) / 1e9) * profiles)
}

/** Says now and then how far a build is, also while the builder is silent, which it can be for minutes. */
export class Reporter implements Disposable {
  readonly #model: string
  readonly #say: (message: string) => void
  readonly #start = performance.now()
  readonly #expected: number
  readonly #timer: NodeJS.Timeout
  #step = 'starting'

  constructor(model: string, weightBytes: number, request: BuildRequest, say: (message: string) => void) {
    this.#model = model
    this.#say = say
    this.#expected = expectedSeconds(weightBytes, request.profiles.length)
    const lengths = request.profiles.map(({ min, max }) => `${min[1]} to ${max[1]}`).join(', ')
    say(`${model}: building a plan for lengths of ${lengths} tokens; about ${duration(this.#expected)}`)
    this.#timer = setInterval(() => this.#tell(), EVERY_MS)
    this.#timer.unref()
  }

  step(step: string): void {
    this.#step = step
  }

  done(path: string, seconds: number): void {
    this.#say(`${this.#model}: wrote ${path} in ${duration(Math.round(seconds))}`)
  }

  #tell(): void {
    const passed = Math.round((performance.now() - this.#start) / 1000)
    this.#say(`${this.#model}: ${this.#step}; ${duration(passed)} of about ${duration(this.#expected)}`)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}

function duration(seconds: number): string {
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}
