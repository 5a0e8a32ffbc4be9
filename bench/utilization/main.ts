// How busy the GPUs of running servers are under a load: the time that they compute, what the driver says, tokens per
// second, and the share of what the GPU reaches in a plain matrix product. Exits with 1 below --least.
//   bun bench/utilization/main.ts --triton grpc://HOST:8001[,…] [--metrics http://HOST:8002/metrics[,…]] [--least 0.8]
//     its own load: [--kind reads|contigs|mixed] [--windows 20] [--ceiling TFLOPS | --python PYTHON]
//     a run of yours: --command "virnucpro predict …"
// --python names one with PyTorch, which measures the ceiling on this machine before the load.
import { resolve } from 'node:path'
import { ModelInstanceGroup_Kind, TritonClient } from 'tritonclient-ts'
import { usualMetricsUrl } from '../../src/dispatch/index.ts'
import { esm2Shapes } from '../gpu/forms.ts'
import { benchOptions, fail, finish, type Result, single, timed } from '../result.ts'
import { embed } from '../scaling/embed.ts'
import { explained } from '../scaling/explain.ts'
import { openBackend } from '../scaling/gpus.ts'
import { KINDS, runLoad, TRITON_LIMITS, totals, workload } from '../scaling/workload.ts'
import { Watch, type Watched } from './watch.ts'

const options = benchOptions('bun bench/utilization/main.ts', {
  triton: { type: 'string' },
  metrics: { type: 'string' },
  least: { type: 'string' },
  command: { type: 'string' },
  kind: { type: 'string' },
  windows: { type: 'string' },
  ceiling: { type: 'string' },
  python: { type: 'string' },
})
const urls = (options.triton ?? fail('--triton grpc://HOST:PORT: which server?')).split(',')
const least = positive('least', options.least ?? '0.8')
const kind = KINDS.find((one) => one === (options.kind ?? 'reads')) ?? fail(`--kind is ${KINDS.join(', ')}`)
const results: Result[] = []
/** For each GPU the lower of what its server and its driver say. */
const shares: number[] = []

await explained(main)

async function main(): Promise<void> {
  const instances = await instancesOf(urls)
  const ceiling = gemmCeiling()
  const watch = new Watch(options.metrics?.split(',') ?? urls.map(usualMetricsUrl))
  await watch.start()
  const load = options.command === undefined ? await ownLoad() : await command(options.command)
  const places = (await watch.stop()).filter(({ requests }) => requests > 0)
  for (const [at, place] of places.entries())
    report(place, place.gpu === '' ? `server ${at}` : `GPU ${at}`, instances)
  if (load !== undefined) reportSpeed(load, ceiling, places.length)
  const settings = { least, servers: urls.length, load: options.command === undefined ? kind : 'command' }
  await finish('utilization', options, { ...settings, ...(ceiling !== undefined && { ceiling }) }, results)
  const lowest = Math.min(...shares)
  if (lowest >= least && shares.length > 0) return
  console.log(
    shares.length === 0 ? 'nothing was computed' : `${(100 * lowest).toFixed(1)} % is below ${100 * least} %`,
  )
  process.exitCode = 1
}

function reportSpeed({ seconds, tokens, flops }: Load, ceiling: number | undefined, gpus: number): void {
  results.push(single('tokens', 'tok/s', 'higher', tokens / seconds))
  const speed = flops / seconds / 1e12
  results.push(single('operations of the matrix products', 'TFLOP/s', 'higher', speed))
  if (ceiling !== undefined)
    results.push(single('share of the ceiling (MFU)', '%', 'higher', (100 * speed) / (ceiling * gpus)))
}

/**
 * A GPU is busy while a model computes on it. Two models may compute side by side, and their times then count twice; and
 * Triton counts a request when it ends, also the part before the first reading. Hence no share is above the whole. The
 * driver's own figure, where there is one, has to reach the limit as well.
 */
function report(place: Watched, name: string, instances: ReadonlyMap<string, number>): void {
  const by = [...place.computed].map(([model, seconds]) => ({
    model,
    share: Math.min(1, seconds / place.seconds / (instances.get(model) ?? 1)),
  }))
  const total = by.reduce((sum, { share }) => sum + share, 0)
  const busy = Math.min(1, total)
  results.push(single(`${name}: busy`, '%', 'higher', 100 * busy))
  for (const { model, share } of by)
    if (share > 0) results.push(single(`${name}: busy with ${model}`, '%', 'higher', 100 * share))
  if (place.utilization !== undefined)
    results.push(single(`${name}: nv_gpu_utilization`, '%', 'higher', 100 * place.utilization))
  results.push(single(`${name}: watched`, 's', 'higher', place.seconds))
  results.push(single(`${name}: requests`, '', 'higher', place.requests))
  shares.push(Math.min(busy, place.utilization ?? 1))
}

interface Load {
  readonly seconds: number
  readonly tokens: number
  readonly flops: number
}

/** ESM-2 alone, which takes nearly all of a run's time. */
async function ownLoad(): Promise<Load> {
  await using backend = await openBackend(urls)
  const dimension = backend.dimension('esm2')
  const limits = { ...TRITON_LIMITS, tokenBudget: backend.tokenBudget('esm2') }
  const count = options.quick ? 1 : positive('windows', options.windows ?? '20')
  const windows = workload(kind, count, limits, options.quick ? 1000 : undefined)
  const { concurrency } = backend
  const { seconds } = await timed(() =>
    runLoad(windows, { concurrency, embed: (batch) => embed(backend, batch, dimension) }),
  )
  const batches = windows.flatMap((window) => window.batches)
  const flops = batches.reduce(
    (sum, batch) => sum + batch.tokens * flopsPerToken(dimension, batch.paddedLength),
    0,
  )
  return { seconds, tokens: totals(windows).tokens, flops }
}

/** Its tokens are not known here. */
async function command(line: string): Promise<undefined> {
  const child = Bun.spawn(['sh', '-c', line], { stdio: ['ignore', 'inherit', 'inherit'] })
  const code = await child.exited
  if (code !== 0) fail(`the command ended with ${code}: ${line}`)
}

/** Two for each multiplication and addition of the matrix products, attention included; as in bench/gpu/model.py. */
function flopsPerToken(width: number, length: number): number {
  const shape = Object.values(esm2Shapes).find((one) => one.width === width)
  if (shape === undefined) return Number.NaN
  return shape.layers * (2 * (4 * width * width + 2 * width * shape.hidden) + 4 * width * length)
}

/** TFLOP/s of one GPU: the slowest of those measured. */
function gemmCeiling(): number | undefined {
  if (options.ceiling !== undefined) return positive('ceiling', options.ceiling)
  if (options.python === undefined) return undefined
  const program = [options.python, resolve(import.meta.dir, 'ceiling.py')]
  const { success, stdout } = Bun.spawnSync(program, { stderr: 'inherit' })
  const found: number[] = success ? JSON.parse(stdout.toString()) : []
  if (found.length === 0) fail(`--python ${options.python}: PyTorch measured no GPU`)
  return Math.min(...found)
}

/** How many instances of each model compute in one place at once. */
async function instancesOf(servers: readonly string[]): Promise<Map<string, number>> {
  using client = new TritonClient({ url: servers[0]! })
  const found = new Map<string, number>()
  for (const model of ['esm2', 'dnabert_s']) {
    const { instanceGroup } = await client.modelConfig(model)
    const gpu = instanceGroup.filter(({ kind }) => kind === ModelInstanceGroup_Kind.GPU)
    const groups = gpu.length > 0 ? gpu : instanceGroup
    const instances = groups.reduce((sum, { count }) => sum + count, 0)
    found.set(model, Math.max(1, instances))
  }
  return found
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) fail(`--${name} is a number above 0, not ${text}`)
  return value
}
