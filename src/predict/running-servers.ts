import type { Bundle } from '../bundle/index.ts'
import { contractsOf, suitableServers, usualServers } from '../dispatch/index.ts'
import {
  DEFAULT_PORTS,
  findGpus,
  type OwnServer,
  OwnServers,
  PORT_STEP,
  serverShares,
} from '../server/serve/index.ts'
import { UsageError } from '../system/errors.ts'
import type { Way, WayOptions, WayRequest } from './way.ts'

/** Those of the options. @throws UsageError when addresses for metrics are not as many */
export function namedServers({ options, logger }: WayRequest): Way {
  const { triton, gpus } = options
  const metricsUrls = metricsPages(options)
  if (gpus !== undefined)
    logger.warn(
      `GPU ${gpus.join(', ')} was asked for, which has no effect: a running server uses the GPUs that it was started with`,
    )
  return { kind: 'running', servers: { endpoints: triton, metricsUrls }, why: 'these servers were named' }
}

/** @throws UsageError when there are not as many as servers: whose each one is would be a guess */
export function metricsPages({ triton, tritonMetrics }: WayOptions): string[] | undefined {
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

/** Those that `serve` of this user has started, as far as they have the models of the run; undefined when there is none. */
export async function runningServers(
  { options, bundle, logger, signal }: WayRequest,
  models: Bundle | undefined,
): Promise<Way | undefined> {
  const { gpus } = options
  // One that is not there is found out when a server is to start on it.
  const chosen = gpus && (await findGpus()).filter((_, number) => gpus.includes(number))
  const own = ownServers(chosen && (await serverShares(chosen)))
  const started = own.servers
  const { endpoints } = endpointsOf(started)
  const wanted = contractsOf(models ?? bundle)
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
    return { kind: 'running', servers, models, why: 'you have started these servers' }
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
