import { VirnucproError } from '../../system/errors.ts'
import type { Logger } from '../../system/logger.ts'
import { ServerError } from './errors.ts'
import { askHealth } from './health.ts'
import type { ServerPlan } from './options.ts'
import { requireFreePorts } from './ports.ts'
import { describeExit, type OneServer } from './running-server.ts'

/** How often a server that ends by itself is started again. */
export interface RestartPolicy {
  /** Milliseconds before the first new start; each further one waits twice as long as the one before. @default 1000 */
  readonly pauseMs?: number | undefined
  /** And never longer than this. @default 60 000 */
  readonly longestPauseMs?: number | undefined
  /** A server that has been ready for so long begins with the shortest pause again. @default 180 000 */
  readonly healthyMs?: number | undefined
  /** Ends in a row after which it is given up. @default 5 */
  readonly most?: number | undefined
  /** How often a server that runs is asked how it is. @default 10 000 */
  readonly askMs?: number | undefined
}

const DEFAULTS = { pauseMs: 1000, longestPauseMs: 60_000, healthyMs: 180_000, most: 5, askMs: 10_000 }
/** Questions in a row without an answer after which somebody should know. */
const SILENT_TIMES = 3

export interface SupervisedOptions {
  readonly plan: ServerPlan
  /** Starts the server; called again for each new start. */
  start(): OneServer
  readonly startupTimeout: number
  readonly policy: RestartPolicy | undefined
  readonly logger: Logger | undefined
  /** Called when it has become ready; what it returns is called when that server has ended. */
  onReady?(server: OneServer): () => void
}

/** A server that is started again when it ends by itself. */
export class SupervisedServer {
  readonly #options: SupervisedOptions
  readonly #policy: typeof DEFAULTS
  readonly #stopping = new AbortController()
  #server: OneServer
  #withdraw: () => void = () => {}
  #supervision: Promise<void> = Promise.resolve()

  private constructor(options: SupervisedOptions) {
    this.#options = options
    const { pauseMs, longestPauseMs, healthyMs, most, askMs } = options.policy ?? {}
    this.#policy = {
      askMs: askMs ?? DEFAULTS.askMs,
      pauseMs: pauseMs ?? DEFAULTS.pauseMs,
      longestPauseMs: longestPauseMs ?? DEFAULTS.longestPauseMs,
      healthyMs: healthyMs ?? DEFAULTS.healthyMs,
      most: most ?? DEFAULTS.most,
    }
    this.#server = options.start()
  }

  static start(options: SupervisedOptions): SupervisedServer {
    return new SupervisedServer(options)
  }

  /** The one that runs, or that ran last. */
  get server(): OneServer {
    return this.#server
  }

  /**
   * Resolves when every model is ready for the first time. A server that does not get that far is not started again:
   * what is wrong with it would be wrong the next time.
   */
  async ready(signal: AbortSignal | undefined): Promise<void> {
    await this.#server.ready(this.#options.startupTimeout, signal)
    this.#announce()
    this.#supervision = this.#supervise()
    // Whoever does not wait for it must not be ended by it.
    this.#supervision.catch(() => {})
  }

  /** Rejects with a ServerError when it is given up; resolves when it has been stopped. Call it after {@link ready}. */
  get ended(): Promise<void> {
    return this.#supervision
  }

  /** Ends it for good; requests under way may finish. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all([this.#server.stop(), this.#supervision.catch(() => {})])
    // A new start may have been under way.
    await this.#server.stop()
    this.#withdraw()
  }

  async #supervise(): Promise<void> {
    let ends = 0
    for (;;) {
      const since = performance.now()
      const problem = await this.#end()
      if (problem === undefined) return
      if (performance.now() - since >= this.#policy.healthyMs) ends = 0
      const restarted = await this.#startAgain(problem, ends)
      if (restarted === undefined) return
      ends = restarted
    }
  }

  /** Waits for the server to end by itself; undefined when it is to be stopped. */
  async #end(): Promise<ServerError | undefined> {
    const stopWatching = this.#watchHealth()
    const code = await this.#server.exited
    stopWatching()
    this.#withdraw()
    if (this.#stopping.signal.aborted) return undefined
    // What it leaves behind, such as its Python processes, holds memory of the GPU.
    await this.#server.stop()
    return new ServerError(this.#sentence(describeExit(code)), code > 0 ? this.#server.explanation() : [])
  }

  /**
   * Starts it until it is ready.
   *
   * @returns how often it has ended in a row by then; undefined when it is to be stopped
   * @throws ServerError when that is too often
   */
  async #startAgain(first: ServerError, before: number): Promise<number | undefined> {
    const { most } = this.#policy
    let problem = first
    for (let ends = before + 1; ; ends++) {
      if (ends >= most) throw continued(problem, `after ${ends} times in a row it is given up`)
      const pause = this.#pause(ends)
      this.#tell(continued(problem, `it is started again in ${seconds(pause)}`))
      if (!(await this.#waited(pause))) return undefined
      const failure = await this.#restart()
      if (this.#stopping.signal.aborted) return undefined
      if (failure === undefined) return ends
      problem = new ServerError([this.#sentence('could not be started again'), ...linesOf(failure)])
    }
  }

  /** What kept it from becoming ready; undefined when nothing did. */
  async #restart(): Promise<Error | undefined> {
    const { plan, start, startupTimeout, logger } = this.#options
    const { signal } = this.#stopping
    try {
      await requireFreePorts([plan])
      signal.throwIfAborted()
      this.#server = start()
      await this.#server.ready(startupTimeout, signal)
      this.#announce()
      logger?.info(this.#sentence('is ready again'))
      return undefined
    } catch (error) {
      await this.#server.stop()
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  #tell({ lines }: ServerError): void {
    const [first = '', ...more] = lines
    this.#options.logger?.warn(first)
    for (const line of more) this.#options.logger?.info(line)
  }

  #announce(): void {
    this.#withdraw = this.#options.onReady?.(this.#server) ?? (() => {})
  }

  #pause(ends: number): number {
    const { pauseMs, longestPauseMs } = this.#policy
    return Math.min(pauseMs * 2 ** (ends - 1), longestPauseMs)
  }

  /** False when the server is to be stopped meanwhile. */
  async #waited(ms: number): Promise<boolean> {
    const { signal } = this.#stopping
    if (signal.aborted) return false
    return await new Promise((settle) => {
      const timer = setTimeout(() => end(true), ms)
      const abort = () => end(false)
      const end = (whole: boolean) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        settle(whole)
      }
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  /** A server that runs and says nothing is told of, and left alone: it may be busy, or somebody may want to look. */
  #watchHealth(): () => void {
    const server = this.#server
    let silent = 0
    const ask = async () => {
      const { kind } = await askHealth(server.httpUrl)
      if (server !== this.#server || !server.serves) return
      if (kind !== 'silent') {
        if (silent >= SILENT_TIMES) this.#options.logger?.info(this.#sentence('answers again'))
        silent = 0
      } else if (++silent === SILENT_TIMES) {
        this.#options.logger?.warn(
          this.#sentence(
            `does not answer although its process ${server.pid} runs; end that process to have it started again`,
          ),
        )
      }
    }
    const timer = setInterval(() => void ask(), this.#policy.askMs)
    timer.unref()
    return () => clearInterval(timer)
  }

  #sentence(what: string): string {
    return `the server at ${this.#server.grpcUrl} ${what}`
  }
}

/** The problem with what happens next at the end of its first line. */
function continued(problem: ServerError, next: string): ServerError {
  const [first = '', ...more] = problem.lines
  // It was ready once: the same command may succeed later.
  return new ServerError([`${first}; ${next}`, ...more], [], { kind: 'tryAgain' })
}

function linesOf(error: Error): readonly string[] {
  return error instanceof VirnucproError ? error.lines : [error.message]
}

function seconds(ms: number): string {
  return `${Number((ms / 1000).toPrecision(2))} s`
}
