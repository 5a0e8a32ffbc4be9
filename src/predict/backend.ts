import {
  type Bundle,
  computesOnCpu,
  forModels,
  type ModelName,
  modelDigest,
  sourceDigest,
} from '../bundle/index.ts'
import {
  type Contract,
  type EmbeddingBackend,
  OnnxRuntimeBackend,
  suitableServers,
  TritonBackend,
  type TritonOptions,
  usualServers,
} from '../dispatch/index.ts'
import { verifyRepository } from '../server/repository/index.ts'
import {
  DEFAULT_PORTS,
  findGpus,
  findServer,
  freePorts,
  OwnServers,
  PORT_STEP,
  requireRepository,
  requireServer,
  startServer,
} from '../server/serve/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import type { Detail } from '../system/error-codes.ts'
import { UsageError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'

export interface BackendRequest {
  options: PredictOptions
  bundle: Bundle
  logger: Logger
  signal?: AbortSignal | undefined
  /** Called when a server that was started for this run ends by itself. */
  onLost(error: unknown): void
}

/** Why no server computes, and what a front end can say to it. */
interface Reason {
  readonly text: string
  readonly detail?: Detail
}

/**
 * Opens what computes the embeddings: the servers that were named; else those with the same models that a `serve` of this
 * user has started; else one that is started for this run, where there are a GPU, a server program and a model repository;
 * else this process, which it says once.
 *
 * @param stack takes what must be closed after the backend
 */
export async function openBackend(
  request: BackendRequest,
  stack: AsyncDisposableStack,
): Promise<EmbeddingBackend> {
  const { options, bundle, logger } = request
  const { backend, triton, gpus, repository, serverBin } = options
  const metrics = metricsUrls(options)
  if (backend === 'onnx')
    return await openEmbedded(request, { text: 'ONNX Runtime in this process computes on the processor' })
  if (triton.length > 0) {
    if (gpus !== undefined)
      logger.warn(
        `GPU ${gpus.join(', ')} was asked for, which has no effect: a running server uses the GPUs that it was started with`,
      )
    return await openTriton(request, { endpoints: triton, metricsUrls: metrics })
  }
  if (backend === 'triton') return await openStarted(request, stack)
  // A server that runs already has GPUs of its own choice.
  const own = gpus === undefined ? await ownServers(request) : undefined
  if (own !== undefined) {
    logger.info(`using the servers that you have started at ${own.endpoints.join(', ')}`, {
      code: 'own-servers',
      data: {},
    })
    return await openTriton(request, own)
  }
  const found = await findGpus()
  if (repository !== undefined) {
    // Whoever names a repository asks for a server. A GPU that was asked for and is not there is found out when it is looked for.
    await requireRepository(repository)
    requireServer(serverBin)
    if (found.length > 0 || gpus !== undefined) return await openStarted(request, stack)
    throw new UsageError('a model repository is named for a server, and this machine has no GPU for it', {
      detail: { code: 'no-gpu', data: {} },
    })
  }
  if (serverBin !== undefined) requireServer(serverBin)
  const reason = whyNoServer(found, serverBin)
  if (computesOnCpu(bundle.manifest.precision))
    logger.info(`computing in this process: ${reason.text}`, reason.detail)
  else logger.warn(`no server can be started: ${reason.text}`, reason.detail)
  return await openEmbedded(request, reason)
}

function whyNoServer(gpus: readonly string[], serverBin: string | undefined): Reason {
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

/** @throws UsageError when there are not as many as servers: whose each one is would be a guess */
function metricsUrls({ triton, tritonMetrics }: PredictOptions): string[] | undefined {
  if (tritonMetrics.length === 0) return undefined
  if (tritonMetrics.length !== triton.length) {
    throw new UsageError(
      `${tritonMetrics.length} addresses for metrics and ${triton.length} servers: give one for each server, in the same order`,
      { detail: { code: 'metrics-addresses', data: {} } },
    )
  }
  return tritonMetrics.map((address) => {
    const url = new URL(address)
    if (url.pathname === '/') url.pathname = '/metrics'
    return url.href
  })
}

function contracts({ manifest }: Bundle): Record<ModelName, Contract> {
  const { models, precision } = manifest
  return forModels((model) => {
    const { dimension } = models[model]
    return { dimension, source: sourceDigest(models[model]), precision, digest: modelDigest(manifest, model) }
  })
}

/** Servers to use, and who says that they are still what they were. */
type Servers = Pick<TritonOptions, 'endpoints' | 'metricsUrls' | 'isTrusted'>

const endpointsOf = (servers: readonly { grpcUrl: string; metricsUrl: string }[]) => ({
  endpoints: servers.map(({ grpcUrl }) => grpcUrl),
  metricsUrls: servers.map(({ metricsUrl }) => metricsUrl),
})

/** Those that `serve` of this user has started, as far as they have the models of the run; undefined when there is none. */
async function ownServers({ bundle, logger, signal }: BackendRequest): Promise<Servers | undefined> {
  const own = new OwnServers()
  const started = own.list()
  const { endpoints } = endpointsOf(started)
  const wanted = contracts(bundle)
  const { urls, unusable } = await suitableServers(wanted, endpoints, signal)
  for (const { url, reason, detail } of unusable)
    logger.info(`not using the server that you have started at ${url}: ${reason}`, detail)
  if (urls.length > 0) {
    const usable = started.filter(({ grpcUrl }) => urls.includes(grpcUrl))
    return { ...endpointsOf(usable), isTrusted: (url) => own.isOwn(url) }
  }
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

/** Value of CUDA_VISIBLE_DEVICES for the server; undefined for all GPUs. */
async function serverGpus({ gpus }: PredictOptions): Promise<string | undefined> {
  if (gpus === undefined) return undefined
  const found = await findGpus()
  return gpus
    .map((number) => {
      const gpu = found[number]
      if (gpu !== undefined) return gpu
      const there = found.length === 0 ? 'none' : `0 to ${found.length - 1}`
      throw new UsageError(`there is no GPU ${number} on this machine (${there})`)
    })
    .join(',')
}

async function openStarted(request: BackendRequest, stack: AsyncDisposableStack): Promise<EmbeddingBackend> {
  const { options, logger, signal, onLost } = request
  const { repository, serverBin, backendDirectory, libraryPath } = options
  const gpus = await serverGpus(options)
  if (repository === undefined) {
    throw new UsageError(
      'no server is named for the backend triton, and no model repository to start one with',
      {
        detail: { code: 'no-server-named', data: {} },
      },
    )
  }
  await requireRepository(repository)
  requireServer(serverBin)
  await verifyRepository(repository, signal)
  logger.info(`starting a server with the models of ${repository}`)
  const server = stack.use(
    await startServer({
      repository,
      serverBin,
      backendDirectory,
      libraryPath,
      ...(gpus !== undefined && { gpus: [gpus] }),
      ports: await freePorts(),
      logger,
      signal,
    }),
  )
  server.ended.catch(onLost)
  return await openTriton(request, {
    ...endpointsOf(server.endpoints),
    isTrusted: (url) => server.serves(url),
  })
}

async function openTriton(
  { options, bundle, logger, signal }: BackendRequest,
  servers: Servers,
): Promise<EmbeddingBackend> {
  const { tritonAccess: access, serverTimeout, trustServer } = options
  const models = contracts(bundle)
  return await TritonBackend.open({ ...servers, access, models, serverTimeout, trustServer, logger, signal })
}

/** @throws UsageError when the CPU cannot compute the bundle, or a GPU was asked for */
async function openEmbedded(
  { options, bundle, logger, signal }: BackendRequest,
  { text }: Reason,
): Promise<EmbeddingBackend> {
  const { threads, gpus, fallbackToCpu } = options
  const { precision, attention } = bundle.manifest
  if (!computesOnCpu(precision)) {
    throw new UsageError(`the bundle ${bundle.folder} is in ${precision}, which the CPU cannot compute`, {
      detail: { code: 'needs-server', data: { fused: attention === 'fused' } },
    })
  }
  if (gpus !== undefined) {
    // Whoever asks for a GPU does not want to wait for a processor, unless the configuration says so.
    const problem = `GPU ${gpus.join(', ')} was asked for, and none will be used: ${text}`
    if (!fallbackToCpu) throw new UsageError(problem, { detail: { code: 'gpu-not-used', data: {} } })
    logger.warn(problem)
  }
  return await OnnxRuntimeBackend.openBundle(bundle, { threads, logger }, signal)
}
