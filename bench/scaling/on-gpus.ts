import type { ModelName } from '../../src/bundle/index.ts'
import { fail, figuresOf, median, type Result, single, summarize } from '../result.ts'
import { tokenizerPath } from '../tokenizer.ts'
import {
  type Address,
  type GpuRun,
  openBackend,
  runningServers,
  runOnGpus,
  startServers,
  warmUp,
} from './gpus.ts'
import type { Series } from './plot.ts'
import { dnabertReading, esm2Reading, type Kind, type PlannedWindow, workload } from './workload.ts'

export interface ScaleOptions {
  /** Servers that run already, of one GPU each; otherwise they are started with `repository`. */
  readonly triton: string | undefined
  readonly repository: string | undefined
  readonly serverBin: string | undefined
  readonly backendDirectory: string | undefined
  readonly libraryPath: string | undefined
  readonly cpuServers?: number
  readonly models: readonly string[]
  readonly kind: Kind
  /** What the load takes the first server, about. */
  readonly seconds: number
  /** Size of the load in its place. */
  readonly windows: number | undefined
  readonly frames: number | undefined
  readonly rounds: number
  /** Whether the load is given to every server by itself too: GPUs of one kind differ by a percent or two. */
  readonly each: boolean
}

export interface Scaled {
  readonly results: readonly Result[]
  readonly series: readonly Series[]
  readonly missed: readonly string[]
}

/** As draw.ts finds them again. */
export const MODEL_NAMES: Readonly<Record<ModelName, string>> = { esm2: 'ESM-2', dnabert_s: 'DNABERT-S' }
/** Of the ideal, by number of GPUs. */
const GOALS: Readonly<Record<number, number>> = { 2: 0.99, 4: 0.98 }
/** Seconds of load before anything is measured: clocks and memory of a GPU are then as they stay. */
const WARM_UP_SECONDS = 3

/** @param keep - receives the results so far after every measurement */
export async function scaleOnGpus(
  options: ScaleOptions,
  keep: (results: readonly Result[]) => Promise<void>,
): Promise<Scaled> {
  const models = options.models.map(
    (model) => (['esm2', 'dnabert_s'] as const).find((one) => one === model) ?? fail(`--models: no ${model}`),
  )
  await using stack = new AsyncDisposableStack()
  const servers =
    options.triton !== undefined
      ? runningServers(options.triton)
      : stack.use(await startServers({ ...options, repository: options.repository! })).all
  const done: Result[] = []
  const series: Series[] = []
  const missed: string[] = []
  for (const model of models) {
    const scale = new Scale(model, servers, options)
    await scale.measure(async () => await keep([...done, ...scale.results()]))
    done.push(...scale.results())
    series.push(scale.series())
    missed.push(...scale.missed())
  }
  return { results: done, series, missed }
}

/** One model on more and more servers. */
class Scale {
  readonly #model: ModelName
  readonly #servers: readonly Address[]
  readonly #options: ScaleOptions
  readonly #runs = new Map<number, GpuRun[]>()
  readonly #alone = new Map<number, GpuRun[]>()

  constructor(model: ModelName, servers: readonly Address[], options: ScaleOptions) {
    this.#model = model
    this.#servers = servers
    this.#options = options
  }

  async measure(keep: () => Promise<void>): Promise<void> {
    const { rounds, each } = this.#options
    const windows = await this.#load()
    const most = this.#servers.length
    const counts = [1, 2, 4, 8, 16].filter((count) => count < most).concat(most)
    for (let round = 0; round < rounds; round++) {
      for (const count of counts)
        await this.#run(this.#runs, count, windows, this.#servers.slice(0, count), keep)
      if (!each) continue
      for (const [at, server] of this.#servers.entries())
        if (at > 0) await this.#run(this.#alone, at, windows, [server], keep)
    }
  }

  async #run(
    into: Map<number, GpuRun[]>,
    key: number,
    windows: readonly PlannedWindow[],
    servers: readonly Address[],
    keep: () => Promise<void>,
  ): Promise<void> {
    const run = await runOnGpus(this.#model, windows, servers)
    into.set(key, [...(into.get(key) ?? []), run])
    const which = into === this.#alone ? `server ${key} alone` : `${servers.length} server(s)`
    const name = MODEL_NAMES[this.#model]
    console.error(`${name}, ${which}: ${run.seconds.toFixed(2)} s, ${Math.round(run.tokensPerSecond)} tok/s`)
    await keep()
  }

  /** As many windows as take the first server so long. */
  async #load(): Promise<PlannedWindow[]> {
    const { kind, seconds, windows, frames } = this.#options
    const limits = await this.#limits()
    const reading = this.#model === 'esm2' ? esm2Reading() : await dnabertReading(tokenizerPath().path)
    const plan = (count: number, size = frames) => workload(kind, count, limits, size, reading)
    // Of two, since the last one's batches shrink.
    const [first] = plan(2) as [PlannedWindow, PlannedWindow]
    // Together last: each begins its measurement as warm as the others.
    const warm = Math.min(WARM_UP_SECONDS, seconds / 4)
    const speed = await warmUp(this.#model, first, this.#servers.slice(0, 1), warm)
    if (this.#servers.length > 1) await warmUp(this.#model, first, this.#servers, warm)
    const tokens = first.batches.reduce((sum, batch) => sum + batch.tokens, 0)
    const wanted = windows ?? (seconds * speed) / tokens
    return wanted >= 1 ? plan(Math.round(wanted)) : plan(1, Math.ceil(wanted * first.frames))
  }

  async #limits() {
    await using backend = await openBackend(this.#servers.map(({ grpcUrl }) => grpcUrl))
    return {
      tokenBudget: backend.tokenBudget(this.#model),
      maxSequences: backend.maxSequences(this.#model),
    }
  }

  /** A server that drives several GPUs counts as so many. */
  #places(count: number): number {
    return this.#runs.get(count)?.[0]?.places.length ?? count
  }

  #speeds(count: number): number[] {
    const one = this.#places(1) === 1 ? this.#runs.get(1) : undefined
    return (this.#runs.get(count) ?? []).flatMap((run, round) => {
      const alone = one?.[round]?.seconds
      return alone === undefined ? [] : [alone / run.seconds]
    })
  }

  results(): Result[] {
    const measured = [...this.#runs].flatMap(([count, runs]) => {
      const gpus = this.#places(count)
      const name = `${MODEL_NAMES[this.#model]}, ${gpus} GPU${gpus === 1 ? '' : 's'}`
      const speeds = this.#speeds(count)
      const ideal = { name: 'ideal', values: speeds.map(() => gpus) }
      return [
        ...(speeds.length > 0
          ? [summarize({ name: `${name}: speed-up`, unit: 'x', better: 'higher' }, speeds, [ideal])]
          : []),
        ...figures(name, runs),
      ]
    })
    return [
      ...measured,
      ...[...this.#alone].flatMap(([at, runs]) =>
        figures(`${MODEL_NAMES[this.#model]}, GPU ${at} alone`, runs),
      ),
      ...this.#together(),
    ]
  }

  /** What all reach against the sum of what each reaches alone: GPUs that differ do not count as loss. */
  #together(): Result[] {
    const all = this.#runs.get(this.#servers.length)
    const alone = [this.#runs.get(1), ...this.#alone.values()]
    if (all === undefined || this.#alone.size !== this.#servers.length - 1 || this.#alone.size === 0)
      return []
    const speed = (runs: readonly GpuRun[] = []) => median(runs.map((run) => run.tokensPerSecond))
    const sum = alone.reduce((total, runs) => total + speed(runs), 0)
    const name = `${MODEL_NAMES[this.#model]}, all GPUs: of the sum of each alone`
    return [single(name, '%', 'higher', (100 * speed(all)) / sum)]
  }

  series(): Series {
    return {
      name: `${MODEL_NAMES[this.#model]}, GPUs`,
      points: [...this.#runs.keys()].flatMap((count) => {
        const speeds = this.#speeds(count)
        return speeds.length === 0 ? [] : [{ gpus: this.#places(count), speedUp: median(speeds) }]
      }),
    }
  }

  missed(): string[] {
    return this.series().points.flatMap(({ gpus, speedUp }) => {
      const goal = GOALS[gpus]
      if (goal === undefined || speedUp / gpus >= goal) return []
      const efficiency = (speedUp / gpus).toFixed(4)
      return [`${MODEL_NAMES[this.#model]}, ${gpus} GPUs: ${efficiency} of the ideal, goal ${goal}`]
    })
  }
}

function figures(name: string, runs: readonly GpuRun[]): Result[] {
  const of = figuresOf(name, runs)
  const places = runs[0]?.places ?? []
  const known = places.every(({ utilization }) => utilization !== undefined)
  return [
    of('tokens', 'tok/s', 'higher', (run) => run.tokensPerSecond),
    of('all', 's', 'lower', (run) => run.seconds),
    ...places.flatMap((_, at) => {
      const busy = of(`busy, number ${at}`, '%', 'higher', (run) => 100 * run.places[at]!.busy)
      if (!known) return [busy]
      const utilization = (run: GpuRun) => 100 * (run.places[at]!.utilization ?? 0)
      return [busy, of(`nv_gpu_utilization, number ${at}`, '%', 'higher', utilization)]
    }),
    of('from the first end to the last', 's', 'lower', (run) => run.tailSeconds),
    of('client CPU for a batch', 'ms', 'lower', (run) => run.clientMs),
    of('client CPU', 'cores', 'lower', (run) => run.clientCores),
    of('client memory', 'MB', 'lower', (run) => run.clientMB),
  ]
}
