import { TritonClient } from 'tritonclient-ts'
import type { ModelName } from '../../src/bundle/index.ts'
import { TritonBackend } from '../../src/dispatch/index.ts'
import { findGpus, freePorts, type ServerEndpoint, startServer } from '../../src/server/serve/index.ts'
import { UsageError } from '../../src/system/errors.ts'
import { metricsBeside, parsePage, readPage } from '../utilization/watch.ts'
import { embed } from './embed.ts'
import { type PlannedWindow, runLoad, totals } from './workload.ts'

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
  return urls.split(',').map((grpcUrl) => ({ grpcUrl, metricsUrl: metricsBeside(grpcUrl) }))
}

/** The same load on some servers, sent by a backend that knows nothing of them yet, as that of a run. */
export async function runOnGpus(
  model: ModelName,
  windows: readonly PlannedWindow[],
  servers: readonly Address[],
): Promise<GpuRun> {
  await using backend = await openBackend(servers.map(({ grpcUrl }) => grpcUrl))
  const dimension = backend.dimension(model)
  const pages = new Sampler(servers.map(({ metricsUrl }) => metricsUrl))
  const lanes = () => backend.activity().filter((lane) => lane.model === model)
  const instances = lanes().map((lane) => lane.instances)
  const ends = instances.map(() => ({ batches: 0, at: 0 }))
  const before = await pages.computed(model)
  pages.start()
  const cpu = process.cpuUsage()
  const start = performance.now()
  await runLoad(windows, {
    concurrency: backend.concurrency,
    async embed(batch) {
      await embed(backend, batch, dimension, model)
      const at = performance.now()
      for (const [lane, { batches }] of lanes().entries())
        if (batches > ends[lane]!.batches) ends[lane] = { batches, at }
    },
  })
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const { utilization, megabytes } = await pages.stop()
  const after = await pages.computed(model)
  const places = after.flatMap((found, server) =>
    [...found].map(([gpu, us]) => ({
      busy:
        (us - (before[server]?.get(gpu) ?? 0)) / 1e6 / seconds / Math.max(1, instances[server]! / found.size),
      utilization: gpu === '' ? undefined : utilization(server, gpu),
    })),
  )
  const last = ends.map(({ at }) => at)
  const all = totals(windows)
  return {
    seconds,
    tokensPerSecond: all.tokens / seconds,
    places,
    tailSeconds: (Math.max(...last) - Math.min(...last)) / 1000,
    clientMs: (user + system) / 1000 / all.batches,
    clientCores: (user + system) / 1e6 / seconds,
    clientMB: megabytes,
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
  const client = new TritonClient({ url: urls[0]! })
  try {
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
  } finally {
    client.close()
  }
}

/** How often the metrics are read. */
const SAMPLE_MS = 500
/** Triton renews what it says of GPUs every two seconds: before that it speaks of the time before the load. */
const STALE_MS = 3000

/** Reads what the servers say of their GPUs, and what memory this process has, until it is stopped. */
class Sampler {
  readonly #urls: readonly string[]
  readonly #readings: { server: number; gpu: string; at: number; share: number }[] = []
  readonly #stop = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #megabytes = 0

  constructor(urls: readonly string[]) {
    this.#urls = urls
  }

  /** For each server, microseconds of computing since its start by GPU. */
  async computed(model: ModelName): Promise<Map<string, number>[]> {
    return await Promise.all(
      this.#urls.map(async (url) => {
        const places = parsePage(await readPage(url), performance.now())
        return new Map(
          [...places].flatMap(([gpu, { computed }]) => {
            const us = computed.get(model)
            return us === undefined ? [] : [[gpu, us]]
          }),
        )
      }),
    )
  }

  start(): void {
    this.#running = this.#run(performance.now())
  }

  async #run(start: number): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#megabytes = Math.max(this.#megabytes, process.memoryUsage.rss() / 1e6)
      await Promise.all(
        this.#urls.map(async (url, server) => {
          // A server that is busy may miss one.
          const page = await readPage(url).catch(() => '')
          const at = performance.now() - start
          for (const [gpu, { utilization }] of parsePage(page, at))
            if (utilization !== undefined) this.#readings.push({ server, gpu, at, share: utilization })
        }),
      )
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, SAMPLE_MS)
        const stop = () => {
          clearTimeout(timer)
          resolve()
        }
        this.#stop.signal.addEventListener('abort', stop, { once: true })
      })
    }
  }

  async stop() {
    this.#stop.abort()
    await this.#running
    return {
      megabytes: this.#megabytes,
      utilization: (server: number, gpu: string): number | undefined => {
        const list = this.#readings.filter((one) => one.server === server && one.gpu === gpu)
        const fresh = list.filter(({ at }) => at >= STALE_MS)
        const shares = (fresh.length > 0 ? fresh : list).map(({ share }) => share)
        return shares.length === 0 ? undefined : shares.reduce((a, b) => a + b) / shares.length
      },
    }
  }
}
