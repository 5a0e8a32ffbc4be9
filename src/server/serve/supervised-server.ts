import { setTimeout } from 'node:timers/promises'
import { serverCommand, shellCommand } from './commands.ts'
import { errorLines, ServerCrashError, ServerError, warnOf } from './errors.ts'
import { checkHealth } from './health.ts'
import type { RestartPolicy, ServerPlan } from './options.ts'
import { announce } from './own-servers.ts'
import { requireFreePorts } from './ports.ts'
import { describeExit, hasCrashed, OneServer } from './server.ts'

const DEFAULTS: Required<RestartPolicy> = {
  pauseMs: 1000,
  longestPauseMs: 60_000,
  healthyMs: 180_000,
  most: 5,
  askMs: 10_000,
}
/** Of a server that crashes before it is ready. */
const NEW_STARTS = 2
/** Health checks in a row without an answer after which somebody should know. */
const SILENT_TIMES = 3

/** A server that is started again when it ends by itself. */
export class SupervisedServer {
  readonly #plan: ServerPlan
  readonly #policy: Required<RestartPolicy>
  readonly #stopping = new AbortController()
  #server: OneServer
  #withdraw: () => void = () => {}
  #supervision: Promise<void> = Promise.resolve()

  /** Starts it. @throws ServerError */
  constructor(plan: ServerPlan) {
    this.#plan = plan
    this.#policy = { ...DEFAULTS, ...plan.restart }
    this.#server = this.#start()
  }

  /** The one that runs, or that ran last. */
  get server(): OneServer {
    return this.#server
  }

  /**
   * Resolves when every model is ready for the first time. A server that does not get that far is not started again:
   * what is wrong with it would be wrong the next time. Only a crash may be chance: Triton's Python backend has one now and
   * then where many of its processes start, or few on a machine that is very busy (boost::interprocess::lock_exception, seen
   * in 2.51).
   */
  async ready(signal: AbortSignal | undefined): Promise<void> {
    for (let left = NEW_STARTS; ; left--) {
      try {
        await this.#becomeReady(signal)
        break
      } catch (error) {
        if (left === 0 || !(error instanceof ServerCrashError)) throw error
        warnOf(continued(error, 'it is started again').lines, this.#plan.logger)
        await this.#server.stop()
        signal?.throwIfAborted()
        this.#server = this.#start()
      }
    }
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
    // A run that begins while requests end must not choose it.
    this.#withdraw()
    await Promise.all([this.#server.stop(), this.#supervision.catch(() => {})])
    // A new start may have been under way.
    await this.#server.stop()
    this.#withdraw()
  }

  #start(): OneServer {
    // Made for each start: the shared memory of a server that was killed must not be taken for that of the next one.
    const planned = serverCommand(this.#plan)
    this.#plan.logger?.debug(`starting: ${shellCommand(planned.command)}`)
    return new OneServer(planned)
  }

  async #becomeReady(signal: AbortSignal | undefined): Promise<void> {
    await this.#server.ready(signal)
    const { announce: isAnnounced, container, logger } = this.#plan
    // Who answers at a container's port cannot be seen: a server in one must be named.
    if (isAnnounced && !container) this.#withdraw = announce(this.#server, logger)
  }

  /** @throws ServerError when it has ended too often in a row */
  async #supervise(): Promise<void> {
    const { pauseMs, longestPauseMs, healthyMs, most } = this.#policy
    const { signal } = this.#stopping
    for (let ends = 0; ; ) {
      const since = performance.now()
      let problem: ServerError | undefined = await this.#end()
      if (performance.now() - since >= healthyMs) ends = 0
      while (!signal.aborted && problem !== undefined) {
        if (++ends >= most) throw continued(problem, `after ${ends} times in a row it is given up`)
        const pause = Math.min(pauseMs * 2 ** (ends - 1), longestPauseMs)
        const { lines } = continued(
          problem,
          `it is started again in ${Number((pause / 1000).toPrecision(2))} s`,
        )
        warnOf(lines, this.#plan.logger)
        await setTimeout(pause, undefined, { signal }).catch(() => {})
        if (!signal.aborted) problem = await this.#restart()
      }
      if (signal.aborted) return
    }
  }

  /** Waits for the server to end, and returns how it has. */
  async #end(): Promise<ServerError> {
    const stopChecks = this.#checkHealth()
    const code = await this.#server.exited
    stopChecks()
    this.#withdraw()
    // What it leaves behind, such as its Python processes, holds memory of the GPU.
    if (!this.#stopping.signal.aborted) await this.#server.stop()
    const isExplained = code > 0 || hasCrashed(code)
    return new ServerError(this.#sentence(describeExit(code)), isExplained ? this.#server.explanation() : [])
  }

  /** What kept it from becoming ready; undefined when nothing did. */
  async #restart(): Promise<ServerError | undefined> {
    const { signal } = this.#stopping
    try {
      await requireFreePorts([this.#plan])
      signal.throwIfAborted()
      this.#server = this.#start()
      await this.#becomeReady(signal)
      this.#plan.logger?.info(this.#sentence('is ready again'))
      return undefined
    } catch (error) {
      await this.#server.stop()
      return new ServerError([this.#sentence('could not be started again'), ...errorLines(error)])
    }
  }

  /** A server that runs and does not answer is reported, and left alone: it may be busy, or somebody may want to look. */
  #checkHealth(): () => void {
    const server = this.#server
    const { logger } = this.#plan
    let silent = 0
    const check = async () => {
      const { kind } = await checkHealth(server.httpUrl)
      if (server !== this.#server || !server.serves) return
      if (kind !== 'silent') {
        if (silent >= SILENT_TIMES) logger?.info(this.#sentence('answers again'))
        silent = 0
      } else if (++silent === SILENT_TIMES) {
        logger?.warn(
          this.#sentence(
            `does not answer although its process ${server.pid} runs; end that process to have it started again`,
          ),
        )
      }
    }
    const timer = setInterval(() => void check(), this.#policy.askMs)
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
