import { join } from 'node:path'
import { HOSTED_NAMES, type HostedName, modelOf } from '../../bundle/index.ts'
import { writeAtomically } from '../../system/atomic.ts'
import { requireLinux } from '../../system/platform.ts'
import {
  type PlanSidecar,
  readTuning,
  TUNING_FILE,
  type Tuning,
  type TuningEntry,
} from '../repository/index.ts'
import { chooseBudgets, defaultBudgets, type Measurement, trialsOf } from './budgets.ts'
import { EngineError } from './errors.ts'
import type { Say } from './reporter.ts'
import { type FoundEngine, findEngines } from './show.ts'
import { type Launching, probeTensorRt, runScript, type ScriptEvent, type Target } from './tensorrt.ts'
import { wholeWaves } from './waves.ts'

export interface TuneOptions extends Pick<Launching, 'environment'> {
  /** Folder of `engines build`; `tuning.json` is written into it. */
  readonly plans: string
  /** @default both, and a partner whose plan is there */
  readonly models?: readonly HostedName[]
  /** Token budgets to compare, ascending. @default 4,096 to 65,536, each as the nearest whole waves of the GPU */
  readonly budgets?: readonly number[]
  /** @default 'python3' */
  readonly python?: string
  /** Measure plans that have been measured already. @default false */
  readonly force?: boolean
  /** Called with what is being done. */
  readonly onProgress?: Say
  readonly signal?: AbortSignal
}

/** Each batch is run for about so long. */
const MILLISECONDS = 400

/**
 * Times the plans for the GPU of this machine with batches of many sizes and writes the token budget that is best for
 * each into `tuning.json`; `repository build` puts it into the model's configuration, where `predict` finds it. What is
 * known of other plans and GPUs stays in the file, and a measurement that is stopped changes nothing.
 *
 * @returns the entries of the plans for this GPU
 * @throws EngineError {@link EngineBuildError} {@link PlanError}
 */
export async function tuneEngines(options: TuneOptions): Promise<TuningEntry[]> {
  requireLinux('TensorRT plans cannot be timed')
  const say = options.onProgress ?? (() => {})
  // Said before a missing GPU is: a wrong folder is the more likely slip.
  const all = await findEngines(options.plans)
  if (all.length === 0) {
    const detail = { code: 'no-plans', data: {} } as const
    throw new EngineError(`no TensorRT plan in ${options.plans}`, { kind: 'noInput', detail })
  }
  const target = await probeTensorRt(options.python ?? 'python3', options)
  const { gpu, computeCapability, tensorrt } = target
  say(`TensorRT ${tensorrt} on ${gpu}, compute capability ${computeCapability}`)
  const isThere = (name: HostedName) => all.some(({ sidecar }) => sidecar?.model === name)
  const models = options.models ?? HOSTED_NAMES.filter((name) => modelOf(name) === name || isThere(name))
  const entries: TuningEntry[] = []
  for (const engine of await plansFor(options.plans, models, target)) {
    const known = (await readTuning(options.plans))?.entries ?? []
    const own = known.filter((entry) => isAbout(entry, engine, target))
    const measured = own.find((entry) => entry.tensorrt === tensorrt)
    if (measured !== undefined && options.force !== true) {
      const { model, tokenBudget, tuned } = measured
      say(`${model}: batches of ${tokenBudget} tokens, measured ${tuned}`, {
        code: 'kept',
        data: { again: 'measure' },
      })
      entries.push(measured)
      continue
    }
    const entry = await measure(engine, target, options, say)
    const others = known.filter((each) => !own.includes(each))
    const content: Tuning = { format: 'virnucpro-tuning', version: 1, entries: [...others, entry] }
    await writeAtomically(join(options.plans, TUNING_FILE), `${JSON.stringify(content, null, 2)}\n`)
    entries.push(entry)
  }
  return entries
}

type Usable = FoundEngine & { sidecar: PlanSidecar }

async function plansFor(folder: string, models: readonly HostedName[], target: Target): Promise<Usable[]> {
  const { computeCapability, tensorrt, gpu } = target
  const found = await findEngines(folder, { computeCapability, tensorrt })
  return models.map((model) => {
    const own = found.filter(({ sidecar }) => sidecar?.model === model)
    const usable = own.find((engine): engine is Usable => engine.problem === undefined)
    if (usable !== undefined) return usable
    const reasons = own.map(({ path, problem }) => `${path} ${problem}`).join('; ')
    throw new EngineError(
      `no plan of ${model} in ${folder} runs on ${gpu}${reasons === '' ? '' : `: ${reasons}`}`,
      { detail: { code: 'no-plans', data: {} } },
    )
  })
}

async function measure(
  { path, sidecar }: Usable,
  { gpu, computeCapability, tensorrt, multiprocessors }: Target,
  options: TuneOptions,
  say: Say,
): Promise<TuningEntry> {
  const { model, profiles } = sidecar
  const budgets = options.budgets ?? [
    ...new Set(defaultBudgets.map((each) => wholeWaves(each, multiprocessors))),
  ]
  const trials = trialsOf(profiles, budgets)
  // Two budgets may come to the same batch.
  const batches = [
    ...new Map(trials.map(({ rows, tokens }) => [`${rows}x${tokens}`, [rows, tokens]])).values(),
  ]
  say(`${model}: timing ${batches.length} batches of ${path}; under a minute for most models`)
  const measured: Measurement[] = []
  let done = 0
  const start = performance.now()
  const onEvent = (event: ScriptEvent) => {
    if (event.event === 'measured') measured.push(event)
    else if (event.event === 'skipped')
      say(`${model}: left out ${event.rows} x ${event.tokens}: ${event.reason}`)
    else return
    done++
    if (done % 5 !== 0 && done !== batches.length) return
    const seconds = Math.round((performance.now() - start) / 1000)
    say(`${model}: ${done} of ${batches.length} batches after ${seconds} s`)
  }
  const request = { plan: path, batches, milliseconds: MILLISECONDS }
  const { python = 'python3', environment, signal } = options
  await runScript({
    python,
    script: 'tune_engine.py',
    subject: model,
    request,
    onEvent,
    environment,
    signal,
  })
  const choice = chooseBudgets(profiles, trials, measured)
  if (choice === undefined) {
    throw new EngineError(
      `${model}: ${path} ran none of the batches: try other token budgets, which its profiles take`,
    )
  }
  say(`${model}: batches of ${choice.tokenBudget} tokens`)
  return {
    model,
    gpu,
    computeCapability,
    tensorrt,
    plan: digestOf(sidecar),
    ...choice,
    measured: measured.map(({ rows, tokens, milliseconds }) => ({
      rows,
      tokens,
      milliseconds: Math.round(1000 * milliseconds) / 1000,
      tokensPerSecond: Math.round((1000 * rows * tokens) / milliseconds),
    })),
    tuned: new Date().toISOString(),
  }
}

/** Whether an entry is of this plan, measured on this GPU. */
function isAbout({ model, plan, gpu }: TuningEntry, { sidecar }: Usable, target: Target): boolean {
  return model === sidecar.model && plan === digestOf(sidecar) && gpu === target.gpu
}

function digestOf({ plan }: PlanSidecar): string {
  return plan?.sha256 ?? 'unknown'
}
