/** Backpressure: runs tasks in the order they come, a fixed number at once. */
export class Limiter {
  #free: number
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(concurrency: number) {
    this.#free = concurrency
  }

  /** Tasks that run or wait. */
  get size(): number {
    return this.#running + this.#waiting.length
  }

  /** Runs a task when its turn has come; returns or throws what the task does. */
  async run<T>(task: () => T | Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
    try {
      return await task()
    } finally {
      this.#running--
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}
