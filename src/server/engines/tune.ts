import { join } from 'node:path'
import type { ModelName } from '../../dispatch/index.ts'
import { writeAtomically } from '../../system/atomic.ts'
import { readTuning, TUNING_FILE, type Tuning, type TuningEntry } from '../repository/index.ts'
import { chooseBudgets, defaultBudgets, type Trial, trialsOf } from './budgets.ts'
import type { Target } from './builder.ts'
import { EngineError } from './errors.ts'
import { type FoundEngine, findEngines } from './show.ts'
import { Tuner } from './tuner.ts'

export interface TuneOptions {
  /** Folder of `engines build`; `tuning.json` is written into it. */
  readonly plans: string
  /** @default both */
  readonly models?: readonly ModelName[]
  /** Token budgets to compare, ascending. @default 4,096 to 65,536 */
  readonly budgets?: readonly number[]
  /** @default 'python3' */
  readonly python?: string
  /** Measure plans that have been measured already. @default false */
  readonly force?: boolean
  /** Told in words what is being done. */
  readonly onProgress?: (message: string) => void
  readonly signal?: AbortSignal
}

/**
 * Times the plans for the GPU of this machine with batches of many sizes and writes the token budget that is best for
 * each into `tuning.json`; `repository build` puts it into the model's configuration, where `predict` finds it. What is
 * known of other plans and GPUs stays in the file, and a measurement that is stopped changes nothing.
 *
 * @returns the entries of the plans for this GPU
 * @throws {EngineError} {@link EngineBuildError} {@link PlanError}
 */
export async function tuneEngines(options: TuneOptions): Promise<TuningEntry[]> {
  const say = options.onProgress ?? (() => {})
  // Said before a missing GPU is: a wrong folder is the more likely slip.
  if ((await findEngines(options.plans)).length === 0) {
    throw new EngineError(`no TensorRT plan in ${options.plans}: make plans with virnucpro engines build`, {
      kind: 'noInput',
    })
  }
  const tuner = new Tuner(options.python ?? 'python3')
  const target = await tuner.probe()
  const { gpu, computeCapability, tensorrt } = target
  say(`TensorRT ${tensorrt} on ${gpu}, compute capability ${computeCapability}`)
  const models = options.models ?? (['esm2', 'dnabert_s'] as const)
  const entries: TuningEntry[] = []
  for (const engine of await plansFor(options.plans, models, target)) {
    const tuning = await readTuning(options.plans)
    const known = tuning?.entries.find((entry) => isAbout(entry, engine, target))
    if (known !== undefined && options.force !== true) {
      say(
        `${known.model}: batches of ${known.tokenBudget} tokens, measured ${known.tuned}; --force measures again`,
      )
      entries.push(known)
      continue
    }
    const entry = await measure(engine, target, tuner, options, say)
    await store(options.plans, tuning, engine, entry)
    entries.push(entry)
  }
  return entries
}

type Usable = FoundEngine & { sidecar: NonNullable<FoundEngine['sidecar']> }

async function plansFor(folder: string, models: readonly ModelName[], target: Target): Promise<Usable[]> {
  const { computeCapability, tensorrt, gpu } = target
  const found = await findEngines(folder, { computeCapability, tensorrt })
  return models.map((model) => {
    const own = found.filter(({ sidecar }) => sidecar?.model === model)
    const usable = own.find((engine): engine is Usable => engine.problem === undefined)
    if (usable !== undefined) return usable
    const reasons = own.map(({ path, problem }) => `${path} ${problem}`).join('; ')
    throw new EngineError(
      `no plan of ${model} in ${folder} runs on ${gpu}${reasons === '' ? '' : `: ${reasons}`}. Make one with: virnucpro engines build`,
    )
  })
}

async function measure(
  { path, sidecar }: Usable,
  { gpu, computeCapability, tensorrt }: Target,
  tuner: Tuner,
  options: TuneOptions,
  say: (message: string) => void,
): Promise<TuningEntry> {
  const { model, profiles } = sidecar
  const trials = trialsOf(profiles, options.budgets ?? defaultBudgets)
  const batches = different(trials)
  say(`${model}: timing ${batches.length} batches of ${path}; under a minute for most models`)
  let done = 0
  const start = performance.now()
  const measured = await tuner.time(
    { model, plan: path, batches },
    (skipped) => {
      done++
      if (skipped !== undefined) say(`${model}: left out ${skipped}`)
      else if (done % 5 === 0 || done === batches.length) {
        say(
          `${model}: ${done} of ${batches.length} batches after ${Math.round((performance.now() - start) / 1000)} s`,
        )
      }
    },
    options.signal,
  )
  const choice = chooseBudgets(profiles, trials, measured)
  if (choice === undefined) {
    throw new EngineError(
      `${model}: ${path} ran none of the batches: larger --budgets, or fewer rows than its profiles take`,
    )
  }
  say(`${model}: batches of ${choice.tokenBudget} tokens`)
  return {
    model,
    gpu,
    computeCapability,
    tensorrt,
    plan: digestOf(sidecar),
    tokenBudget: choice.tokenBudget,
    ranges: choice.ranges.map((range) => ({ ...range })),
    measured: measured.map(({ rows, tokens, milliseconds }) => ({
      rows,
      tokens,
      milliseconds: Math.round(1000 * milliseconds) / 1000,
      tokensPerSecond: Math.round((1000 * rows * tokens) / milliseconds),
    })),
    tuned: new Date().toISOString(),
  }
}

/** Two budgets may come to the same batch. */
function different(trials: readonly Trial[]): [rows: number, tokens: number][] {
  const shapes = new Map(
    trials.map(({ rows, tokens }) => [`${rows}x${tokens}`, [rows, tokens] as [number, number]]),
  )
  return [...shapes.values()]
}

async function store(
  folder: string,
  tuning: Tuning | undefined,
  engine: Usable,
  entry: TuningEntry,
): Promise<void> {
  const others = (tuning?.entries ?? []).filter(
    (each) => each.model !== entry.model || each.plan !== digestOf(engine.sidecar) || each.gpu !== entry.gpu,
  )
  const content: Tuning = { format: 'virnucpro-tuning', version: 1, entries: [...others, entry] }
  await writeAtomically(join(folder, TUNING_FILE), `${JSON.stringify(content, null, 2)}\n`)
}

function isAbout(entry: TuningEntry, { sidecar }: Usable, { gpu, tensorrt }: Target): boolean {
  const { model, plan } = entry
  return (
    model === sidecar.model && plan === digestOf(sidecar) && entry.gpu === gpu && entry.tensorrt === tensorrt
  )
}

function digestOf(sidecar: Usable['sidecar']): string {
  const digest = (sidecar as { plan?: { sha256?: unknown } }).plan?.sha256
  return typeof digest === 'string' ? digest : 'unknown'
}
