import type { Logger } from '../system/logger.ts'
import { METRICS_VERSION, type MetricsEnd, type MetricsSample, type WarningCode } from './metrics.ts'
import { MetricsFiles } from './metrics-files.ts'
import { serveMetrics } from './metrics-server.ts'
import { openMetrics } from './openmetrics.ts'
import type { Finding } from './rules/history.ts'

export interface RecorderOptions {
  /** Version of the program. */
  program: string
  /** What computes, in words. */
  backend: string
  /** Whether the run goes on with what an earlier process left. */
  resumed: boolean
  intervalSeconds: number
  /** Where the files go; undefined for none. */
  folder: string | undefined
  /** Port to answer at; undefined for none. */
  port: number | undefined
  logger: Logger
}

/** Hands on what the monitor finds out: to the two files, to whoever asks at the port, and warnings to the log. */
export class Recorder {
  readonly #options: RecorderOptions
  readonly #files: MetricsFiles | undefined
  readonly #server: { stop(): Promise<void> } | undefined
  readonly #warnings = new Map<WarningCode, number>()
  #text = '# EOF\n'

  /** @throws UnavailableError when the port cannot be had */
  constructor(options: RecorderOptions) {
    this.#options = options
    const { folder, port, program, backend, resumed, intervalSeconds } = options
    this.#server = port === undefined ? undefined : serveMetrics(port, () => this.#text)
    this.#files = folder === undefined ? undefined : new MetricsFiles(folder, resumed, options.logger)
    const about = { program, intervalSeconds, backend, resumed }
    this.#files?.write({ kind: 'start', version: METRICS_VERSION, time: now(), ...about })
  }

  async sample(sample: Omit<MetricsSample, 'kind' | 'time'>, secondsLeft: number | undefined): Promise<void> {
    if (this.#files === undefined && this.#server === undefined) return
    const line: MetricsSample = { kind: 'sample', time: now(), ...sample }
    const { program, backend } = this.#options
    this.#text = openMetrics(line, { program, backend, warnings: this.#warnings, secondsLeft })
    this.#files?.write(line)
    await this.#files?.writeOpenMetrics(this.#text)
  }

  warn({ code, device, message: about, detail, alreadyLogged }: Finding, seconds: number): void {
    const { logger } = this.#options
    this.#warnings.set(code, (this.#warnings.get(code) ?? 0) + 1)
    if (alreadyLogged !== true) logger.warn(about, detail)
    const message = logger.wording?.(about, detail) ?? about
    this.#files?.write({
      kind: 'warning',
      time: now(),
      seconds,
      code,
      ...(device !== undefined && { device }),
      message,
    })
  }

  async end(end: Omit<MetricsEnd, 'kind' | 'time'>): Promise<void> {
    this.#files?.write({ kind: 'end', time: now(), ...end })
    this.#files?.close()
    await this.#server?.stop()
  }
}

function now(): string {
  return new Date().toISOString()
}
