import { lease } from '../../home/index.ts'
import type { Logger } from '../../system/logger.ts'
import { orClose } from '../../system/or-close.ts'
import { requireProcessGroups } from '../../system/platform.ts'
import { errorLines, warnOf } from './errors.ts'
import { untilIdle } from './idle.ts'
import { engineOf, planServers, type ServeOptions } from './options.ts'
import { requireFreePorts } from './ports.ts'
import { requireEngine, requireRepository, requireServer } from './prerequisites.ts'
import { removeStaleRegions } from './regions.ts'
import { SupervisedServer } from './supervised-server.ts'

/** Where one server of a {@link RunningServer} listens. */
export interface ServerEndpoint {
  /** `grpc://127.0.0.1:8001`. */
  readonly grpcUrl: string
  readonly httpUrl: string
  readonly metricsUrl: string
  /** The GPU it has to itself; undefined when it has all of them. */
  readonly gpu: string | undefined
  readonly pid: number
}

/** Servers that are ready. Stopping them, or `await using`, leaves no process and no shared memory behind. */
export interface RunningServer extends AsyncDisposable {
  readonly endpoints: readonly ServerEndpoint[]
  /** Whether one of these servers, and nobody else, is what answers at an address now. */
  serves(grpcUrl: string): boolean
  /**
   * Rejects with a ServerError when the last server has been given up, having ended by itself too often; resolves when all
   * have been stopped, or have ended since nobody has used them for the time of the options.
   */
  readonly ended: Promise<void>
  /** Lets requests under way finish, then ends all servers. */
  stop(): Promise<void>
}

/**
 * Starts one server, or one for each GPU of `gpus`, and waits until every model is ready.
 *
 * @throws ServerNotFoundError {@link PortInUseError} before anything is started; {@link ModelLoadError},
 *   {@link StartupTimeoutError} or {@link ServerError} after it has been stopped again
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  requireProcessGroups('a server cannot be started')
  const engine = engineOf(options)
  const serverBin = engine === undefined ? requireServer(options.serverBin) : undefined
  const plans = planServers({ ...options, serverBin })
  await requireRepository(options.repository)
  if (engine !== undefined) await requireEngine(engine)
  await requireFreePorts(plans)
  removeStaleRegions()
  options.signal?.throwIfAborted()

  const servers: SupervisedServer[] = []
  const inUse = new AsyncDisposableStack()
  const stopAll = async () => {
    await Promise.all(servers.map((server) => server.stop()))
    await inUse.disposeAsync()
  }
  await orClose({ close: stopAll }, async () => {
    for (const path of [options.repository, serverBin, options.image])
      if (path !== undefined) inUse.use(await lease(path))
    for (const plan of plans) servers.push(new SupervisedServer(plan))
    await Promise.all(servers.map((server) => server.ready(options.signal)))
  })
  return running(servers, stopAll, options)
}

function running(
  servers: readonly SupervisedServer[],
  stopAll: () => Promise<unknown>,
  { idleTimeout, logger }: ServeOptions,
): RunningServer {
  const stopping = new AbortController()
  const stop = async () => {
    stopping.abort()
    await stopAll()
  }
  if (idleTimeout !== undefined) {
    const current = () => servers.map(({ server }) => server)
    void untilIdle(current, idleTimeout, stopping.signal).then(async () => {
      if (stopping.signal.aborted) return
      logger?.info(`nobody has used the server for ${idleTimeout} s: it ends`)
      await stop()
    })
  }
  const ended = allGivenUp(servers, logger)
  // Whoever does not wait for it must not be ended by it.
  ended.catch(() => {})
  return {
    get endpoints() {
      return servers.map(({ server: { grpcUrl, httpUrl, metricsUrl, plan, pid } }) => {
        return { grpcUrl, httpUrl, metricsUrl, gpu: plan.gpu, pid }
      })
    },
    serves: (grpcUrl) => servers.some(({ server }) => server.grpcUrl === grpcUrl && server.serves),
    ended,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Servers do not depend on each other: only when the last one has been given up is there nothing left to do. */
async function allGivenUp(servers: readonly SupervisedServer[], logger: Logger | undefined): Promise<void> {
  let left = servers.length
  const onEnd = async (server: SupervisedServer) => {
    try {
      await server.ended
    } catch (error) {
      left--
      if (left === 0) throw error
      const [first = '', ...more] = errorLines(error)
      warnOf([`${first}; ${left === 1 ? 'one other goes on' : `${left} others go on`}`, ...more], logger)
    }
  }
  await Promise.all(servers.map(onEnd))
}
