// Whole runs of `predict` over generated reads, contigs and both, with models that compute nothing and answer with
// embeddings as wide as the real ones: what the program itself takes, by stage; its peak memory; how both grow with
// 10 and 100 times the input; and what share of a run on a GPU that would be.
//   bun bench/pipeline/main.ts [--quick] [--json FILE] [--bases 300000] [--check]
// With --check it exits with 1 when that share is above 3 % or memory or time grow out of proportion.
import { join, resolve } from 'node:path'
import { withFolder } from '../../scripts/support/temporary.ts'
import { availableCores } from '../../src/system/cores.ts'
import { benchOptions, figuresOf, finish, median, type Result, single } from '../result.ts'
import type { Kind } from '../scaling/workload.ts'
import { makeIdleBundle } from './bundle.ts'
import { writeInput } from './inputs.ts'
import { type Run, runPredict } from './run.ts'

/** Tokens per second of one H200 with the plans of docs/adr/0020-plans-on-gpus.md: ESM-2 3B at 168 tokens, DNABERT-S at 110. */
const GPU_SPEED = { esm2: 97_000, dnabert_s: 1_950_000 }
const GOAL = 0.03
/** Time may grow with the input and by this factor more. */
const SLACK = 1.5
/** Two windows of features, 133 MB each, what the collector has not yet freed of those before, and the program. */
const MEMORY_LIMIT_MB = 1200
const SEED = 7

const options = benchOptions('bun bench/pipeline/main.ts', {
  bases: { type: 'string' },
  check: { type: 'boolean' },
})
const bases = Number(options.bases ?? (options.quick ? 15_000 : 300_000))
const factors = options.quick ? [1, 3] : [1, 10, 100]
const kinds: Kind[] = options.quick ? ['mixed'] : ['reads', 'contigs', 'mixed']
const rounds = options.quick ? 1 : 3
const main = resolve(import.meta.dir, '../../src/cli/main.ts')

const missed: string[] = []
const results = await withFolder(async (folder) => {
  const bundle = await makeIdleBundle(join(folder, 'bundle'))
  const found: Result[] = []
  for (const kind of kinds) {
    const sizes: Run[][] = []
    for (const factor of factors) {
      const input = join(folder, `${kind}.fa`)
      await writeInput(input, kind, factor * bases, SEED)
      const runs: Run[] = []
      for (let round = 0; round < (factor === 100 ? 1 : rounds); round++) {
        runs.push(await runPredict(main, input, bundle, join(folder, 'out')))
      }
      sizes.push(runs)
      found.push(...resultsOf(`${kind} x${factor}`, runs))
    }
    found.push(...growth(kind, sizes), ...shares(kind, sizes.at(-1)!))
  }
  return found
})
const cores = availableCores()
await finish('pipeline', options, { bases, factors, rounds, cores, seed: SEED }, results)
if (options.check && !options.quick) {
  for (const line of missed) console.error(`missed: ${line}`)
  process.exitCode = missed.length === 0 ? 0 : 1
}

function resultsOf(name: string, runs: readonly Run[]): Result[] {
  const of = figuresOf(name, runs)
  const stages = Object.keys(runs[0]!.stages)
  return [
    of('all', 's', 'lower', (run) => run.seconds),
    of('before the first and after the last batch', 's', 'lower', (run) => run.aloneSeconds),
    of('processor time', 's', 'lower', (run) => run.cpuSeconds),
    of('peak memory', 'MB', 'lower', (run) => run.peakMB),
    ...stages.map((stage) => of(stage, 's', 'lower', (run) => run.stages[stage] ?? 0)),
  ]
}

/** What each tenfold of the input costs beyond a fixed start. */
function growth(kind: Kind, sizes: readonly (readonly Run[])[]): Result[] {
  const middle = (runs: readonly Run[], value: (run: Run) => number) => median(runs.map(value))
  const [last, before] = [sizes.at(-1)!, sizes.at(-2)!]
  const bigger = factors.at(-1)! / factors.at(-2)!
  const time = middle(last, (run) => run.seconds) / middle(before, (run) => run.seconds) / bigger
  const memory = middle(last, (run) => run.peakMB) / middle(before, (run) => run.peakMB)
  if (time > SLACK) missed.push(`${kind}: ${time.toFixed(2)} times the time per base with the largest input`)
  const peak = middle(last, (run) => run.peakMB)
  if (peak > MEMORY_LIMIT_MB) missed.push(`${kind}: ${peak.toFixed(0)} MB with the largest input`)
  return [
    single(`${kind}: time per base, x${factors.at(-1)} over x${factors.at(-2)}`, 'x', 'lower', time),
    single(`${kind}: peak memory, x${factors.at(-1)} over x${factors.at(-2)}`, 'x', 'lower', memory),
  ]
}

/**
 * What a GPU would wait for, against what it would compute: at the start and the end, which nothing overlaps with; and
 * how busy the program would be meanwhile, which must stay below 100 %.
 */
function shares(kind: Kind, runs: readonly Run[]): Result[] {
  const of = figuresOf(`${kind} x${factors.at(-1)}`, runs)
  const share = (seconds: number, { tokens }: Run) =>
    (100 * seconds) / (tokens.esm2 / GPU_SPEED.esm2 + tokens.dnabert_s / GPU_SPEED.dnabert_s)
  const alone = of('outside the models, of a run on one GPU', '%', 'lower', (run) =>
    share(run.aloneSeconds, run),
  )
  if (!(alone.value <= 100 * GOAL))
    missed.push(`${alone.name}: ${alone.value.toFixed(1)} %, goal ${100 * GOAL} %`)
  return [
    alone,
    of('all work of the program, of a run on one GPU', '%', 'lower', (run) => share(run.seconds, run)),
  ]
}
