import { resolve } from 'node:path'
import { type Bundle, computesOnCpu } from '../bundle/index.ts'
import { contractsOf, type EmbeddingBackend, OnnxRuntimeBackend, TritonBackend } from '../dispatch/index.ts'
import { withHomeLock } from '../home/index.ts'
import { verifyRepository } from '../server/repository/index.ts'
import { freePorts, keepServer, type OwnServer, serverShares, startServer } from '../server/serve/index.ts'
import { UsageError } from '../system/errors.ts'
import {
  endpointsOf,
  type Launch,
  ownServers,
  type Servers,
  type Started,
  type Way,
  type WayRequest,
} from './way.ts'

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
  { launch }: Started,
  request: BackendRequest,
  stack: AsyncDisposableStack,
): Promise<Servers> {
  const { signal, options } = request
  const failed = new AbortController()
  const stops = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])])
  // Both read the same gigabytes, which come from the disk once.
  const checking = verifyRepository(launch.repository, stops)
  const starting = options.keepServer
    ? startKept(launch, options.keepServer, { ...request, signal: stops }, stack)
    : startForRun(launch, { ...request, signal: stops }, stack)
  const [servers] = await Promise.all([starting, checking]).catch(async (error) => {
    failed.abort(error)
    await Promise.allSettled([starting, checking])
    throw error
  })
  return servers
}

/** A server that ends with the run. */
async function startForRun(
  launch: Launch,
  { logger, signal, onLost }: BackendRequest,
  stack: AsyncDisposableStack,
): Promise<Servers> {
  logger.info(`starting a server with the models of ${launch.repository}`)
  const gpus = await serverShares(launch.gpus)
  const ports = await freePorts(gpus?.length)
  const server = stack.use(await startServer({ ...launch, gpus, ports, endsAtOnce: true, logger, signal }))
  server.ended.catch(onLost)
  return { ...endpointsOf(server.endpoints), isTrusted: (url) => server.serves(url) }
}

/** A server that goes on for the next runs. Of runs that begin at once, one starts it and the others use it. */
async function startKept(
  launch: Launch,
  idleTimeout: number,
  request: BackendRequest,
  stack: AsyncDisposableStack,
): Promise<Servers> {
  const { logger, signal } = request
  const kept = await withHomeLock(
    'kept-server',
    async (signal) => {
      const gpus = await serverShares(launch.gpus)
      const same = ({ repository, gpu }: OwnServer) =>
        repository === resolve(launch.repository) &&
        (gpus === undefined ? gpu === undefined : gpus.includes(gpu ?? ''))
      const running = ownServers(undefined).servers.filter(same)
      if (running.length > 0) return running
      logger.info(`starting a server with the models of ${launch.repository}`)
      const options = { ...launch, gpus, ports: await freePorts(gpus?.length), idleTimeout }
      return await keepServer(options, { logger, signal })
    },
    { ...(signal !== undefined && { signal }) },
  )
  if (kept === undefined) {
    logger.warn(
      'the server ends with this run: there is no private folder in which the next run would find it',
    )
    return await startForRun(launch, request, stack)
  }
  logger.info(`the server goes on after this run, until nobody has used it for ${idleTimeout} s`, {
    code: 'server-kept',
    data: {},
  })
  return { ...endpointsOf(kept), isTrusted: ownServers(undefined).isTrusted }
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
