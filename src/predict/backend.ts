import type { ModelName } from '../bundle/index.ts'
import { type Bundle, computesOnCpu, forModels, modelDigest, sourceDigest } from '../bundle/index.ts'
import {
  type Contract,
  type EmbeddingBackend,
  OnnxRuntimeBackend,
  suitableServers,
  TritonBackend,
  usualServers,
} from '../dispatch/index.ts'
import { verifyRepository } from '../server/repository/index.ts'
import {
  DEFAULT_PORTS,
  findGpus,
  findServer,
  freePorts,
  type OwnServer,
  OwnServers,
  PORT_STEP,
  requireRepository,
  requireServer,
  startServer,
} from '../server/serve/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'

/** Where `virnucpro serve` has its servers. */
const SERVE_PORTS = { first: DEFAULT_PORTS.grpc, step: PORT_STEP }

export interface BackendRequest {
  options: PredictOptions
  bundle: Bundle
  logger: Logger
  signal?: AbortSignal | undefined
  /** Told when a server that was started for this run ends by itself. */
  onLost(error: unknown): void
}

/**
 * Opens what computes the embeddings: the servers that were named; else those with the same models that a `serve` of this
 * user has started; else one that is started for this run, where there are a GPU, a server program and a model repository; else this process,
 * which it says once.
 *
 * @param stack takes what must be closed after the backend
 */
export async function openBackend(
  request: BackendRequest,
  stack: AsyncDisposableStack,
): Promise<EmbeddingBackend> {
  const { options, logger } = request
  const metrics = metricsUrls(options)
  if (options.backend === 'onnx') return await openEmbedded(request)
  if (options.triton.length > 0) {
    noChoiceOfGpus(request)
    return await openTriton(request, { endpoints: options.triton, metricsUrls: metrics })
  }
  if (options.backend === 'triton') return await openStarted(request, await serverGpus(options), stack)
  // A server that runs already has GPUs of its own choice.
  const own = options.gpus === undefined ? await ownServers(request) : undefined
  if (own !== undefined) {
    logger.info(
      `using what your "virnucpro serve" started at ${own.endpoints.join(', ')}; --backend onnx computes in this process`,
    )
    return await openTriton(request, own)
  }
  const gpus = await findGpus()
  if (options.repository !== undefined) await requireStart(options.repository, options, gpus)
  else if (options.serverBin !== undefined) requireServer(options.serverBin)
  const reason = cannotStart(options, gpus)
  if (reason === undefined) return await openStarted(request, await serverGpus(options), stack)
  if (computesOnCpu(request.bundle.manifest.precision)) {
    logger.info(`computing in this process: ${reason}`)
  } else logger.warn(`no server can be started: ${reason}`)
  return await openEmbedded(request, reason)
}

/** @throws UsageError when there are not as many as servers: whose each one is would be a guess */
function metricsUrls({ triton, tritonMetrics }: PredictOptions): string[] | undefined {
  if (tritonMetrics.length === 0) return undefined
  if (tritonMetrics.length !== triton.length) {
    throw new UsageError(
      `--triton-metrics names ${tritonMetrics.length} addresses and --triton ${triton.length}: give one for each server, in the same order`,
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
interface Servers {
  readonly endpoints: readonly string[]
  readonly metricsUrls?: readonly string[] | undefined
  /** @default the user has named them */
  readonly isTrusted?: (url: string) => boolean
}

/** Those that `serve` of this user has started, as far as they have the models of the run; undefined when there is none. */
async function ownServers({ bundle, logger, signal }: BackendRequest): Promise<Servers | undefined> {
  const own = new OwnServers()
  const started = own.list()
  const wanted = contracts(bundle)
  const { urls, unusable } = await suitableServers(
    wanted,
    started.map(({ grpcUrl }) => grpcUrl),
    signal,
  )
  for (const { url, reason } of unusable)
    logger.info(`not using what your "virnucpro serve" started at ${url}: ${reason}`)
  if (urls.length === 0) {
    await hintAtOthers(wanted, started, { logger, signal })
    return undefined
  }
  const usable = started.filter(({ grpcUrl }) => urls.includes(grpcUrl))
  return {
    endpoints: usable.map(({ grpcUrl }) => grpcUrl),
    metricsUrls: usable.map(({ metricsUrl }) => metricsUrl),
    isTrusted: (url) => own.isOwn(url),
  }
}

/** Whatever else has the models of the run is told of, and gets nothing. */
async function hintAtOthers(
  wanted: Record<ModelName, Contract>,
  own: readonly OwnServer[],
  { logger, signal }: Pick<BackendRequest, 'logger' | 'signal'>,
): Promise<void> {
  const others = (await usualServers(SERVE_PORTS)).filter(
    (url) => !own.some(({ grpcUrl }) => grpcUrl === url),
  )
  const { urls, unusable } = await suitableServers(wanted, others, signal)
  for (const url of urls) {
    logger.info(
      `a server at ${url} says that it has these models, but nobody has named it, and no "virnucpro serve" of yours ` +
        `has started it: nothing is sent to it. To use it: --triton ${url}`,
    )
  }
  for (const { url, reason } of unusable) logger.debug(`what listens at ${url} is not used: ${reason}`)
}

/** What is missing for a server of this run's own; undefined when nothing is. */
function cannotStart(options: PredictOptions, gpus: readonly string[]): string | undefined {
  const { repository } = options
  if (repository !== undefined) return undefined
  if (gpus.length === 0) return 'no inference server was named or started, and this machine has no GPU'
  if (options.serverBin === undefined && findServer() === undefined)
    return 'this machine has a GPU but no Triton server; name its program with --server-bin, or start one in a container with "virnucpro serve --container --repository DIR"'
  return 'the GPU is not used, since no model repository is named for the server; see --repository'
}

/**
 * Whoever names a repository asks for a server.
 * @throws VirnucproError when none can be started
 */
async function requireStart(
  repository: string,
  { serverBin, gpus }: PredictOptions,
  found: readonly string[],
): Promise<void> {
  await requireRepository(repository)
  requireServer(serverBin)
  // Which GPU is not there will be told when it is looked for.
  if (found.length > 0 || gpus !== undefined) return
  throw new UsageError(
    '--repository asks for a server, and this machine has no GPU for it: --backend triton starts it all the same, ' +
      '--backend onnx computes in this process',
  )
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
      throw new UsageError(`--gpus: there is no GPU ${number} on this machine (${there})`)
    })
    .join(',')
}

async function openStarted(
  request: BackendRequest,
  gpus: string | undefined,
  stack: AsyncDisposableStack,
): Promise<EmbeddingBackend> {
  const { options, logger, signal, onLost } = request
  const { repository } = options
  if (repository === undefined) {
    throw new UsageError(
      'backend triton needs a server: give --triton grpc://HOST:PORT, or --repository DIR to have one started',
    )
  }
  await requireRepository(repository)
  requireServer(options.serverBin)
  await verifyRepository(repository, signal)
  logger.info(`starting a server with the models of ${repository}`)
  const server = stack.use(
    await startServer({
      repository,
      serverBin: options.serverBin,
      backendDirectory: options.backendDirectory,
      libraryPath: options.libraryPath,
      ...(gpus !== undefined && { gpus: [gpus] }),
      ports: await freePorts(),
      logger,
      signal,
    }),
  )
  server.ended.catch(onLost)
  return await openTriton(request, {
    endpoints: server.endpoints.map(({ grpcUrl }) => grpcUrl),
    metricsUrls: server.endpoints.map(({ metricsUrl }) => metricsUrl),
    isTrusted: (url) => server.serves(url),
  })
}

async function openTriton(
  { options, bundle, logger, signal }: BackendRequest,
  servers: Servers,
): Promise<EmbeddingBackend> {
  return await TritonBackend.open({
    ...servers,
    access: options.tritonAccess,
    models: contracts(bundle),
    serverTimeout: options.serverTimeout,
    trustServer: options.trustServer,
    logger,
    signal,
  })
}

function noChoiceOfGpus({ options, logger }: BackendRequest): void {
  if (options.gpus === undefined) return
  logger.warn(
    'a running server decides which GPUs it uses: --gpus has an effect only on one started for the run',
  )
}

/** Whoever asks for a GPU does not want to wait for a processor, unless the configuration says so. */
function requireNoGpu({ gpus, fallbackToCpu }: PredictOptions, reason: string, logger: Logger): void {
  if (gpus === undefined) return
  const problem = `GPU ${gpus.join(', ')} was asked for, and none will be used: ${reason}`
  if (!fallbackToCpu) {
    throw new UsageError(
      `${problem}. Leave out --gpus and --device, or name a server with --triton or a repository for one with --repository`,
    )
  }
  logger.warn(problem)
}

async function openEmbedded(
  { options, bundle, logger, signal }: BackendRequest,
  reason = 'ONNX Runtime in this process computes on the processor',
): Promise<EmbeddingBackend> {
  const { precision, attention } = bundle.manifest
  if (!computesOnCpu(precision)) {
    const server = attention === 'fused' ? 'a server that has its plans in the Python backend' : 'a server'
    throw new UsageError(
      `the bundle ${bundle.folder} is in ${precision}, which the CPU cannot compute; ` +
        `import the models once more with --precision fp32 or int8, or name ${server} with --triton`,
    )
  }
  requireNoGpu(options, reason, logger)
  return await OnnxRuntimeBackend.openBundle(bundle, { threads: options.threads, logger, signal })
}
