import { TritonClient } from 'tritonclient-ts'
import type { ModelName } from '../../src/bundle/index.ts'
import { TritonBackend, usualMetricsUrl } from '../../src/dispatch/index.ts'
import { findGpus, freePorts, type ServerEndpoint, startServer } from '../../src/server/serve/index.ts'
import { UsageError } from '../../src/system/errors.ts'
import { peakMemory } from '../../src/system/processes.ts'
import { timed } from '../result.ts'
import { Watch } from '../utilization/watch.ts'
import { embed } from './embed.ts'
import { type PlannedBatch, type PlannedWindow, runLoad, totals } from './workload.ts'

/** Where a server listens. */
export type Address = Pick<ServerEndpoint, 'grpcUrl' | 'metricsUrl'>

export interface ServerOptions {
  /** A repository built by `virnucpro repository build`. */
  readonly repository: string
  readonly serverBin?: string | undefined
  readonly backendDirectory?: string | undefined
  readonly libraryPath?: string | undefined
  /** So many servers without a GPU each: shows that the bench works. */
  readonly cpuServers?: number | undefined
}

/** One GPU; all instances of a server where the models are on the CPU. */
export interface PlaceRun {
  /** Part of the time that its instances computed, as Triton counts. */
  readonly busy: number
  /** Mean of nv_gpu_utilization; undefined where there is no GPU. */
  readonly utilization: number | undefined
}

export interface GpuRun {
  readonly seconds: number
  readonly tokensPerSecond: number
  readonly places: readonly PlaceRun[]
  /** Seconds from the last answer of the first server to end to that of the last. */
  readonly tailSeconds: number
  /** Milliseconds of processor time of the client for a batch, every thread of it. */
  readonly clientMs: number
  /** Cores that the client kept busy. */
  readonly clientCores: number
  /** Peak of resident memory so far. */
  readonly clientMB: number
}

/** Starts a server for each GPU, all at the same time. */
export async function startServers(options: ServerOptions): Promise<AsyncDisposable & { all: Address[] }> {
  const { cpuServers, ...rest } = options
  const gpus = cpuServers === undefined ? await findGpus() : new Array<undefined>(cpuServers).fill(undefined)
  if (gpus.length === 0)
    throw new UsageError('--repository: this machine has no GPU; --cpu-servers N tries it without')
  const stack = new AsyncDisposableStack()
  try {
    const servers = await Promise.all(
      gpus.map(async (gpu) => {
        const only = gpu === undefined ? {} : { gpus: [gpu] }
        const server = stack.use(await startServer({ ...rest, ...only, ports: await freePorts() }))
        // Whether it ends by itself is seen by the requests.
        server.ended.catch(() => {})
        return server.endpoints
      }),
    )
    return { all: servers.flat(), [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

/** Servers that run already, as `--triton` names them. */
export function runningServers(urls: string): Address[] {
  return urls.split(',').map((grpcUrl) => ({ grpcUrl, metricsUrl: usualMetricsUrl(grpcUrl) }))
}

/** The same load on some servers, sent by a backend that knows nothing of them yet, as that of a run. */
export async function runOnGpus(
  model: ModelName,
  windows: readonly PlannedWindow[],
  servers: readonly Address[],
): Promise<GpuRun> {
  await using backend = await openBackend(servers.map(({ grpcUrl }) => grpcUrl))
  const dimension = backend.dimension(model)
  const watch = new Watch(servers.map(({ metricsUrl }) => metricsUrl))
  const lanes = () => backend.activity().filter((lane) => lane.model === model)
  const instances = lanes().map((lane) => lane.instances)
  const ends = instances.map(() => ({ batches: 0, at: 0 }))
  await watch.start()
  const sendAndNote = async (batch: PlannedBatch) => {
    await embed(backend, batch, dimension, model)
    const at = performance.now()
    for (const [lane, { batches }] of lanes().entries())
      if (batches > ends[lane]!.batches) ends[lane] = { batches, at }
  }
  const { concurrency } = backend
  const { seconds, cpuSeconds } = await timed(() => runLoad(windows, { concurrency, embed: sendAndNote }))
  const watched = await watch.stop()
  const places = servers.flatMap(({ metricsUrl }, server) => {
    const own = watched.filter((place) => place.server === metricsUrl && place.computed.has(model))
    return own.map(({ computed, utilization }) => ({
      busy: computed.get(model)! / seconds / Math.max(1, instances[server]! / own.length),
      utilization,
    }))
  })
  const last = ends.map(({ at }) => at)
  const all = totals(windows)
  return {
    seconds,
    tokensPerSecond: all.tokens / seconds,
    places,
    tailSeconds: (Math.max(...last) - Math.min(...last)) / 1000,
    clientMs: (1000 * cpuSeconds) / all.batches,
    clientCores: cpuSeconds / seconds,
    clientMB: peakMemory() / 1e6,
  }
}

/** Has the batches of a window computed, again and again, for some seconds. @returns tokens per second */
export async function warmUp(
  model: ModelName,
  { batches }: PlannedWindow,
  servers: readonly Address[],
  seconds: number,
): Promise<number> {
  await using backend = await openBackend(servers.map(({ grpcUrl }) => grpcUrl))
  const dimension = backend.dimension(model)
  const start = performance.now()
  let next = 0
  let tokens = 0
  await Promise.all(
    Array.from({ length: backend.concurrency }, async () => {
      do {
        const batch = batches[next++ % batches.length]!
        await embed(backend, batch, dimension, model)
        tokens += batch.tokens
      } while (performance.now() - start < 1000 * seconds)
    }),
  )
  return tokens / ((performance.now() - start) / 1000)
}

/** A backend that takes each model as the first server has it: whose weights they are makes no difference here. */
export async function openBackend(urls: readonly string[]): Promise<TritonBackend> {
  using client = new TritonClient({ url: urls[0]! })
  const contract = async (model: string) => {
    const config = await client.modelConfig(model)
    const output = config.output.find(({ name }) => name === 'embedding')
    if (output === undefined) throw new UsageError(`${model} at ${urls[0]} has no output "embedding"`)
    return { dimension: Number(output.dims.at(-1)), source: config.parameters.source?.stringValue ?? '' }
  }
  return await TritonBackend.open({
    endpoints: urls,
    access: {},
    models: { esm2: await contract('esm2'), dnabert_s: await contract('dnabert_s') },
    serverTimeout: 60,
    trustServer: true,
    logger: { debug() {}, info: console.error, warn: console.error, error: console.error },
  })
}
