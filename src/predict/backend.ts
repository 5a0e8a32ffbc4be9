import { type Bundle, computesOnCpu } from '../bundle/index.ts'
import { contractsOf, type EmbeddingBackend, OnnxRuntimeBackend, TritonBackend } from '../dispatch/index.ts'
import { verifyRepository } from '../server/repository/index.ts'
import { freePorts, serverShares, startServer } from '../server/serve/index.ts'
import { UsageError } from '../system/errors.ts'
import { endpointsOf, type Servers, type Way, type WayRequest } from './way.ts'

export interface BackendRequest extends WayRequest {
  /** Called when a server that was started for this run ends by itself. */
  onLost(error: unknown): void
}

/**
 * Opens what computes the embeddings.
 *
 * @param stack takes what must be closed after the backend
 */
export async function openBackend(
  way: Way,
  request: BackendRequest,
  stack: AsyncDisposableStack,
): Promise<EmbeddingBackend> {
  switch (way.kind) {
    case 'here':
      return await openEmbedded(request, way.why)
    case 'running':
      return await openTriton(request, way.servers)
    case 'started':
      return await openTriton(request, await startOwn(way, request, stack))
  }
}

/** @throws ServerError when it does not start, RepositoryError when what it would compute with is damaged */
async function startOwn(
  { launch }: Extract<Way, { kind: 'started' }>,
  { logger, signal, onLost }: BackendRequest,
  stack: AsyncDisposableStack,
): Promise<Servers> {
  logger.info(`starting a server with the models of ${launch.repository}`)
  const failed = new AbortController()
  const stops = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])])
  const gpus = await serverShares(launch.gpus)
  const ports = await freePorts(gpus?.length)
  const options = { ...launch, gpus, ports, endsAtOnce: true, logger, signal: stops }
  // Both read the same gigabytes, which come from the disk once.
  const starting = startServer(options).then((server) => stack.use(server))
  const checking = verifyRepository(launch.repository, stops)
  const [server] = await Promise.all([starting, checking]).catch(async (error) => {
    failed.abort(error)
    await Promise.allSettled([starting, checking])
    throw error
  })
  server.ended.catch(onLost)
  return { ...endpointsOf(server.endpoints), isTrusted: (url) => server.serves(url) }
}

async function openTriton(
  { options, bundle, logger, signal }: BackendRequest,
  servers: Servers,
): Promise<EmbeddingBackend> {
  const { tritonAccess: access, serverTimeout, trustServer } = options
  const models = contractsOf(bundle)
  return await TritonBackend.open({ ...servers, access, models, serverTimeout, trustServer, logger, signal })
}

/** @throws UsageError when the CPU cannot compute the bundle, or a GPU was asked for */
async function openEmbedded(
  { options, bundle, logger, signal }: BackendRequest,
  why: string,
): Promise<EmbeddingBackend> {
  const { threads, gpus, fallbackToCpu } = options
  requireCpuBundle(bundle)
  if (gpus !== undefined) {
    // Whoever asks for a GPU does not want to wait for a processor, unless the configuration says so.
    const problem = `GPU ${gpus.join(', ')} was asked for, and none will be used: ${why}`
    if (!fallbackToCpu) throw new UsageError(problem, { detail: { code: 'gpu-not-used', data: {} } })
    logger.warn(problem)
  }
  return await OnnxRuntimeBackend.openBundle(bundle, { threads, logger }, signal)
}

function requireCpuBundle({ folder, manifest }: Bundle): void {
  const { precision, attention } = manifest
  if (computesOnCpu(precision)) return
  throw new UsageError(`the bundle ${folder} is in ${precision}, which the CPU cannot compute`, {
    detail: { code: 'needs-server', data: { fused: attention === 'fused' } },
  })
}
