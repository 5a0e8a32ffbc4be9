// What the steps of multi.sh have measured, as tables in Markdown, and which goals are met. What a step has not left is
// said to be missing.
// Usage: bun bench/gpu/multi-table.ts LOG_DIR GPUS ADDRESS    with the address of the server that was slowed
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseDocuments } from '../changes.ts'

interface Watched {
  readonly seconds: number
  readonly exit_code: number
  readonly gpus?: readonly WatchedGpu[]
}

/** Of watch.py. */
interface WatchedGpu {
  readonly server: number
  readonly requests: number
  readonly esm2_compute_s?: number
  readonly dnabert_s_compute_s?: number
  readonly nv_gpu_utilization?: number | null
  readonly gpu_utilization_mean?: number | null
  readonly gpu_watts_mean?: number
}

interface Summary {
  readonly time: { readonly seconds: number }
  readonly counts: { readonly records: number }
  readonly computed: { readonly esm2: { readonly tokens: number } }
  readonly stages: readonly {
    readonly name: string
    readonly start: number
    readonly end: number
    readonly busySeconds: number
  }[]
}

/** Of triton-client.ts; plan_speed.py has no model and nothing in flight. */
interface Loaded {
  readonly model: string
  readonly rows: number
  readonly length: number
  readonly in_flight: number
  readonly tokens_per_s: number
}

/** One run of predict. */
interface Run {
  readonly name: string
  readonly seconds: number
  /** Between the first batch and the last. */
  readonly batchSeconds: number
  readonly tokensPerSecond: number
  readonly readsPerSecond: number
  readonly stages: Summary['stages']
  readonly gpus: readonly WatchedGpu[]
  /** Digests of the tables. */
  readonly tables: string
}

const [folder = '', gpusText = '', slowServer = ''] = process.argv.slice(2)
const count = Number(gpusText)
if (slowServer === '' || !(count > 0)) {
  console.error('Usage: bun bench/gpu/multi-table.ts LOG_DIR GPUS ADDRESS')
  process.exit(2)
}
const lines: string[] = []
const goals: string[] = []
const runs = new Map(
  ['one', 'all', 'few', 'slow', 'killed', 'long', 'together'].map((name) => [name, readRun(name)]),
)

scaling()
oneServer()
predictions()
speed()
slowed()
killed()
tables()
verified()
console.log([...lines, '', '## Goals', '', ...goals].join('\n'))

function scaling(): void {
  lines.push('## The same load on more and more GPUs', '')
  lines.push('| measured | figure | value |', '| --- | --- | ---: |')
  for (const name of ['esm2', 'dnabert_s', 'slow', 'together']) {
    const results = readScaling(name)
    if (results === undefined) lines.push(`| ${name} | not measured | |`)
    for (const { name: figure, value, unit } of results ?? [])
      lines.push(`| ${name} | ${figure} | ${rounded(value)} ${unit} |`)
    const ideal = { 2: 1.98, 4: 3.92 }[count] ?? 0.98 * count
    if (name === 'esm2' || name === 'dnabert_s') {
      const speed = results?.find((result) => result.name.endsWith(`, ${count} GPUs: speed-up`))?.value
      goal(`${name}: speed-up on ${count} GPUs`, speed, ideal)
    }
  }
}

/** A server that drives all GPUs has no run with fewer of its own. */
function oneServer(): void {
  const tokens = (file: string, gpus: string) =>
    readScaling(file)?.find(({ name }) => name === `ESM-2, ${gpus}: tokens`)?.value
  const [one, all] = [tokens('esm2', '1 GPU'), tokens('together', `${count} GPUs`)]
  const speed = one === undefined || all === undefined ? undefined : all / one
  goal(`esm2: speed-up on ${count} GPUs of one server`, speed, { 2: 1.98, 4: 3.92 }[count] ?? 0.98 * count)
}

function predictions(): void {
  lines.push('', '## predict', '')
  lines.push(
    '| run | seconds | between first and last batch | outside | ESM-2 tok/s | reads/s | stages under way |',
  )
  lines.push('| --- | ---: | ---: | ---: | ---: | ---: | --- |')
  for (const [name, run] of runs) {
    if (run === undefined) {
      lines.push(`| ${name} | not measured | | | | | |`)
      continue
    }
    const stages = run.stages.map((stage) => `${stage.name} ${stage.busySeconds.toFixed(1)}`).join(', ')
    const { seconds, batchSeconds, tokensPerSecond, readsPerSecond } = run
    const outside = (seconds - batchSeconds).toFixed(2)
    lines.push(
      `| ${name} | ${seconds.toFixed(1)} | ${batchSeconds.toFixed(1)} | ${outside} | ${Math.round(tokensPerSecond)} | ${Math.round(readsPerSecond)} | ${stages} |`,
    )
  }
  lines.push(
    '',
    '| run | GPU | computing, of the time between first and last batch | nv_gpu_utilization | nvidia-smi | W |',
  )
  lines.push('| --- | ---: | ---: | ---: | ---: | ---: |')
  for (const [name, run] of runs)
    for (const [at, gpu] of (run?.gpus ?? []).entries())
      lines.push(
        `| ${name} | ${at} | ${percent(busy(run!, gpu))} | ${percent(gpu.nv_gpu_utilization)} | ${percent(gpu.gpu_utilization_mean)} | ${gpu.gpu_watts_mean ?? ''} |`,
      )
  const [one, all] = [runs.get('one'), runs.get('all')]
  const speedUp = one === undefined || all === undefined ? undefined : one.seconds / all.seconds
  goal(`predict: speed-up on ${count} GPUs`, speedUp, { 2: 1.95, 4: 3.8 }[count] ?? 0.95 * count)
  const shares = all?.gpus.map((gpu) => Math.min(busy(all, gpu), gpu.nv_gpu_utilization ?? 1)) ?? []
  goal(
    'predict: least busy GPU between first and last batch',
    shares.length === count ? Math.min(...shares) : undefined,
    0.95,
  )
}

/** The first server beside the plan on the same GPU. */
function speed(): void {
  lines.push('', '## A plan by itself and behind a server', '')
  lines.push('| model | batch | the plan by itself: tok/s | in flight | the server: tok/s | share |')
  lines.push('| --- | --- | ---: | ---: | ---: | ---: |')
  const loads = (name: string) => jsonLines(name).map((line) => JSON.parse(line) as Loaded)
  const measured = loads('speed-server.txt')
  if (measured.length === 0) lines.push('| not measured | | | | | |')
  for (const { model, rows, length, in_flight, tokens_per_s } of measured) {
    const alone = loads(`speed-plan-${model}.txt`)
      .filter((line) => line.rows === rows && line.length === length)
      .map((line) => line.tokens_per_s)
    // Before and after the server had its turn.
    const plan = alone.length === 0 ? undefined : alone.reduce((a, b) => a + b) / alone.length
    const [own, share] = plan === undefined ? ['', ''] : [Math.round(plan), (tokens_per_s / plan).toFixed(3)]
    lines.push(`| ${model} | ${rows}x${length} | ${own} | ${in_flight} | ${tokens_per_s} | ${share} |`)
  }
}

/** All GPUs at work to the end would take as long as this. */
function slowed(): void {
  const [few, slow] = [runs.get('few'), runs.get('slow')]
  const speed = (file: string, ...names: string[]) =>
    readScaling(file)?.find(({ name }) => names.includes(name))?.value
  const usual =
    speed('esm2', `ESM-2, GPU ${count - 1} alone: tokens`) ?? speed('esm2', 'ESM-2, 1 GPU: tokens')
  const loaded = speed('slow', 'ESM-2, 1 GPU: tokens')
  if (few === undefined || slow === undefined || usual === undefined || loaded === undefined) {
    goal('one GPU slowed: time of the ideal against time taken', undefined, 0.95)
    return
  }
  const ideal = few.batchSeconds / (count - 1 + loaded / usual)
  lines.push(
    '',
    `One GPU slowed to ${percent(loaded / usual)} of its speed: ${slow.batchSeconds.toFixed(1)} s between first and last batch; `,
  )
  lines.push(
    `the speeds added up would take ${ideal.toFixed(1)} s. Requests by GPU: ${slow.gpus.map(({ requests }) => requests).join(', ')}.`,
  )
  goal('one GPU slowed: time of the ideal against time taken', ideal / slow.batchSeconds, 0.95)
  const warnings = said('slow', 'imbalanced')
  lines.push('', ...warnings.map((line) => `    ${line}`))
  const named = warnings.some((line) => line.includes(`esm2 at ${slowServer} is`))
  goals.push(`- ${named ? 'met' : 'MISSED'}: a warning says that ESM-2 at ${slowServer} is slow`)
}

function killed(): void {
  const run = runs.get('killed')
  const warnings = said('killed', 'cannot be used now')
  lines.push(
    '',
    `One server killed: requests by GPU ${run?.gpus.map(({ requests }) => requests).join(', ') ?? 'not measured'}.`,
    '',
  )
  lines.push(...warnings.map((line) => `    ${line}`))
  goals.push(
    `- ${run !== undefined && warnings.length > 0 ? 'met' : 'MISSED'}: the run survives the death of a server`,
  )
}

function tables(): void {
  for (const names of [
    ['one', 'all'],
    ['few', 'slow', 'killed', 'together'],
  ]) {
    const found = names.map((name) => runs.get(name)?.tables ?? '')
    const equal = found.every((text) => text !== '' && text === found[0])
    goals.push(`- ${equal ? 'met' : 'MISSED'}: the same tables, byte for byte: ${names.join(', ')}`)
  }
}

function verified(): void {
  const latest = new Map(
    jsonLines('verify.txt').flatMap((line) => {
      const [, model] = /"model": "(\w+)"/.exec(line) ?? []
      const [, plan = ''] = /"plans?": "([^"]+)"/.exec(line) ?? []
      return model === undefined ? [] : [[`${model} ${plan}`, line]]
    }),
  )
  if (latest.size === 0) return
  lines.push('', '## Plans against FP32', '', ...[...latest.values()].map((line) => `    ${line}`))
}

function goal(what: string, value: number | undefined, least: number): void {
  if (value === undefined) goals.push(`- MISSED: ${what}: not measured`)
  else goals.push(`- ${value >= least ? 'met' : 'MISSED'}: ${what}: ${value.toFixed(3)}, goal ${least}`)
}

function busy({ batchSeconds }: Run, { esm2_compute_s = 0, dnabert_s_compute_s = 0 }: WatchedGpu): number {
  return Math.min(1, (esm2_compute_s + dnabert_s_compute_s) / batchSeconds)
}

function readRun(name: string): Run | undefined {
  const summary = read(`summary-${name}.json`)
  const watched = read(`watch-${name}.json`)
  if (summary === undefined || watched === undefined) return undefined
  const { time, counts, computed, stages } = JSON.parse(summary) as Summary
  const { gpus = [], exit_code } = JSON.parse(watched) as Watched
  if (exit_code !== 0) return undefined
  const models = stages.filter((stage) => stage.name === 'esm2' || stage.name === 'dnabert_s')
  const start = Math.min(...models.map((stage) => stage.start))
  const batchSeconds = Math.max(...models.map((stage) => stage.end)) - start
  return {
    name,
    seconds: time.seconds,
    batchSeconds,
    tokensPerSecond: computed.esm2.tokens / batchSeconds,
    readsPerSecond: counts.records / time.seconds,
    stages,
    gpus,
    tables: read(`tables-${name}.txt`) ?? '',
  }
}

function readScaling(name: string) {
  const text = read(`scaling-${name}.json`)
  return text === undefined ? undefined : parseDocuments(text, name).flatMap(({ results }) => results)
}

/** Lines of a run's log that hold these words. */
function said(name: string, words: string): string[] {
  const log = read(`predict-${name}.log`) ?? read(`predict-${name}.err`) ?? ''
  return log
    .split('\n')
    .filter((line) => line.includes(words))
    .slice(0, 6)
}

function read(name: string): string | undefined {
  try {
    const text = readFileSync(join(folder, name), 'utf8')
    return text.trim() === '' ? undefined : text
  } catch {
    return undefined
  }
}

/** Lines of JSON, among others that a step has printed. */
function jsonLines(name: string): string[] {
  return (read(name) ?? '').split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'))
}

function percent(share: number | null | undefined): string {
  return share === undefined || share === null ? '' : `${(100 * share).toFixed(1)} %`
}

function rounded(value: number): string {
  return Math.abs(value) >= 1000 ? String(Math.round(value)) : value.toFixed(3)
}
