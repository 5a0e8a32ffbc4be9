import { type Bundle, computesOnCpu } from '../bundle/index.ts'
import { contractsOf, suitableServers, usualServers } from '../dispatch/index.ts'
import { quickEstimate } from '../estimate/index.ts'
import { HomeGpus } from '../server/deploy/index.ts'
import {
  DEFAULT_PORTS,
  findGpus,
  findServer,
  PORT_STEP,
  requireRepository,
  requireServer,
  serverShares,
} from '../server/serve/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import type { Detail } from '../system/error-codes.ts'
import { UsageError } from '../system/errors.ts'
import { endpointsOf, ownServers } from './own-servers.ts'
import type { Here, Started, Way, WayRequest } from './way.ts'

/**
 * The first of these that is there: what the options name; servers of this user with the same models; a server of its own
 * for the run, with a repository that is named or what set-up has made; this process.
 *
 * @throws UsageError when the options ask for what is not there; UnavailableError when GPUs are there and not set up
 */
export async function chooseWay(request: WayRequest): Promise<Way> {
  const { backend, triton, repository } = request.options
  const metricsUrls = metricsPages(request.options)
  if (backend === 'onnx') return here(request, 'this process was asked for')
  if (triton.length > 0) return namedServers(request, metricsUrls)
  if (backend === 'triton' && repository !== undefined) return await serverOf(repository, request)
  const home = request.isOfHome ? await gpusOf(request) : undefined
  return (
    (await runningServers(request, await home?.bundle())) ??
    (await namedRepository(request)) ??
    (await serverOfHome(request, home)) ??
    (await thisProcess(request, home))
  )
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

/** Those that `serve` of this user has started, as far as they have the models of the run; undefined when there is none. */
async function runningServers(
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

/** Whoever names a repository asks for a server. */
async function namedRepository(request: WayRequest): Promise<Way | undefined> {
  const { repository, gpus } = request.options
  if (repository === undefined) return undefined
  const way = await serverOf(repository, request)
  // A GPU that was asked for and is not there was found out by now.
  if (gpus === undefined && (await findGpus()).length === 0)
    throw new UsageError('a model repository is named for a server, and this machine has no GPU for it', {
      detail: { code: 'no-gpu', data: {} },
    })
  return way
}

async function gpusOf({ options, bundle: base, logger, signal }: WayRequest): Promise<HomeGpus> {
  return await HomeGpus.look({ base, numbers: options.gpus, logger, signal })
}

/** @throws UnavailableError when there are GPUs, and nothing is set up for them */
async function serverOfHome(
  { options, bundle, logger, signal }: WayRequest,
  home: HomeGpus | undefined,
): Promise<Started | undefined> {
  if (home === undefined || home.gpus.length === 0) return undefined
  if (home.areSetUp) return { kind: 'started', ...(await home.server()) }
  const { inputs, expectedLength, threads, fallbackToCpu } = options
  const here = computesOnCpu(bundle.manifest.precision)
    ? await quickEstimate(inputs, { expectedLength, bundle, threads, signal })
    : undefined
  const problem = await home.notSetUp(here === undefined ? undefined : (here.cpuSeconds ?? null))
  if (!fallbackToCpu) throw problem
  logger.warn(problem.message)
  return undefined
}

/** @throws UsageError VirnucproError when something of it is missing */
async function serverOf(repository: string, { options }: WayRequest): Promise<Started> {
  const { serverBin, backendDirectory, libraryPath } = options
  await requireRepository(repository)
  requireServer(serverBin)
  const gpus = await serverGpus(options)
  const launch = { repository, serverBin, backendDirectory, libraryPath, ...(gpus !== undefined && { gpus }) }
  return { kind: 'started', launch, why: 'its model repository is named' }
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

/** Says once why. @throws UsageError when a server or a GPU is asked for */
async function thisProcess(request: WayRequest, home: HomeGpus | undefined): Promise<Way> {
  const { options, bundle, logger } = request
  const { serverBin } = options
  if (options.backend === 'triton') {
    throw new UsageError(
      'no server is named for the backend triton, and no model repository to start one with',
      { detail: { code: 'no-server-named', data: {} } },
    )
  }
  const found = await findGpus()
  if (serverBin !== undefined) requireServer(serverBin)
  const loss = home?.loss
  const { text, detail } =
    loss === undefined ? whyNoServer(found, serverBin) : { text: loss, detail: undefined }
  if (!computesOnCpu(bundle.manifest.precision)) logger.warn(`no server can be started: ${text}`, detail)
  // Whoever has GPUs expects them to be used.
  else if (loss !== undefined) logger.warn(`computing in this process: ${text}`)
  else logger.info(`computing in this process: ${text}`, detail)
  return here(request, text)
}

/** @throws UsageError when the CPU cannot compute the bundle, or a GPU was asked for */
function here({ options, bundle, logger }: WayRequest, why: string): Here {
  const { gpus, fallbackToCpu } = options
  const { precision, attention } = bundle.manifest
  if (!computesOnCpu(precision)) {
    throw new UsageError(`the bundle ${bundle.folder} is in ${precision}, which the CPU cannot compute`, {
      detail: { code: 'needs-server', data: { fused: attention === 'fused' } },
    })
  }
  if (gpus !== undefined) {
    // Whoever asks for a GPU does not want to wait for a processor, unless the configuration says so.
    const problem = `GPU ${gpus.join(', ')} was asked for, and none will be used: ${why}`
    if (!fallbackToCpu) throw new UsageError(problem, { detail: { code: 'gpu-not-used', data: {} } })
    logger.warn(problem)
  }
  return { kind: 'here', why }
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
