import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { FILES } from '../layout/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import type { Logger } from '../system/logger.ts'
import { WriteError } from '../system/system-error.ts'
import type { MetricsLine } from './metrics.ts'

/**
 * Files that a run writes about itself. One that cannot be written is given up with a warning: the results of the run
 * matter more.
 */
export class MetricsFiles {
  readonly #folder: string
  readonly #logger: Logger
  #lines: number | undefined
  #failed = false

  /** @param append - whether the run goes on with what an earlier process has begun */
  constructor(folder: string, append: boolean, logger: Logger) {
    this.#folder = folder
    this.#logger = logger
    const path = join(folder, FILES.metrics.name)
    try {
      mkdirSync(folder, { recursive: true })
      const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
      this.#lines = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW)
      if (!append) ftruncateSync(this.#lines)
      if (endsInHalfALine(this.#lines)) writeSync(this.#lines, '\n')
    } catch (error) {
      this.#giveUp(new WriteError(path, error))
    }
  }

  /** Whether all that was told so far has been written. */
  get whole(): boolean {
    return !this.#failed
  }

  write(line: MetricsLine): void {
    if (this.#lines === undefined) return
    try {
      writeSync(this.#lines, `${JSON.stringify(line, rounded)}\n`)
      if (line.kind === 'end') fsyncSync(this.#lines)
    } catch (error) {
      this.#giveUp(new WriteError(join(this.#folder, FILES.metrics.name), error))
    }
  }

  async writeOpenMetrics(text: string): Promise<void> {
    if (this.#failed) return
    try {
      await writeAtomically(join(this.#folder, FILES.openMetrics.name), text)
    } catch (error) {
      if (!(error instanceof WriteError)) throw error
      this.#giveUp(error)
    }
  }

  #giveUp(error: WriteError): void {
    if (!this.#failed) this.#logger.warn(`no more metrics are written: ${error.message}`)
    this.#failed = true
    this.close()
  }

  close(): void {
    if (this.#lines !== undefined) closeSync(this.#lines)
    this.#lines = undefined
  }
}

/** A killed process may leave one. */
function endsInHalfALine(file: number): boolean {
  const { size } = fstatSync(file)
  if (size === 0) return false
  const last = new Uint8Array(1)
  readSync(file, last, 0, 1, size - 1)
  return last[0] !== 10
}

/** A hundred-microsecond is more than enough, and a line is a third shorter. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value
}
