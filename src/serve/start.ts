import { ExitCode } from '../system/index.ts'
import { nativeCommand, type ServerCommand, shellCommand } from './command.ts'
import { containerCommands, requireDocker } from './container.ts'
import { ServerError } from './errors.ts'
import { findServer, requireServer } from './find-server.ts'
import { planServers, type ServeOptions, type ServerPlan } from './options.ts'
import { requireFreePorts } from './ports.ts'
import { newRegionPrefix, removeStaleRegions } from './regions.ts'
import { requireRepository } from './repository-folder.ts'
import { describeExit, OneServer } from './running-server.ts'

/** Where one server of a {@link RunningServer} listens. */
export interface ServerEndpoint {
  /** `grpc://127.0.0.1:8001`, as `--triton` takes it. */
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
  /** Rejects with a ServerError when a server ends that nobody stopped; resolves when all have been stopped. */
  readonly ended: Promise<void>
  /** Lets requests under way finish, then ends all servers. */
  stop(): Promise<void>
}

/**
 * Starts one server, or one for each GPU of `gpus`, and waits until every model is ready.
 *
 * @throws {ServerNotFoundError} {@link PortInUseError} before anything is started; {@link ModelLoadError},
 *   {@link StartupTimeoutError} or {@link ServerError} after it has been stopped again
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const plans = planServers(options)
  const serverBin = options.container ? undefined : requireServer(options.serverBin)
  const commands = serverCommands({ ...options, serverBin })
  await requireRepository(options.repository)
  if (options.container) await requireDocker()
  await requireFreePorts(plans)
  removeStaleRegions()
  options.signal?.throwIfAborted()

  const servers: OneServer[] = []
  const stopAll = () => Promise.all(servers.map((server) => server.stop()))
  try {
    for (const [i, plan] of plans.entries()) {
      const { command, down, regionPrefix } = commands[i]!
      options.logger?.debug(`starting: ${shellCommand(command)}`)
      servers.push(OneServer.start({ plan, command, down, regionPrefix, logger: options.logger }))
    }
    const timeout = options.startupTimeout ?? 600
    await Promise.all(servers.map((server) => server.ready(timeout, options.signal)))
  } catch (error) {
    await stopAll()
    throw error
  }
  return running(servers, stopAll)
}

function running(servers: readonly OneServer[], stopAll: () => Promise<unknown>): RunningServer {
  let stopping: Promise<unknown> | undefined
  const stop = async () => {
    stopping ??= stopAll()
    await stopping
  }
  const ended = Promise.all(
    servers.map(async (server) => {
      const code = await server.exited
      if (stopping !== undefined) return
      throw new ServerError(`the server at ${server.grpcUrl} ${describeExit(code)}.`, server.explanation(), {
        exitCode: ExitCode.tryAgain,
      })
    }),
  ).then(() => {})
  // Whoever does not wait for it must not be ended by it.
  ended.catch(() => {})
  return {
    endpoints: servers.map((server) => ({
      grpcUrl: server.grpcUrl,
      httpUrl: server.httpUrl,
      metricsUrl: server.metricsUrl,
      gpu: server.plan.gpu,
      pid: server.pid,
    })),
    ended,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** How each server that options ask for is started, and tidied up after. */
export interface PlannedCommand {
  readonly plan: ServerPlan
  readonly command: ServerCommand
  readonly down: ServerCommand | undefined
  readonly regionPrefix: string | undefined
}

/** The commands that `startServer` runs, without running them; they need not run on this machine. */
export function serverCommands(options: ServeOptions): PlannedCommand[] {
  const plans = planServers(options)
  if (options.container) {
    return plans.map((plan) => {
      const { up, down } = containerCommands(plan, options.imageTag)
      return { plan, command: up, down, regionPrefix: undefined }
    })
  }
  const serverBin = options.serverBin ?? findServer() ?? 'tritonserver'
  const { backendDirectory, libraryPath } = options
  return plans.map((plan) => {
    const regionPrefix = newRegionPrefix()
    const native = { serverBin, backendDirectory, libraryPath, regionPrefix }
    return { plan, command: nativeCommand(plan, native), down: undefined, regionPrefix }
  })
}
