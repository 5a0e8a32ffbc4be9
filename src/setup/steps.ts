import { precisionFacts, publishedLength } from '../bundle/index.ts'
import { isSpeedKnown, measureSpeed } from '../estimate/index.ts'
import { gpuNames } from '../machine/index.ts'
import {
  type DeployStep,
  type Expense,
  estimateCheck,
  estimateDeployment,
  estimateImport,
  estimateRecheck,
  withDeployLock,
} from '../server/deploy/index.ts'
import { VirnucproError } from '../system/errors.ts'
import { addClassifiersTo, isMade, makeBundle } from './bundle.ts'
import { check, isChecked } from './check.ts'
import { SetupError } from './errors.ts'
import { bringWeights, expenseOfWeights, missingWeights } from './pulling.ts'
import { isMeasured, measureRecheck } from './recheck.ts'
import { decide, expenseOfServer, installationOf, isDecided } from './server.ts'
import { rechecked, type Situation } from './situation.ts'

/** One step of a set-up. */
export interface Step {
  readonly name: string
  title(situation: Situation): Promise<string> | string
  /** Whether this machine needs the step at all. */
  applies(situation: Situation): boolean
  isDone(situation: Situation): Promise<boolean> | boolean
  /** Estimated time and disk space while the step is not done. */
  expense(situation: Situation): Promise<Expense> | Expense
  work(situation: Situation): Promise<void>
}

const hasGpus = ({ gpus }: Situation) => gpus.length > 0

/** All steps, in order. A step may need the results of those before it. */
export const STEPS: readonly Step[] = [
  {
    name: 'weights',
    title: async (situation) => {
      const names = (await missingWeights(situation)).map(({ name, licence }) => {
        return `${/^\d+$/.test(name) ? `${name}_model.pth` : name} (${licence})`
      })
      return names.length === 0 ? 'the weights' : `the weights of ${names.join(', ')}`
    },
    applies: () => true,
    isDone: async (situation) => (await missingWeights(situation)).length === 0,
    expense: expenseOfWeights,
    work: bringWeights,
  },
  {
    name: 'bundle',
    title: ({ cpuPrecision }) => `the bundle in ${precisionFacts(cpuPrecision).label}`,
    applies: () => true,
    isDone: isMade,
    expense: ({ base, sizes, cpuPrecision, machine }) =>
      base !== undefined
        ? { seconds: 0, bytes: 0 }
        : estimateImport(sizes, {
            precision: cpuPrecision,
            isCalibrated: cpuPrecision === 'int8',
            cores: machine.cores,
          }),
    work: makeBundle,
  },
  {
    name: 'classifiers',
    title: ({ classifiers }) =>
      `classifiers: ${classifiers.map(({ path, chunkLength = publishedLength(path) }) => (chunkLength === undefined ? path : `${path} for chunks of ${chunkLength} bases`)).join(', ')}`,
    applies: ({ base, classifiers }) => base !== undefined && classifiers.length > 0,
    isDone: ({ classifiers }) => classifiers.length === 0,
    expense: () => ({ seconds: 1, bytes: 1e7 }),
    work: addClassifiersTo,
  },
  {
    name: 'speed',
    title: () => 'the speed of this processor, for estimates',
    // GPUs are timed when their batches are tuned.
    applies: (situation) => !hasGpus(situation),
    isDone: async ({ base }) => base !== undefined && (await isSpeedKnown(base)),
    expense: () => ({ seconds: 10, bytes: 0 }),
    work: measure,
  },
  {
    name: 'server',
    title: async (situation) => {
      const plan = (await isDecided(situation)) ? undefined : await installationOf(situation)
      return plan === undefined ? 'the server' : `${plan.label} (${plan.licences})`
    },
    applies: hasGpus,
    isDone: isDecided,
    expense: expenseOfServer,
    work: decide,
  },
  deployStep('models', ({ gpuPrecision }) => `the models in ${precisionFacts(gpuPrecision).label}`),
  deployStep('plans', ({ gpus }) => `TensorRT plans for ${gpuNames(gpus)}`),
  deployStep('batches', () => 'the sizes of batches that suit the GPUs'),
  deployStep('repository', () => 'the model repository'),
  {
    name: 'check',
    title: ({ cpuPrecision }) =>
      `a comparison of the server with the ${precisionFacts(cpuPrecision).label} graphs`,
    applies: hasGpus,
    isDone: isChecked,
    expense: ({ sizes }) => ({ seconds: estimateCheck(sizes), bytes: 0 }),
    work: check,
  },
  {
    name: 'recheck',
    title: ({ gpuPrecision }) => `how far ${precisionFacts(gpuPrecision).label} is from what rechecks it`,
    applies: (situation) => hasGpus(situation) && precisionFacts(situation.gpuPrecision).partnered === true,
    isDone: isMeasured,
    expense: ({ sizes }) => ({ seconds: estimateRecheck(sizes), bytes: 1e5 }),
    work: measureRecheck,
  },
]

/** A failure is only a warning: runs work without the speed, and measure their own. */
async function measure({ base, options: { logger, signal } }: Situation): Promise<void> {
  if (base === undefined) return
  try {
    await measureSpeed(base, { seconds: MEASURED_SECONDS, signal })
  } catch (error) {
    if (!(error instanceof VirnucproError)) throw error
    logger.warn(`how fast this processor is was not measured: ${error.message}`)
  }
}

/** Long enough for thousands of tokens of large models. */
const MEASURED_SECONDS = 1

/** A step of the deployment. It counts as not done until bundle and server are known. */
function deployStep(
  name: Exclude<DeployStep['name'], 'server'>,
  title: (situation: Situation) => string,
): Step {
  const stepOf = ({ deployment }: Situation) => deployment?.steps.find((step) => step.name === name)
  return {
    name,
    title,
    applies: hasGpus,
    isDone: async (situation) =>
      (await isDecided(situation)) && ((await stepOf(situation)?.isDone()) ?? false),
    expense: (situation) => stepOf(situation)?.expense ?? estimateOf(situation)[name],
    work: async (situation) => {
      const { deployment } = situation
      if (deployment === undefined) throw new SetupError('the bundle or the server is missing')
      // A run that needs a missing part makes it, too.
      await withDeployLock(deployment.request, async () => {
        const step = stepOf(situation)
        if (step !== undefined && !(await step.isDone())) await step.work()
      })
    },
  }
}

function estimateOf({ sizes, gpus, gpuPrecision, machine, options }: Situation) {
  return estimateDeployment(sizes, gpus, {
    precision: gpuPrecision,
    isCalibrated: options.calibrate !== 'none',
    isPartnered: rechecked(gpuPrecision).recheck === true,
    cores: machine.cores,
  })
}
