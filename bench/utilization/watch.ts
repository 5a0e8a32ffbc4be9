import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../../src/system/errors.ts'

/** What a server's metrics page says of one place that computes: a GPU, or all instances on the CPU. */
export interface Place {
  readonly server: string
  /** UUID of the GPU; empty for the CPU. */
  readonly gpu: string
}

/** One reading of a place. */
interface Reading {
  /** Milliseconds of `performance.now()`. */
  readonly at: number
  /** Microseconds of computing since the server was started, by model. */
  readonly computed: Map<string, number>
  /** Requests answered since then, by model. */
  readonly requests: Map<string, number>
  /** nv_gpu_utilization, 0 to 1; undefined where there is no GPU. */
  utilization: number | undefined
}

/** A place over the time from its first request to its last. */
export interface Watched extends Place {
  readonly seconds: number
  readonly requests: number
  /** Seconds of computing, by model; of all instances of a model together. */
  readonly computed: ReadonlyMap<string, number>
  /** Mean of nv_gpu_utilization. */
  readonly utilization: number | undefined
}

const EVERY_MS = 500
/** Triton renews what it says of GPUs every two seconds: before that it speaks of the time before the load. */
const STALE_MS = 3000
const DEADLINE_MS = 2000

/** Reads the metrics pages of servers again and again until it is stopped. */
export class Watch {
  readonly #urls: readonly string[]
  readonly #readings = new Map<string, { place: Place; list: Reading[] }>()
  readonly #stop = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(urls: readonly string[]) {
    this.#urls = urls
  }

  /** @throws where a page cannot be read */
  async start(): Promise<void> {
    await this.#readAll(true)
    this.#running = this.#run()
  }

  async stop(): Promise<Watched[]> {
    this.#stop.abort()
    await this.#running
    await this.#readAll(true)
    return [...this.#readings.values()].map(({ place, list }) => summary(place, list))
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await sleep(EVERY_MS, undefined, { signal }).catch(() => {})
      if (!signal.aborted) await this.#readAll(false)
    }
  }

  async #readAll(strict: boolean): Promise<void> {
    await Promise.all(
      this.#urls.map(async (url) => {
        try {
          const page = await readPage(url)
          for (const [gpu, reading] of parsePage(page, performance.now())) {
            const key = `${url} ${gpu}`
            const found = this.#readings.get(key) ?? { place: { server: url, gpu }, list: [] }
            this.#readings.set(key, found)
            found.list.push(reading)
          }
        } catch (error) {
          // In between a server that is busy may miss one.
          if (strict)
            throw new UsageError(`cannot read ${url}: ${error instanceof Error ? error.message : error}`)
        }
      }),
    )
  }
}

/** @throws where it does not answer in time */
async function readPage(url: string): Promise<string> {
  const answer = await fetch(url, {
    keepalive: false,
    headers: { connection: 'close' },
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  if (!answer.ok) throw new Error(`status ${answer.status}`)
  return await answer.text()
}

const LINE = /^(nv_[a-z_]+)\{([^}]*)\}\s+(\S+)/

/**
 * Readings by GPU, or under the empty name for models on the CPU. Triton counts a model's time for each GPU by itself.
 * Source: Triton's documentation, "Metrics".
 */
export function parsePage(page: string, at: number): Map<string, Reading> {
  const places = new Map<string, Reading>()
  const place = (gpu: string) => {
    const found = places.get(gpu) ?? { at, computed: new Map(), requests: new Map(), utilization: undefined }
    places.set(gpu, found)
    return found
  }
  for (const line of page.split('\n')) {
    const [, name, labels = '', value] = LINE.exec(line) ?? []
    const gpu = label(labels, 'gpu_uuid')
    const model = label(labels, 'model')
    if (name === 'nv_gpu_utilization') place(gpu).utilization = Number(value)
    else if (name === 'nv_inference_compute_infer_duration_us') add(place(gpu).computed, model, Number(value))
    else if (name === 'nv_inference_request_success') add(place(gpu).requests, model, Number(value))
  }
  return places
}

function label(labels: string, name: string): string {
  return new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? ''
}

function add(map: Map<string, number>, key: string, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value)
}

/** From the last reading before something was computed to the first one after which nothing was. */
function summary(place: Place, list: readonly Reading[]): Watched {
  const total = (map: ReadonlyMap<string, number>) => [...map.values()].reduce((sum, value) => sum + value, 0)
  const all = list.map((reading) => total(reading.computed))
  const first = Math.max(0, all.lastIndexOf(all[0]!))
  const last = all.indexOf(all.at(-1)!)
  const [begin, end] = [list[Math.min(first, last)]!, list[Math.max(first, last)]!]
  const inside = list.slice(list.indexOf(begin) + 1, list.indexOf(end) + 1)
  const fresh = inside.filter(({ at }) => at >= begin.at + STALE_MS)
  const gauges = (fresh.length > 0 ? fresh : inside).flatMap(({ utilization }) => utilization ?? [])
  return {
    ...place,
    seconds: (end.at - begin.at) / 1000,
    requests: total(end.requests) - total(begin.requests),
    computed: new Map(
      [...end.computed].map(([model, us]) => [model, (us - (begin.computed.get(model) ?? 0)) / 1e6]),
    ),
    utilization: gauges.length === 0 ? undefined : gauges.reduce((a, b) => a + b) / gauges.length,
  }
}
