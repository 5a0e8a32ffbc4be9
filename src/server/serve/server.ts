import { constants } from 'node:os'
import { atExit } from './at-exit.ts'
import type { PlannedCommand } from './commands.ts'
import { ModelLoadError, ServerCrashError, ServerError, StartupTimeoutError } from './errors.ts'
import { checkHealth } from './health.ts'
import { isRunning, type Listener, listenerOf } from './listener.ts'
import type { ServerPlan } from './options.ts'
import { ProcessGroup } from './process-group.ts'
import { closeRegions } from './regions.ts'
import { type LoadEvent, ServerLog } from './server-log.ts'

/** Variable of a server's environment that says which record of `own-servers.ts` it belongs to. */
export const SECRET_VARIABLE = 'VIRNUCPRO_SERVER_SECRET'

const POLL_MS = 100
/** How often to say that loading goes on. */
const HEARTBEAT_MS = 15_000
/** A server that cannot have its port ends well within this time. */
const UNPROVEN_MS = 5000
/** For a server without requests, one that was never ready. */
const UNREADY_STOP_SECONDS = 5
/** What a server takes on top of the time for requests under way: about 4 s to end its Python processes. */
const STOP_MARGIN_SECONDS = 15

/** One server: a process group and where it listens. */
export class OneServer {
  readonly plan: ServerPlan
  readonly grpcUrl: string
  readonly httpUrl: string
  readonly metricsUrl: string
  /** Also in its environment, which only the same user can read. */
  readonly secret = crypto.randomUUID()
  readonly #group: ProcessGroup
  readonly #log = new ServerLog()
  readonly #regionPrefix: string | undefined
  readonly #label: string
  readonly #down: PlannedCommand['down']
  readonly #started = performance.now()
  readonly #forget: () => void
  #wasReady = false
  #firstAnswer: number | undefined
  /** The process that answers, where the system shows it. */
  #listener: Listener | undefined
  #stopped: Promise<void> | undefined

  /** Starts it. @throws ServerError */
  constructor({ plan, command, down, regionPrefix }: PlannedCommand) {
    this.plan = plan
    const host = reachable(plan.address)
    this.grpcUrl = `grpc://${host}:${plan.ports.grpc}`
    this.httpUrl = `http://${host}:${plan.ports.http}`
    this.metricsUrl = `http://${host}:${plan.ports.metrics}/metrics`
    this.#label = plan.gpu === undefined ? '' : `GPU ${plan.gpu}: `
    this.#down = down
    const onText = (text: string) => this.#log.add(text, (line, event) => this.#onLine(line, event))
    const env = { ...command.env, [SECRET_VARIABLE]: this.secret }
    this.#regionPrefix = regionPrefix
    this.#group = new ProcessGroup({ ...command, env }, onText, regionPrefix)
    // A container belongs to its daemon and outlives the program that started it: a second Ctrl-C must end it too.
    this.#forget =
      down === undefined ? () => {} : atExit(() => Bun.spawnSync([...down.argv], quiet(down.env)))
  }

  get pid(): number {
    return this.#group.pid
  }

  /**
   * Whether this server, and nobody else, is what answers at its gRPC address. To be asked before every request, since the
   * port is free for anybody once the server has ended.
   */
  get serves(): boolean {
    if (!this.#wasReady || !this.#group.running) return false
    return this.#listener === undefined || isRunning(this.#listener)
  }

  /** Resolves to the exit code when the server has ended, for whatever reason. */
  get exited(): Promise<number> {
    return this.#group.exited
  }

  /** The lines of its log that explain why it ended. */
  explanation(): string[] {
    return this.#log.explanation()
  }

  /**
   * Resolves when every model is ready.
   *
   * @throws ModelLoadError {@link ServerCrashError} or {@link ServerError} when it ended, {@link StartupTimeoutError}
   */
  async ready(signal: AbortSignal | undefined): Promise<void> {
    const { startupTimeout } = this.plan
    const end = performance.now() + startupTimeout * 1000
    let heartbeat = performance.now() + HEARTBEAT_MS
    let state = 'nothing answers yet'
    while (performance.now() < end) {
      signal?.throwIfAborted()
      if (await this.#isReady()) return
      const { pending } = this.#log
      state = pending.length > 0 ? `still loading ${pending.join(', ')}` : 'it has not answered yet'
      if (performance.now() > heartbeat) {
        heartbeat += HEARTBEAT_MS
        this.#say(`${state} (${this.#seconds()} s)`)
      }
      await Bun.sleep(POLL_MS)
    }
    throw new StartupTimeoutError(startupTimeout, state, this.explanation())
  }

  async #isReady(): Promise<boolean> {
    if (!this.#group.running) {
      const code = await this.exited
      const problem = `${this.#label}the server ${describeExit(code)} before it was ready`
      const Kind = hasCrashed(code) ? ServerCrashError : ServerError
      throw new Kind(problem, this.explanation())
    }
    const health = await checkHealth(this.httpUrl)
    const failed = [...this.#log.unreadable, ...(health.kind === 'failed' ? health.models : [])]
    if (health.kind !== 'silent' && failed.length > 0) throw new ModelLoadError(this.plan.repository, failed)
    if (health.kind !== 'ready') return false
    this.#firstAnswer ??= performance.now()
    this.#wasReady = this.#isItself(this.#firstAnswer) && this.#group.running
    // All are there once the models are loaded, and nothing has been sent.
    if (this.#wasReady && this.#regionPrefix !== undefined) closeRegions(this.#regionPrefix)
    return this.#wasReady
  }

  /**
   * Whether the answer came from this server: another program may have taken the ports while it loaded its models. The
   * system shows it, or else the server's own log; where neither does, as behind a wrapper that starts a container, a server
   * that could not have its ports has some seconds to end.
   */
  #isItself(firstAnswer: number): boolean {
    this.#listener = listenerOf(this.pid, this.plan.ports.grpc)
    return this.#listener !== undefined || this.#log.listens || performance.now() - firstAnswer > UNPROVEN_MS
  }

  /** Lets requests under way finish, then ends the server and everything it started. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    const { drainTimeout, endsAtOnce = false } = this.plan
    // A container is ended by its daemon, which wants to be asked.
    if (endsAtOnce && this.#down === undefined) await this.#group.kill()
    else await this.#group.stop(this.#wasReady ? drainTimeout + STOP_MARGIN_SECONDS : UNREADY_STOP_SECONDS)
    this.#forget()
    if (this.#down !== undefined) await Bun.spawn([...this.#down.argv], quiet(this.#down.env)).exited
  }

  #onLine(line: string, event: LoadEvent | undefined): void {
    this.plan.logger?.debug(`${this.#label}${line}`)
    if (event?.kind === 'loading') this.#say(`loading ${event.model}`)
    if (event?.kind === 'loaded') this.#say(`${event.model} is ready (${this.#seconds()} s)`)
    if (event?.kind === 'failed') this.#say(`${event.model} could not be loaded`)
  }

  #say(message: string): void {
    this.plan.logger?.info(`${this.#label}${message}`)
  }

  #seconds(): string {
    return ((performance.now() - this.#started) / 1000).toFixed(1)
  }
}

/** How a server ended, as part of a sentence. */
export function describeExit(code: number): string {
  if (code >= 0) return `ended with exit code ${code}`
  const name = Object.entries(constants.signals).find(([, number]) => number === -code)?.[0]
  return name === 'SIGKILL' ? 'was killed (was the memory used up?)' : `was ended by ${name ?? 'a signal'}`
}

/** Whether it ended by a fault of its own. A shell in between adds 128 to the signal. */
export function hasCrashed(code: number): boolean {
  const { SIGABRT, SIGBUS, SIGSEGV } = constants.signals
  return [SIGABRT, SIGBUS, SIGSEGV].some((signal) => code === -signal || code === 128 + signal)
}

/** Where this machine reaches a server that listens on every address. */
function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  if (address === '::') return '[::1]'
  return address.includes(':') ? `[${address}]` : address
}

function quiet(env: Readonly<Record<string, string>>) {
  return { env: { ...process.env, ...env }, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } as const
}
