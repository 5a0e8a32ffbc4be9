import { homeFolder, requireWritableHome, withHomeLock } from '../home/index.ts'
import { freeBytes, lackOfGpus } from '../machine/index.ts'
import type { Expense } from '../server/deploy/index.ts'
import { bytes } from '../text/numbers.ts'
import { SetupError } from './errors.ts'
import type { SetupOptions } from './options.ts'
import { installationOf, withSignal } from './server.ts'
import { inspect, type Situation } from './situation.ts'
import { STEPS, type Step } from './steps.ts'

/** A step before it begins. */
export interface PlannedStep {
  readonly name: string
  readonly title: string
  readonly isDone: boolean
  /** Estimated time and disk space; zero when the step is done. */
  readonly expense: Expense
}

export interface SetupPlan {
  readonly home: string
  readonly freeBytes: number
  /** GPUs to set up, by name. */
  readonly gpus: readonly string[]
  /** Why there are none, if the driver reports a reason. */
  readonly lack?: string
  readonly precision: string
  readonly steps: readonly PlannedStep[]
}

/** Receives the progress of a set-up. */
export interface Progress {
  /** @param left what remains to be done, this step first */
  begin(step: PlannedStep, left: readonly PlannedStep[]): void
  end(step: PlannedStep): void
}

const NOTHING: Expense = { seconds: 0, bytes: 0 }

/** See `planSetup` in index.ts. */
export async function planSetup(options: SetupOptions): Promise<SetupPlan> {
  const situation = await inspect(options)
  const steps = await planSteps(situation)
  // A missing server is reported before gigabytes are downloaded.
  if (steps.some(({ name, isDone }) => name === 'server' && !isDone)) await installationOf(situation)
  const home = homeFolder()
  return {
    home,
    freeBytes: await freeBytes(home),
    gpus: situation.gpus.map(({ name }) => name),
    ...(isHidden(situation) && { lack: lackOfGpus(situation.survey) }),
    precision: situation.gpus.length > 0 ? situation.gpuPrecision : situation.cpuPrecision,
    steps,
  }
}

/** Whether the driver lists GPUs of which this process may use none. */
function isHidden({ gpus, survey }: Situation): boolean {
  return gpus.length === 0 && survey.gpus.length === 0 && (survey.all.length > 0 || survey.undivided > 0)
}

async function planSteps(situation: Situation, from: readonly Step[] = STEPS): Promise<PlannedStep[]> {
  const planned: PlannedStep[] = []
  for (const step of from) {
    if (!step.applies(situation)) continue
    const isDone = await step.isDone(situation)
    const expense = isDone ? NOTHING : await step.expense(situation)
    planned.push({ name: step.name, title: await step.title(situation), isDone, expense })
  }
  return planned
}

/** See `setUp` in index.ts. */
export async function setUp(given: SetupOptions, progress: Progress): Promise<void> {
  await requireWritableHome()
  const { logger } = given
  await withHomeLock('setup', (signal) => carryOut(withSignal(given, signal), progress), {
    signal: given.signal,
    onWait: (owner) => logger.info(`waiting for ${owner}, which sets up the same home`),
  })
}

/** The situation is found out again before each step, since the step before has changed it. */
async function carryOut(options: SetupOptions, progress: Progress): Promise<void> {
  requireRoom(await planSetup(options))
  for (const [i, step] of STEPS.entries()) {
    options.signal.throwIfAborted()
    const situation = await inspect(options)
    if (!step.applies(situation) || (await step.isDone(situation))) continue
    const [planned, ...later] = await planSteps(situation, STEPS.slice(i))
    if (planned === undefined) continue
    progress.begin(planned, [planned, ...later.filter(({ isDone }) => !isDone)])
    await step.work(situation)
    progress.end(planned)
  }
}

/** @throws SetupError when the disk is too small for the remaining steps */
function requireRoom({ home, freeBytes: free, steps }: SetupPlan): void {
  const needed = steps.reduce((sum, { expense }) => sum + expense.bytes, 0)
  if (needed <= free) return
  throw new SetupError(
    `${home}: the disk is too small: ${bytes(needed)} are to come, and ${bytes(free)} are free`,
    { kind: 'inputOutput', detail: { code: 'no-room-in-home', data: {} } },
  )
}
