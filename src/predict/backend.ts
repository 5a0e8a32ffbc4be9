import { resolve } from 'node:path'
import {
  contractsOf,
  type EmbeddingBackend,
  OnnxRuntimeBackend,
  partnersOf,
  TritonBackend,
} from '../dispatch/index.ts'
import { quickEstimate } from '../estimate/index.ts'
import { withHomeLock } from '../home/index.ts'
import { verifyRepository } from '../server/repository/index.ts'
import { freePorts, keepServer, type OwnServer, serverShares, startServer } from '../server/serve/index.ts'
import { estimate } from '../text/numbers.ts'
import { endpointsOf, ownServers } from './running-servers.ts'
import type { Launch, Running, Servers, Started, Way, WayRequest } from './way.ts'

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
      return await openEmbedded(request)
    case 'running':
      return await openTriton(request, way, way.servers)
    case 'started':
      return await openTriton(request, way, await startOwn(way, request, stack))
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
  if (launch.container) {
    logger.warn(
      'the server ends with this run: whether one in a container is yours, the next run could not see',
    )
    return await startForRun(launch, request, stack)
  }
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
    { signal, onWait: (owner) => logger.info(`waiting for ${owner}, which starts a server to keep`) },
  )
  if (kept === undefined) {
    logger.warn(
      'the server ends with this run: there is no private folder in which the next run would find it',
    )
    return await startForRun(launch, request, stack)
  }
  logger.info(
    `the server keeps running after this run, and ends when nobody has used it for ${idleTimeout} s`,
    {
      code: 'server-kept',
      data: {},
    },
  )
  return { ...endpointsOf(kept), isTrusted: ownServers(undefined).isTrusted }
}

async function openTriton(
  { options, bundle, logger, signal }: BackendRequest,
  { models: other }: Running | Started,
  servers: Servers,
): Promise<EmbeddingBackend> {
  const { tritonAccess: access, serverTimeout, trustServer } = options
  const [models, partners] = [contractsOf(other ?? bundle), partnersOf(other ?? bundle)]
  const asked = { models, partners, serverTimeout, trustServer }
  return await TritonBackend.open({ ...servers, ...asked, access, logger, signal })
}

async function openEmbedded({ options, bundle, logger, signal }: BackendRequest): Promise<EmbeddingBackend> {
  const { inputs, expectedLength, minLength, maxAmbiguous, threads } = options
  // What a demonstration takes, nobody waits for.
  if (bundle.manifest.demo !== true) {
    const estimated = await quickEstimate(inputs, {
      expectedLength,
      minLength,
      maxAmbiguous,
      bundle,
      threads,
      signal,
    })
    if (estimated?.cpuSeconds !== undefined)
      logger.info(`the processor takes about ${estimate(estimated.cpuSeconds)} for this input`)
  }
  return await OnnxRuntimeBackend.openBundle(bundle, { threads, logger }, signal)
}
