import { closeSync, ftruncateSync, openSync } from 'node:fs'

const FIELDS = { executions: 0, index: 1, beat: 2 } as const
const BYTES = 8 * Object.keys(FIELDS).length

/** Where a worker is, in memory that the process beside it sees while the worker hangs. */
export class Shared {
  readonly #numbers: Float64Array

  constructor(path: string) {
    const bytes = Bun.mmap(path, { shared: true })
    this.#numbers = new Float64Array(bytes.buffer, bytes.byteOffset, Object.keys(FIELDS).length)
  }

  /** Makes the file. */
  static create(path: string): Shared {
    const descriptor = openSync(path, 'w')
    ftruncateSync(descriptor, BYTES)
    closeSync(descriptor)
    return new Shared(path)
  }

  get executions(): number {
    return this.#numbers[FIELDS.executions]!
  }

  /** Of the input that is being made or run, in the order of its seed. */
  get index(): number {
    return this.#numbers[FIELDS.index]!
  }

  /** Changes with everything that happens. */
  get beat(): number {
    return this.#numbers[FIELDS.beat]!
  }

  begin(): void {
    this.#numbers[FIELDS.beat]!++
  }

  /**
   * @param skipped - the input was not one that the target takes
   * @param shrinking - the input comes from an earlier one
   */
  end(skipped: boolean, shrinking: boolean): void {
    this.#numbers[FIELDS.beat]!++
    if (shrinking) return
    this.#numbers[FIELDS.index]!++
    if (!skipped) this.#numbers[FIELDS.executions]!++
  }
}
