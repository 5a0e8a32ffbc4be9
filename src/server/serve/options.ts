import type { Logger } from '../../system/logger.ts'
import type { ContainerEngine } from './container-engines.ts'

/** Ports of one server. */
export interface ServerPorts {
  readonly http: number
  readonly grpc: number
  readonly metrics: number
}

/** Triton's own. */
export const DEFAULT_PORTS: ServerPorts = { http: 8000, grpc: 8001, metrics: 8002 }

/** Each server of `gpus` has its three ports so much above those of the one before. */
export const PORT_STEP = 3

/** How often a server that ends by itself is started again. */
export interface RestartPolicy {
  /** Milliseconds before the first new start; each further one waits twice as long as the one before. @default 1000 */
  readonly pauseMs?: number
  /** And never longer than this. @default 60 000 */
  readonly longestPauseMs?: number
  /** A server that has been ready for so long begins with the shortest pause again. @default 180 000 */
  readonly healthyMs?: number
  /** Ends in a row after which it is given up. @default 5 */
  readonly most?: number
  /** Time between two health checks of a server that runs. @default 10 000 */
  readonly askMs?: number
}

/** Which servers to start, and how. */
export interface ServeOptions {
  /** Folder made by `repository build`, or any other model repository. */
  readonly repository: string
  /** Server program. @default `tritonserver` of PATH, else /opt/tritonserver/bin/tritonserver */
  readonly serverBin?: string | undefined
  /** Where the server finds its backends. @default what the server does by itself */
  readonly backendDirectory?: string | undefined
  /** Put before LD_LIBRARY_PATH, separated by colons. */
  readonly libraryPath?: string | undefined
  readonly ports?: Partial<ServerPorts> | undefined
  /** What HTTP, gRPC and metrics listen on. @default '127.0.0.1' */
  readonly address?: string | undefined
  /** One server for each of these GPUs, by number or UUID, on ports in steps of 3; otherwise one server for all. */
  readonly gpus?: readonly string[] | undefined
  /** Seconds until every model must be ready. @default 600 */
  readonly startupTimeout?: number | undefined
  /** Seconds that requests under way get when the server stops. @default 30 */
  readonly drainTimeout?: number | undefined
  /** End it without waiting for requests: this program is its only client. It is gone in a moment instead of some seconds. @default false */
  readonly endsAtOnce?: boolean | undefined
  /**
   * Run a container in place of a program of this machine: of Docker with triton/compose.yaml (`true` or `docker`), of Podman
   * or of Apptainer.
   */
  readonly container?: boolean | ContainerEngine | undefined
  /** Tag of NVIDIA's image for the container. @default that of triton/compose.yaml */
  readonly imageTag?: string | undefined
  /** Another image; for Apptainer also a file. */
  readonly image?: string | undefined
  /** More arguments for the server; a later one replaces an earlier one of the same name. */
  readonly args?: readonly string[] | undefined
  /** Let `predict` of the same user find the servers by itself. @default false */
  readonly announce?: boolean | undefined
  /** Seconds that nobody has used it after which it ends by itself. @default never */
  readonly idleTimeout?: number | undefined
  /** It goes on when whoever asked for it has ended; see `keepServer`. @default false */
  readonly background?: boolean | undefined
  /** What happens when a server that was ready ends by itself. @default up to four new starts in a row */
  readonly restart?: RestartPolicy | undefined
  readonly logger?: Logger | undefined
  /** Stops the start; a server that runs already is stopped by its `stop`. */
  readonly signal?: AbortSignal | undefined
}

/** One server with every choice made. */
export interface ServerPlan extends ServeOptions {
  readonly address: string
  readonly ports: ServerPorts
  /** The only GPU it sees; all of them when undefined. */
  readonly gpu: string | undefined
  readonly startupTimeout: number
  readonly drainTimeout: number
  readonly args: readonly string[]
}

/** The servers that options ask for: one, or one for each GPU. */
export function planServers(options: ServeOptions): ServerPlan[] {
  const { address = '127.0.0.1', startupTimeout = 600, drainTimeout = 30, args = [] } = options
  const { http, grpc, metrics } = { ...DEFAULT_PORTS, ...options.ports }
  const gpus = options.gpus ?? [undefined]
  return gpus.map((gpu, index) => {
    const step = index * PORT_STEP
    const ports = { http: http + step, grpc: grpc + step, metrics: metrics + step }
    return { ...options, address, ports, gpu, startupTimeout, drainTimeout, args }
  })
}

/** The engine that runs the container; undefined for a program of this machine. */
export function engineOf({ container }: Pick<ServeOptions, 'container'>): ContainerEngine | undefined {
  return container === true ? 'docker' : container || undefined
}
