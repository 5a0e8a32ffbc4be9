import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { version } from '../../package.json' with { type: 'json' }
import { FILES } from '../layout/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import type { Logger } from '../system/logger.ts'
import { WriteError } from '../system/system-error.ts'
import {
  METRICS_VERSION,
  type MetricsEnd,
  type MetricsLine,
  type MetricsSample,
  type WarningCode,
} from './metrics.ts'
import { serveMetrics } from './metrics-server.ts'
import { openMetrics } from './openmetrics.ts'
import type { Finding } from './rules/history.ts'

export interface RecorderOptions {
  /** What computes, in words; asked at each sample. */
  readonly backend: string
  /** Whether the run goes on with what an earlier process left. */
  resumed: boolean
  intervalSeconds: number
  /** Where the files go, of which that of the lines has been begun; undefined for none. */
  folder: string | undefined
  /** Port to answer at; undefined for none. */
  port: number | undefined
  logger: Logger
}

/**
 * Hands on what the monitor finds out: to two files, to whoever asks at the port, and warnings to the log. When a file
 * cannot be written there are none from then on, with a warning: the results of the run matter more.
 */
export class Recorder {
  readonly #options: RecorderOptions
  /** Undefined for no files, from the beginning or since one could not be written. */
  #folder: string | undefined
  #lines: number | undefined
  readonly #server: { stop(): Promise<void> } | undefined
  readonly #warnings = new Map<WarningCode, number>()
  #text = '# EOF\n'

  /** @throws UnavailableError when the port is not available */
  constructor(options: RecorderOptions) {
    const { folder, port, backend, resumed, intervalSeconds } = options
    this.#options = options
    this.#server = port === undefined ? undefined : serveMetrics(port, () => this.#text)
    this.#folder = folder
    this.#withFile(FILES.metrics.name, (path) => {
      this.#lines = openLines(path, resumed)
    })
    if (this.#lines === undefined) this.#folder = undefined
    const about = { program: version, intervalSeconds, backend, resumed }
    this.#write({ kind: 'start', version: METRICS_VERSION, time: now(), ...about })
  }

  async sample(sample: Omit<MetricsSample, 'kind' | 'time'>, secondsLeft: number | undefined): Promise<void> {
    if (this.#folder === undefined && this.#server === undefined) return
    const line: MetricsSample = { kind: 'sample', time: now(), ...sample }
    const { backend } = this.#options
    this.#text = openMetrics(line, { program: version, backend, warnings: this.#warnings, secondsLeft })
    this.#write(line)
    if (this.#folder === undefined) return
    await writeAtomically(join(this.#folder, FILES.openMetrics.name), this.#text).catch((error) => {
      if (!(error instanceof WriteError)) throw error
      this.#giveUp(error)
    })
  }

  warn({ code, device, message: about, detail, alreadyLogged }: Finding, seconds: number): void {
    const { logger } = this.#options
    this.#warnings.set(code, (this.#warnings.get(code) ?? 0) + 1)
    if (alreadyLogged !== true) logger.warn(about, detail)
    const message = logger.wording?.(about, detail) ?? about
    const where = device === undefined ? {} : { device }
    this.#write({ kind: 'warning', time: now(), seconds, code, ...where, message })
  }

  async end(end: Omit<MetricsEnd, 'kind' | 'time'>): Promise<void> {
    this.#write({ kind: 'end', time: now(), ...end })
    this.#close()
    await this.#server?.stop()
  }

  #write(line: MetricsLine): void {
    this.#withFile(FILES.metrics.name, () => {
      if (this.#lines === undefined) return
      writeSync(this.#lines, `${JSON.stringify(line, rounded)}\n`)
      if (line.kind === 'end') fsyncSync(this.#lines)
    })
  }

  #withFile(name: string, work: (path: string) => void): void {
    if (this.#folder === undefined) return
    const path = join(this.#folder, name)
    try {
      work(path)
    } catch (error) {
      this.#giveUp(new WriteError(path, error))
    }
  }

  #giveUp(error: WriteError): void {
    if (this.#folder !== undefined) this.#options.logger.warn(`no more metrics are written: ${error.message}`)
    this.#close()
  }

  #close(): void {
    if (this.#lines !== undefined) closeSync(this.#lines)
    this.#folder = undefined
    this.#lines = undefined
  }
}

/**
 * Opens a file that has been begun: made here, it would be nobody's, and the next start would refuse to touch it.
 *
 * @param append - whether the run goes on with what an earlier process has begun
 * @returns undefined where it could not be begun, which has been said
 */
function openLines(path: string, append: boolean): number | undefined {
  const { O_RDWR, O_APPEND, O_NOFOLLOW } = constants
  if (!existsSync(path)) return undefined
  const file = openSync(path, O_RDWR | O_APPEND | O_NOFOLLOW)
  if (!append) ftruncateSync(file)
  const { size } = fstatSync(file)
  const last = new Uint8Array(1)
  // A killed process may leave half a line.
  if (size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== 10) writeSync(file, '\n')
  return file
}

/** A hundred-microsecond is more than enough, and a line is a third shorter. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value
}

function now(): string {
  return new Date().toISOString()
}
