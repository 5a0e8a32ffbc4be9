import { homePlace } from '../home/index.ts'
import { type Pullable, pullModels } from '../pull/index.ts'
import type { Expense } from '../server/deploy/index.ts'
import { hasSameSources } from './bundle.ts'
import type { SetupOptions } from './options.ts'
import type { Situation } from './situation.ts'

/** Assumed speed of a download, in bytes per second. */
const USUAL_SPEED = 30e6

/** Published weights that are needed and not on this machine. */
export async function missingWeights(situation: Situation): Promise<Pullable[]> {
  const { base, before, weights, options, deployment, gpus } = situation
  const { missing } = weights
  const derive = deployment?.steps.find(({ name }) => name === 'models')
  const isMade = base !== undefined && (gpus.length === 0 || (await derive?.isDone()) === true)
  const hasClassifiers = base !== undefined || hasSameSources(before, weights) || options.mlp.length > 0
  return [...(isMade ? [] : missing.models), ...(hasClassifiers ? [] : missing.classifiers)]
}

/** Answers of earlier calls, by models and source: a set-up is planned several times. */
const asked = new Map<string, Expense>()

/** Asks the source of the weights for their sizes, and logs them. */
export async function expenseOfWeights(situation: Situation): Promise<Expense> {
  const models = await missingWeights(situation)
  if (models.length === 0) return { seconds: 0, bytes: 0 }
  const { options } = situation
  const key = [options.from, ...models.map(({ name }) => name)].join('\n')
  const known = asked.get(key)
  if (known !== undefined) return known
  const pulled = await pullModels({ ...pullOptions(options), models, dryRun: true })
  const bytes = pulled.reduce((sum, each) => sum + each.bytes, 0)
  const expense = { seconds: bytes / USUAL_SPEED, bytes }
  asked.set(key, expense)
  return expense
}

export async function bringWeights(situation: Situation): Promise<void> {
  const models = await missingWeights(situation)
  await pullModels({ ...pullOptions(situation.options), models, dryRun: false })
}

function pullOptions({ from, logger, signal, onBytes }: SetupOptions) {
  return {
    output: homePlace('weights'),
    inPlace: true,
    from,
    connections: 4,
    timeoutMs: 30_000,
    retries: 5,
    force: false,
    onInfo: (message: string) => logger.info(message),
    onWarning: (message: string) => logger.warn(message),
    onProgress: onBytes ?? (() => {}),
    signal,
  }
}
