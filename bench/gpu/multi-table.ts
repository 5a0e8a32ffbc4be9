// What the steps of multi.sh have measured, as one document, and which goals are met. A step that left nothing counts
// as a goal missed.
// Usage: bun bench/gpu/multi-table.ts LOG_DIR GPUS ADDRESS [--json FILE]    with the address of the server that was slowed
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Summary } from '../../src/report/index.ts'
import { parseDocuments } from '../changes.ts'
import { finish, type Result, single } from '../result.ts'

/** Of watch.py. */
interface WatchedGpu {
  readonly requests: number
  readonly esm2_compute_s?: number
  readonly dnabert_s_compute_s?: number
  readonly nv_gpu_utilization?: number | null
  readonly gpu_watts_mean?: number
}

/** Of triton-client.ts and plan_speed.py. */
interface Loaded {
  readonly model: string
  readonly rows: number
  readonly length: number
  readonly tokens_per_s: number
}

/** One run of predict. */
interface Run {
  readonly seconds: number
  /** Between the first batch and the last. */
  readonly batchSeconds: number
  readonly tokensPerSecond: number
  readonly readsPerSecond: number
  readonly gpus: readonly (WatchedGpu & { readonly busy: number })[]
  /** Digests of the tables. */
  readonly tables: string
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' } },
})
const [folder = '', gpus = '', slowServer = ''] = positionals
const count = Number(gpus)
if (slowServer === '' || !(count > 0)) {
  console.error('Usage: bun bench/gpu/multi-table.ts LOG_DIR GPUS ADDRESS [--json FILE]')
  process.exit(2)
}

const RUNS = ['one', 'all', 'few', 'slow', 'killed', 'long', 'together']
const runs = new Map(RUNS.flatMap((name) => readRun(name)))
const steps = new Map(['esm2', 'dnabert_s', 'slow', 'together'].map((name) => [name, readScaling(name)]))
await finish('gpu/multi', { quick: false, json: options.json }, { gpus: count }, [
  ...[...steps].flatMap(([step, results]) =>
    results.map((each) => ({ ...each, name: `${step}: ${each.name}` })),
  ),
  ...[...runs].flatMap(([name, run]) => resultsOf(`predict ${name}`, run)),
  ...serverBesidePlan(),
])
for (const line of goals()) console.log(line)

function goals(): string[] {
  const share = (two: number, four: number, other: number) => ({ 2: two, 4: four })[count] ?? other * count
  const speedUp = (step: string) => figure(step, `, ${count} GPUs: speed-up`)
  const [one, all, few, slow] = ['one', 'all', 'few', 'slow'].map((name) => runs.get(name))
  const busy = all?.gpus.map((gpu) => Math.min(gpu.busy, gpu.nv_gpu_utilization ?? 1)) ?? []
  const usual = figure('esm2', `GPU ${count - 1} alone: tokens`) ?? figure('esm2', 'ESM-2, 1 GPU: tokens')
  // All GPUs at work to the end, the slow one too.
  const together = count - 1 + ratio(figure('slow', 'ESM-2, 1 GPU: tokens'), usual)
  const warned = said('slow', 'imbalanced').some((line) => line.includes(`esm2 at ${slowServer} is`))
  const survived = runs.has('killed') && said('killed', 'cannot be used now').length > 0
  return [
    least('esm2: speed-up', speedUp('esm2'), share(1.98, 3.92, 0.98)),
    least('dnabert_s: speed-up', speedUp('dnabert_s'), share(1.98, 3.92, 0.98)),
    // A server that drives all GPUs has no run with fewer of its own.
    least(
      'esm2: speed-up in one server',
      ratio(figure('together', `ESM-2, ${count} GPUs: tokens`), figure('esm2', 'ESM-2, 1 GPU: tokens')),
      share(1.98, 3.92, 0.98),
    ),
    least('predict: speed-up', ratio(one?.seconds, all?.seconds), share(1.95, 3.8, 0.95)),
    least('predict: least busy GPU', busy.length === count ? Math.min(...busy) : Number.NaN, 0.95),
    least('one GPU slowed: ideal over taken', ratio(few?.batchSeconds, slow?.batchSeconds) / together, 0.95),
    goal(warned, `a warning says that ESM-2 at ${slowServer} is slow`),
    goal(survived, 'the run survives the death of a server'),
    goal(sameTables('one', 'all'), 'the same tables, byte for byte: one, all'),
    goal(
      sameTables('few', 'slow', 'killed', 'together'),
      'the same tables, byte for byte: few, slow, killed, together',
    ),
    ...jsonLines('verify.txt'),
  ]
}

function resultsOf(name: string, run: Run): Result[] {
  return [
    single(name, 's', 'lower', run.seconds),
    single(`${name}: between first and last batch`, 's', 'lower', run.batchSeconds),
    single(`${name}: ESM-2`, 'tok/s', 'higher', run.tokensPerSecond),
    single(`${name}: reads`, 'reads/s', 'higher', run.readsPerSecond),
    ...run.gpus.flatMap(({ busy, requests, nv_gpu_utilization, gpu_watts_mean }, at) => [
      single(`${name}, GPU ${at}: busy`, '%', 'higher', 100 * busy),
      single(`${name}, GPU ${at}: requests`, '', 'higher', requests),
      single(`${name}, GPU ${at}: nv_gpu_utilization`, '%', 'higher', 100 * (nv_gpu_utilization ?? 0)),
      single(`${name}, GPU ${at}: power`, 'W', 'lower', gpu_watts_mean ?? 0),
    ]),
  ]
}

/** The first server, and the plan by itself on the same GPU before and after it. */
function serverBesidePlan(): Result[] {
  const loads = (name: string) => jsonLines(name).map((line) => JSON.parse(line) as Loaded)
  return loads('speed-server.txt').map(({ model, rows, length, tokens_per_s }) => {
    const own = loads(`speed-plan-${model}.txt`).filter(
      (plan) => plan.rows === rows && plan.length === length,
    )
    const plan = own.reduce((sum, load) => sum + load.tokens_per_s, 0) / own.length
    const result = single(`${model} ${rows}x${length}, behind a server`, 'tok/s', 'higher', tokens_per_s)
    return own.length === 0
      ? result
      : { ...result, against: { name: 'the plan by itself', value: plan, ratio: tokens_per_s / plan } }
  })
}

function least(what: string, value: number | undefined, limit: number): string {
  const known = value !== undefined && Number.isFinite(value)
  return goal(known && value >= limit, `${what}: ${known ? value.toFixed(3) : 'not measured'}, goal ${limit}`)
}

function goal(met: boolean, what: string): string {
  return `- ${met ? 'met' : 'MISSED'}: ${what}`
}

function ratio(a: number | undefined, b: number | undefined): number {
  return (a ?? Number.NaN) / (b ?? Number.NaN)
}

function sameTables(...names: string[]): boolean {
  const [first, ...rest] = names.map((name) => runs.get(name)?.tables ?? '')
  return first !== '' && rest.every((text) => text === first)
}

function readRun(name: string): [string, Run][] {
  const summary = read(`summary-${name}.json`)
  const watched = read(`watch-${name}.json`)
  if (summary === '' || watched === '') return []
  const { time, counts, computed, stages } = JSON.parse(summary) as Summary
  const { gpus = [], exit_code } = JSON.parse(watched) as { exit_code: number; gpus?: WatchedGpu[] }
  if (exit_code !== 0) return []
  const models = stages.filter((stage) => stage.name === 'esm2' || stage.name === 'dnabert_s')
  const start = Math.min(...models.map((stage) => stage.start))
  const batchSeconds = Math.max(...models.map((stage) => stage.end)) - start
  const busy = ({ esm2_compute_s = 0, dnabert_s_compute_s = 0 }: WatchedGpu) =>
    Math.min(1, (esm2_compute_s + dnabert_s_compute_s) / batchSeconds)
  const run = {
    seconds: time.seconds,
    batchSeconds,
    tokensPerSecond: computed.esm2.tokens / batchSeconds,
    readsPerSecond: counts.records / time.seconds,
    gpus: gpus.map((gpu) => ({ ...gpu, busy: busy(gpu) })),
    tables: read(`tables-${name}.txt`),
  }
  return [[name, run]]
}

function readScaling(name: string): readonly Result[] {
  const text = read(`scaling-${name}.json`)
  return text === '' ? [] : parseDocuments(text, name).flatMap(({ results }) => results)
}

function figure(step: string, end: string): number | undefined {
  return steps.get(step)?.find(({ name }) => name.endsWith(end))?.value
}

/** Lines of a run's log that hold these words. */
function said(name: string, words: string): string[] {
  const log = read(`predict-${name}.log`) || read(`predict-${name}.err`)
  return log.split('\n').filter((line) => line.includes(words))
}

function read(name: string): string {
  const path = join(folder, name)
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : ''
}

/** Lines of JSON, among others that a step has printed. */
function jsonLines(name: string): string[] {
  return read(name)
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
}
