import { TritonBackend } from '../../src/backends/index.ts'
import { askMetricsPage } from '../../src/monitor/sampling/triton-metrics.ts'
import { findGpus, freePorts, type ServerEndpoint, startServer } from '../../src/serve/index.ts'
import { UsageError } from '../../src/system/index.ts'
import { TritonClient } from '../../src/tritonclient/index.ts'
import { embed } from './real.ts'
import { modelTimes, since } from './statistics.ts'
import { type PlannedWindow, runLoad, totals } from './workload.ts'

export interface GpuOptions {
  /** A repository built by `virnucpro repository build`. */
  readonly repository: string
  readonly serverBin?: string | undefined
  readonly backendDirectory?: string | undefined
  readonly libraryPath?: string | undefined
  /** So many servers without a GPU each: shows that the bench works. */
  readonly cpuServers?: number | undefined
}

export interface GpuRun {
  readonly servers: number
  readonly seconds: number
  readonly tokensPerSecond: number
  /** For each server, the part of the time that its instances computed, as it counts. */
  readonly busy: readonly number[]
  /** For each server, the mean of nv_gpu_utilization; none where there is no GPU. */
  readonly utilization: readonly number[]
  readonly clientMs: number
}

/** How many servers there can be: one for each GPU. */
export async function countServers({ cpuServers }: GpuOptions): Promise<number> {
  const count = cpuServers ?? (await findGpus()).length
  if (count === 0)
    throw new UsageError('--repository: this machine has no GPU; --cpu-servers N tries it without')
  return count
}

/** The same load on the first `count` GPUs, each with a server of its own, sent by the backend that runs use. */
export async function runOnGpus(
  windows: readonly PlannedWindow[],
  count: number,
  options: GpuOptions,
): Promise<GpuRun> {
  await using stack = new AsyncDisposableStack()
  const endpoints: ServerEndpoint[] = []
  const gpus =
    options.cpuServers === undefined ? (await findGpus()).slice(0, count) : new Array(count).fill(undefined)
  for (const gpu of gpus) {
    const { repository, serverBin, backendDirectory, libraryPath } = options
    const server = stack.use(
      await startServer({
        repository,
        serverBin,
        backendDirectory,
        libraryPath,
        ...(gpu !== undefined && { gpus: [gpu] }),
        ports: await freePorts(),
      }),
    )
    // Whether it ends by itself is seen by the requests.
    server.ended.catch(() => {})
    endpoints.push(...server.endpoints)
  }
  const urls = endpoints.map(({ grpcUrl }) => grpcUrl)
  const backend = stack.use(await openBackend(urls))
  const dimension = backend.dimension('esm2')
  const smallest = { rows: 8, paddedLength: 51, tokens: 408 }
  await Promise.all(Array.from({ length: 8 * count }, () => embed(backend, smallest, dimension)))

  const pages = new Sampler(endpoints.map(({ metricsUrl }) => metricsUrl))
  const before = await Promise.all(urls.map((url) => modelTimes(url, 'esm2')))
  const instances = backend.activity().flatMap((lane) => (lane.model === 'esm2' ? lane.instances : []))
  const cpu = process.cpuUsage()
  const start = performance.now()
  await runLoad(windows, {
    concurrency: backend.concurrency,
    embed: (batch) => embed(backend, batch, dimension),
  })
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const after = await Promise.all(urls.map((url) => modelTimes(url, 'esm2')))
  return {
    servers: count,
    seconds,
    tokensPerSecond: totals(windows).tokens / seconds,
    busy: after.map((times, at) => since(before[at]!, times).inferMs / 1000 / seconds / instances[at]!),
    utilization: await pages.stop(),
    clientMs: (user + system) / 1000 / totals(windows).batches,
  }
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
      logger: { debug() {}, info: console.error, warn: console.error, error: console.error },
    })
  } finally {
    client.close()
  }
}

/** How often the metrics are read. Triton renews them every two seconds. */
const SAMPLE_MS = 500

/** Reads what the servers say of their GPUs until it is stopped. */
export class Sampler {
  readonly #urls: readonly string[]
  readonly #readings: number[][]
  readonly #stop = new AbortController()
  readonly #running: Promise<void>

  constructor(urls: readonly string[]) {
    this.#urls = urls
    this.#readings = urls.map(() => [])
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await Promise.all(
        this.#urls.map(async (url, at) => {
          const gpus = await askMetricsPage(url, 2000)
          const busy = gpus?.flatMap((gpu) => gpu.busy ?? []) ?? []
          if (busy.length > 0) this.#readings[at]!.push(busy.reduce((sum, one) => sum + one, 0) / busy.length)
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

  /** @returns for each server with GPUs, the mean of their utilization over the whole time */
  async stop(): Promise<number[]> {
    this.#stop.abort()
    await this.#running
    return this.#readings.flatMap((list) =>
      list.length === 0 ? [] : list.reduce((a, b) => a + b) / list.length,
    )
  }
}
