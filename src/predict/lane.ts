/** Shared by lanes of which none goes on once a task of any has failed. */
export interface Halt {
  failure?: { error: unknown }
}

/** Runs tasks in the order they come, a fixed number at once; after a failure the waiting ones are dropped. */
export class Lane {
  #free: number
  readonly #waiting: (() => void)[] = []
  readonly #halt: Halt

  constructor(concurrency: number, halt: Halt) {
    this.#free = concurrency
    this.#halt = halt
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      if (this.#halt.failure !== undefined) throw this.#halt.failure.error
      return await task()
    } catch (error) {
      this.#halt.failure ??= { error }
      throw error
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}
