// How the speed grows with the number of GPUs: on the GPUs of this machine, on Triton servers whose model waits as long as
// a GPU would compute, and by simulation up to 512 GPUs. Servers that wait need scripts/test-triton.sh.
//   bun bench/scaling/main.ts [--kind reads|contigs|mixed] [--windows 10] [--simulate-only] [--svg FILE] [--check]
//     [--no-overlap] (servers that answer each request before they take in the next)
//   bun bench/scaling/main.ts --repository DIR [--server-bin FILE] [--backend-directory DIR] [--library-path DIRS]
//   bun bench/scaling/main.ts --triton grpc://HOST:8001,grpc://HOST:8004[,…]
//     servers of one GPU each: the first of them, the first two and so on get the same load, which takes one GPU
//     --seconds 30; [--models esm2,dnabert_s] [--rounds 1] [--each] (every GPU by itself too)
// With --check it exits with 1 when 2 instances that wait or are simulated reach less than 0.995 of the ideal or 8 less
// than 0.985, and when 2 GPUs reach less than 0.99 or 4 less than 0.98. bench/scaling/draw.ts draws --json files together.

import { loadavg } from 'node:os'
import { writeAtomically } from '../../src/system/atomic.ts'
import { count } from '../../src/text/numbers.ts'
import {
  type Alternative,
  benchOptions,
  fail,
  figuresOf,
  finish,
  keep,
  type Result,
  single,
  summarize,
} from '../result.ts'
import { constantSpeed, ESM2_3B } from './curve.ts'
import { explained } from './explain.ts'
import { scaleOnGpus } from './on-gpus.ts'
import { plot, type Series } from './plot.ts'
import type { RealRun } from './real.ts'
import { type Simulation, simulate } from './simulate.ts'
import { KINDS, type PlannedWindow, TRITON_LIMITS, totals, workload } from './workload.ts'

const options = benchOptions('bun bench/scaling/main.ts', {
  kind: { type: 'string' },
  windows: { type: 'string' },
  rounds: { type: 'string' },
  'simulate-only': { type: 'boolean' },
  'no-overlap': { type: 'boolean' },
  svg: { type: 'string' },
  check: { type: 'boolean' },
  repository: { type: 'string' },
  triton: { type: 'string' },
  models: { type: 'string' },
  seconds: { type: 'string' },
  each: { type: 'boolean' },
  'server-bin': { type: 'string' },
  'backend-directory': { type: 'string' },
  'library-path': { type: 'string' },
  'cpu-servers': { type: 'string' },
})
const kind = KINDS.find((one) => one === (options.kind ?? 'reads')) ?? fail(`--kind is ${KINDS.join(', ')}`)
const windowCount = whole('windows', options.windows, options.quick ? 1 : 10)
const ROUNDS = whole('rounds', options.rounds, 1)
/** Width of ESM-2 3B. */
const DIMENSION = options.quick ? 64 : 2560
const TARGETS: Readonly<Record<number, number>> = { 2: 0.995, 8: 0.985 }
/** Frames of a window; a quick run shows the way and no figures. */
const FRAMES = options.quick ? 1000 : undefined

/**
 * What a client spends, measured on 2026-11-24: bench/triton/overhead.ts with 64 and 2560 numbers in an embedding for
 * requests and bytes; 15.1 s for reading, translating and tokenizing the 800,000 frames of a million reads.
 */
const CLIENT = { requestMs: 0.45, megabyteMs: 0.85, frameMs: 0.019 }
const SIMULATION: Omit<Simulation, 'servers'> = {
  curve: ESM2_3B,
  // 96,478 tok/s behind Triton against 97,717 without: two milliseconds of a batch.
  serverMs: 2,
  networkMs: 0.2,
  dimension: 2560,
  client: CLIENT,
}

const results: Result[] = []
const series: Series[] = []
const missed: string[] = []

await explained(main)

async function main(): Promise<void> {
  const settings =
    options.repository !== undefined || options.triton !== undefined ? await onGpus() : await elsewhere()
  if (options.svg !== undefined) {
    await writeAtomically(options.svg, plot(`Speed-up on ${kind}`, series))
  }
  await finish('scaling', options, settings, results)
  console.log(
    `load average at the end: ${loadavg()
      .map((one) => one.toFixed(2))
      .join(', ')}`,
  )
  for (const line of missed) console.log(`missed: ${line}`)
  if (options.check && missed.length > 0) process.exitCode = 1
}

/** Where there is no GPU. */
async function elsewhere() {
  const load = workload(kind, windowCount, TRITON_LIMITS, FRAMES)
  if (!options['simulate-only']) await onServers(load)
  await simulated(load)
  return { kind, windows: windowCount, rounds: ROUNDS, ...totals(load) }
}

/** Real GPUs, the first of them, then twice as many, then all. */
async function onGpus() {
  const seconds = Number(options.seconds ?? (options.quick ? 0.1 : 30))
  if (!(seconds > 0)) fail(`--seconds is a number above 0, not ${options.seconds}`)
  const cpu = options['cpu-servers']
  const settings = { kind, seconds, rounds: ROUNDS }
  const found = await scaleOnGpus(
    {
      triton: options.triton,
      repository: options.repository,
      serverBin: options['server-bin'],
      backendDirectory: options['backend-directory'],
      libraryPath: options['library-path'],
      ...(cpu !== undefined && { cpuServers: whole('cpu-servers', cpu, 1) }),
      models: options.models?.split(',') ?? ['esm2', 'dnabert_s'],
      kind,
      seconds,
      windows: options.windows === undefined ? undefined : windowCount,
      frames: FRAMES,
      rounds: ROUNDS,
      each: options.each === true,
    },
    async (known) => {
      await keep('scaling', options, settings, known)
    },
  )
  results.push(...found.results)
  series.push(...found.series)
  missed.push(...found.missed)
  return settings
}

/** Triton with a model that waits. */
async function onServers(windows: readonly PlannedWindow[]): Promise<void> {
  // Only here: who has GPUs needs none of it.
  const { hasTriton } = await import('../../scripts/support/triton.ts')
  const { runOnServers } = await import('./real.ts')
  if (!hasTriton) fail('servers that wait need scripts/test-triton.sh; --simulate-only does without')
  const curve = options.quick ? constantSpeed(400_000) : ESM2_3B
  const cases = [[1], [2], [4], [8], [1, 1], [4, 4]]
  const points: Series['points'][number][] = []
  // The simulation of the same: nothing is prepared, and there is no network.
  const like = {
    ...SIMULATION,
    curve,
    dimension: DIMENSION,
    networkMs: 0,
    client: { ...CLIENT, frameMs: 0 },
  }
  const alone = await simulate(windows, { ...like, servers: [{ gpus: 1 }] })
  const how = { curve, dimension: DIMENSION, overlap: !options['no-overlap'] }
  let one: number[] = []
  for (const instances of cases) {
    const all = instances.reduce((sum, count) => sum + count, 0)
    const name =
      instances.length > 1
        ? `${instances.length} servers, ${all} instances`
        : `1 server, ${count(all, 'instance')}`
    const runs: RealRun[] = []
    for (let round = 0; round < ROUNDS; round++) {
      runs.push(await runOnServers(windows, instances, how))
    }
    if (all === 1) one = runs.map(({ seconds }) => seconds)
    const speeds = runs.map(({ seconds }, round) => one[round]! / seconds)
    const predicted = await simulate(windows, { ...like, servers: instances.map((gpus) => ({ gpus })) })
    speedUp(name, all, speeds, [
      { name: 'simulated', values: speeds.map(() => alone.seconds / predicted.seconds) },
    ])
    const of = figuresOf(name, runs)
    results.push(
      of('busy, least of them', '%', 'higher', (run) => 100 * Math.min(...run.busy)),
      of('busy, with copies in the server', '%', 'higher', (run) => 100 * run.serverBusy),
      of('lost at the end', '%', 'lower', (run) => 100 * run.tailLoss),
      of('client CPU for a batch', 'ms', 'lower', (run) => run.clientMs),
    )
    if (instances.length === 1) points.push({ gpus: all, speedUp: speeds[0]! })
  }
  series.push({ name: 'Triton, a model that waits', points })
}

/** The real scheduler on simulated GPUs, in servers of eight. */
async function simulated(load: readonly PlannedWindow[]): Promise<void> {
  const million = options.quick ? load : workload(kind, 100, TRITON_LIMITS)
  const { client } = SIMULATION
  const variants = [
    { name: 'simulated', client },
    { name: 'simulated, prepared elsewhere', client: { ...client, frameMs: 0 } },
  ]
  const cases = [{ windows: million, gpus: [1, 2, 4, 8] }]
  if (!options.quick) {
    const larger = (windows: number) => workload(kind, windows, TRITON_LIMITS)
    cases.push({ windows: larger(400), gpus: [16, 32, 64] }, { windows: larger(1600), gpus: [512] })
  }
  for (const { name: variant, client } of variants) {
    const points: Series['points'][number][] = []
    for (const { windows, gpus: counts } of cases) {
      const one = await simulate(windows, { ...SIMULATION, client, servers: [{ gpus: 1 }] })
      for (const gpus of counts) {
        const run = await simulate(windows, { ...SIMULATION, client, servers: serversOf(gpus) })
        const name = `${variant}, ${count(gpus, 'GPU')}`
        const speed = one.seconds / run.seconds
        speedUp(name, gpus, [speed], [], variant === 'simulated')
        const busy = run.gpus.map((gpu) => gpu.busy / 1000 / run.seconds)
        const end = 1000 * run.seconds
        const tail = run.gpus.reduce((sum, gpu) => sum + end - gpu.end, 0) / end / gpus
        results.push(
          single(`${name}: busy, least of them`, '%', 'higher', 100 * Math.min(...busy)),
          single(`${name}: lost at the end`, '%', 'lower', 100 * tail),
          single(`${name}: client's thread busy`, '%', 'lower', 100 * run.clientBusy),
        )
        points.push({ gpus, speedUp: speed })
      }
    }
    series.push({ name: variant, points })
  }
  results.push(...ceilings(million))
}

/** GPUs that one client can feed: what a GPU takes for the load divided by what the client takes. */
function ceilings(windows: readonly PlannedWindow[]): Result[] {
  const all = totals(windows)
  const gpuMs = (1000 * all.padded) / 101_716
  const rows = windows.flatMap(({ batches }) => batches).reduce((sum, batch) => sum + batch.rows, 0)
  const requests =
    all.batches * CLIENT.requestMs + ((rows * SIMULATION.dimension * 4) / 1e6) * CLIENT.megabyteMs
  const name = 'most GPUs for one client'
  const prepared = requests + all.frames * CLIENT.frameMs
  return [
    single(`${name}, with its preparation`, 'GPUs', 'higher', gpuMs / prepared),
    single(`${name}, requests and answers alone`, 'GPUs', 'higher', gpuMs / requests),
  ]
}

function serversOf(gpus: number): { gpus: number }[] {
  const servers = Math.max(1, gpus / 8)
  return Array.from({ length: servers }, () => ({ gpus: gpus / servers }))
}

function speedUp(
  name: string,
  gpus: number,
  speeds: number[],
  others: readonly Alternative[] = [],
  counts = true,
): void {
  const ideal = { name: 'ideal', values: speeds.map(() => gpus) }
  const result = summarize({ name: `${name}: speed-up`, unit: 'x', better: 'higher' }, speeds, [
    ideal,
    ...others,
  ])
  results.push(result)
  // The whole takes minutes: what is known is said at once.
  console.error(`${name}: ${result.value.toFixed(3)} times the speed of one, ideal ${gpus}`)
  const target = TARGETS[gpus]
  const efficiency = result.value / gpus
  if (counts && target !== undefined && efficiency < target)
    missed.push(`${name}: ${efficiency.toFixed(4)} of the ideal, target ${target}`)
}

function whole(name: string, text: string | undefined, usual: number): number {
  const value = text === undefined ? usual : Number(text)
  if (!Number.isSafeInteger(value) || value < 1) fail(`--${name} is a whole number, 1 or more, not ${text}`)
  return value
}
