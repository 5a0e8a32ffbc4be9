import { type Bundle, computesOnCpu } from '../bundle/index.ts'
import { contractsOf, suitableServers, type TritonOptions, usualServers } from '../dispatch/index.ts'
import {
  DEFAULT_PORTS,
  findGpus,
  findServer,
  type OwnServer,
  OwnServers,
  PORT_STEP,
  requireRepository,
  requireServer,
  type ServeOptions,
  serverShares,
} from '../server/serve/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import type { Detail } from '../system/error-codes.ts'
import { UsageError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'

export interface WayRequest {
  readonly options: PredictOptions
  readonly bundle: Bundle
  readonly logger: Logger
  readonly signal?: AbortSignal | undefined
}

/** Servers to use, and who says that they are still what they were. */
export type Servers = Pick<TritonOptions, 'endpoints' | 'metricsUrls' | 'isTrusted'>

/** How servers are started, but for their ports; they share the GPUs. */
export type Launch = Pick<
  ServeOptions,
  'repository' | 'serverBin' | 'backendDirectory' | 'libraryPath' | 'gpus'
>

/** Which way the embeddings of a run are computed. */
export type Way = Here | Running | Started

/** ONNX Runtime in this process; `why` is for the user. */
export interface Here {
  readonly kind: 'here'
  readonly why: string
}

/** Servers that run already. */
export interface Running {
  readonly kind: 'running'
  readonly servers: Servers
  readonly why: string
}

/** A server that is started for the run. */
export interface Started {
  readonly kind: 'started'
  readonly launch: Launch
  readonly why: string
}

/**
 * The first of these that is there: what the options name; servers of this user with the same models; a server of its own
 * for the run; this process.
 *
 * @throws UsageError when the options ask for what is not there
 */
export async function chooseWay(request: WayRequest): Promise<Way> {
  const { backend, triton } = request.options
  const metricsUrls = metricsPages(request.options)
  if (backend === 'onnx')
    return { kind: 'here', why: 'ONNX Runtime in this process computes on the processor' }
  if (triton.length > 0) return namedServers(request, metricsUrls)
  if (backend === 'triton') return await ownServer(request)
  return (await runningServers(request)) ?? (await namedRepository(request)) ?? (await thisProcess(request))
}

function namedServers({ options, logger }: WayRequest, metricsUrls: string[] | undefined): Way {
  const { triton, gpus } = options
  if (gpus !== undefined)
    logger.warn(
      `GPU ${gpus.join(', ')} was asked for, which has no effect: a running server uses the GPUs that it was started with`,
    )
  return { kind: 'running', servers: { endpoints: triton, metricsUrls }, why: 'these servers were named' }
}

/** @throws UsageError when there are not as many as servers: whose each one is would be a guess */
function metricsPages({ triton, tritonMetrics }: PredictOptions): string[] | undefined {
  if (tritonMetrics.length === 0) return undefined
  if (tritonMetrics.length === triton.length) return tritonMetrics.map(metricsPage)
  throw new UsageError(
    `${tritonMetrics.length} addresses for metrics and ${triton.length} servers: give one for each server, in the same order`,
    { detail: { code: 'metrics-addresses', data: {} } },
  )
}

function metricsPage(address: string): string {
  const url = new URL(address)
  if (url.pathname === '/') url.pathname = '/metrics'
  return url.href
}

export const endpointsOf = (servers: readonly { grpcUrl: string; metricsUrl: string }[]) => ({
  endpoints: servers.map(({ grpcUrl }) => grpcUrl),
  metricsUrls: servers.map(({ metricsUrl }) => metricsUrl),
})

/** Servers of this user on exactly these GPUs; on whatever they were started with where none are named. */
export function ownServers(gpus: readonly string[] | undefined): {
  servers: OwnServer[]
  isTrusted(url: string): boolean
} {
  const own = new OwnServers()
  const servers = own.list().filter(({ gpu = '' }) => gpus === undefined || gpus.includes(gpu))
  return { servers, isTrusted: (url) => own.isOwn(url) }
}

/** Those that `serve` of this user has started, as far as they have the models of the run; undefined when there is none. */
async function runningServers({ options, bundle, logger, signal }: WayRequest): Promise<Way | undefined> {
  const { gpus } = options
  // One that is not there is found out when a server is to start on it.
  const chosen = gpus && (await findGpus()).filter((_, number) => gpus.includes(number))
  const own = ownServers(chosen && (await serverShares(chosen)))
  const started = own.servers
  const { endpoints } = endpointsOf(started)
  const wanted = contractsOf(bundle)
  const { urls, unusable } = await suitableServers(wanted, endpoints, signal)
  for (const { url, reason, detail } of unusable)
    logger.info(`not using the server that you have started at ${url}: ${reason}`, detail)
  if (urls.length > 0) {
    const usable = endpointsOf(started.filter(({ grpcUrl }) => urls.includes(grpcUrl)))
    logger.info(`using the servers that you have started at ${usable.endpoints.join(', ')}`, {
      code: 'own-servers',
      data: {},
    })
    const servers = { ...usable, isTrusted: own.isTrusted }
    return { kind: 'running', servers, why: 'you have started these servers' }
  }
  // Nobody knows what GPUs others use.
  if (gpus !== undefined) return undefined
  // Whatever else has the models of the run is named, and gets nothing.
  const usual = await usualServers({ first: DEFAULT_PORTS.grpc, step: PORT_STEP })
  const others = await suitableServers(
    wanted,
    usual.filter((url) => !endpoints.includes(url)),
    signal,
  )
  for (const url of others.urls) {
    logger.info(
      `a server at ${url} says that it has these models, but you have neither named nor started it: nothing is sent to it`,
      { code: 'unnamed-server', data: { url } },
    )
  }
  for (const { url, reason } of others.unusable) logger.debug(`what listens at ${url} is not used: ${reason}`)
  return undefined
}

/** Whoever names a repository asks for a server. */
async function namedRepository({ options }: WayRequest): Promise<Way | undefined> {
  const { repository, gpus } = options
  if (repository === undefined) return undefined
  const launch = await launchOf(options, repository)
  // A GPU that was asked for and is not there was found out by now.
  if (gpus === undefined && (await findGpus()).length === 0)
    throw new UsageError('a model repository is named for a server, and this machine has no GPU for it', {
      detail: { code: 'no-gpu', data: {} },
    })
  return { kind: 'started', launch, why: 'a model repository is named for a server' }
}

/** What `--backend triton` asks for without a server's address. */
async function ownServer({ options }: WayRequest): Promise<Way> {
  const { repository } = options
  if (repository !== undefined) {
    const launch = await launchOf(options, repository)
    return { kind: 'started', launch, why: 'a server is asked for, and its model repository named' }
  }
  throw new UsageError(
    'no server is named for the backend triton, and no model repository to start one with',
    {
      detail: { code: 'no-server-named', data: {} },
    },
  )
}

/** @throws UsageError VirnucproError when something of it is missing */
async function launchOf(options: PredictOptions, repository: string): Promise<Launch> {
  const { serverBin, backendDirectory, libraryPath } = options
  await requireRepository(repository)
  requireServer(serverBin)
  const gpus = await serverGpus(options)
  return { repository, serverBin, backendDirectory, libraryPath, ...(gpus !== undefined && { gpus }) }
}

/** UUIDs of the GPUs for the server; undefined for all. */
async function serverGpus({ gpus }: PredictOptions): Promise<string[] | undefined> {
  if (gpus === undefined) return undefined
  const found = await findGpus()
  return gpus.map((number) => {
    const gpu = found[number]
    if (gpu !== undefined) return gpu
    const there = found.length === 0 ? 'none' : `0 to ${found.length - 1}`
    throw new UsageError(`there is no GPU ${number} on this machine (${there})`)
  })
}

/** Says once why. */
async function thisProcess({ options, bundle, logger }: WayRequest): Promise<Way> {
  const { serverBin } = options
  const found = await findGpus()
  if (serverBin !== undefined) requireServer(serverBin)
  const { text, detail } = whyNoServer(found, serverBin)
  if (computesOnCpu(bundle.manifest.precision)) logger.info(`computing in this process: ${text}`, detail)
  else logger.warn(`no server can be started: ${text}`, detail)
  return { kind: 'here', why: text }
}

function whyNoServer(
  gpus: readonly string[],
  serverBin: string | undefined,
): { text: string; detail?: Detail } {
  if (gpus.length === 0)
    return { text: 'no inference server was named or started, and this machine has no GPU' }
  if (serverBin === undefined && findServer() === undefined) {
    return {
      text: 'this machine has a GPU but no Triton server',
      detail: { code: 'no-server-program', data: {} },
    }
  }
  return {
    text: 'the GPU is not used, since no model repository is named for a server',
    detail: { code: 'repository-not-named', data: {} },
  }
}
