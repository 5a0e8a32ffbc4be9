import {
  type Bundle,
  type Classifier,
  FEATURE_ORDER,
  forModels,
  MODEL_NAMES,
  MODELS,
  type ModelName,
  modelDigest,
  openBundle,
  readTokenizers,
  type Tokenizer,
} from '../bundle/index.ts'
import type { EmbeddingBackend, ServerFacts } from '../dispatch/index.ts'
import { findBundle } from '../home/index.ts'
import type { ModelCounts } from '../monitor/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import type { Logger } from '../system/logger.ts'
import { count } from '../text/numbers.ts'
import { openBackend } from './backend.ts'
import { chooseClassifier, describeClassifier, type RunClassifier } from './classifier.ts'
import type { ModelInput } from './model-work.ts'

/** Printed in everything a demonstration writes. */
const DEMONSTRATION = 'DEMONSTRATION: made with random models, these calls mean nothing'

/** The three models of a run, ready to compute. */
export interface RunModels extends AsyncDisposable {
  backend: EmbeddingBackend
  classifier: Classifier
  /** What the bundle calls itself. */
  name: string
  /** Numbers in the embedding of each model. */
  widths: Record<ModelName, number>
  /** Of the bundle with the classifier of the run. */
  digest: string
  /** What reports say of the classifier. */
  classifierFacts: RunClassifier['facts']
  /** Changes when anything does that changes the numbers: a model of the run, or what servers compute it in. */
  identity: string
  /** Set when the calls of these models mean nothing. */
  stamp: string | undefined
  /** How each model reads frames, in the order of the columns of the features. */
  inputs: readonly ModelInput[]
}

/**
 * Opens the bundle and the backend of a run.
 *
 * @param onLost called when a server that was started for this run ends by itself
 * @throws UsageError when the options ask for what the bundle or this program does not have
 */
export async function openModels(
  options: PredictOptions,
  logger: Logger,
  onLost: (error: unknown) => void,
  signal?: AbortSignal,
): Promise<RunModels> {
  const bundle = await openBundle((await findBundle(options.bundle)).folder, signal)
  await using opened = new AsyncDisposableStack()
  const chosen = await chooseClassifier(options, bundle, logger)
  const classifier = opened.use(await chosen.open())
  const backend = opened.use(await openBackend({ options, bundle, logger, signal, onLost }, opened))
  const stamp = bundle.manifest.demo ? DEMONSTRATION : undefined
  if (stamp !== undefined) logger.warn(stamp)
  logger.info(`models: ${bundle.manifest.name}; ${backend.description}`)
  for (const model of MODEL_NAMES)
    logger.note?.(
      `${model} of the bundle: ${bundle.manifest.precision}, digest ${modelDigest(bundle.manifest, model)}`,
    )
  logger.note?.(describeClassifier(chosen.facts))
  const servers = await backend.serverFacts()
  for (const server of servers) logger.info(`server ${describeServer(server)}`)
  const inputs = modelInputs(options, bundle, await readTokenizers(bundle), backend, logger)
  const closing = opened.move()
  return {
    backend,
    classifier,
    name: bundle.manifest.name,
    widths: forModels((model) => bundle.manifest.models[model].dimension),
    digest: chosen.digest,
    classifierFacts: chosen.facts,
    identity: [chosen.digest, ...foreignModels(bundle, servers)].join(', '),
    stamp,
    inputs,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

/**
 * What the servers compute that is not the bundle's own, for the identity of the run: a part of a run in one precision is
 * not continued in another. Nothing where they host the very models of the bundle, so that it makes no difference then
 * whether a server computes or this process.
 */
function foreignModels({ manifest }: Bundle, servers: readonly ServerFacts[]): string[] {
  return MODEL_NAMES.flatMap((model) => {
    if (servers.some(({ unstated }) => unstated.includes(model)))
      return [`${model} of a server that does not say what it is`]
    // All that have been asked agree.
    const served = servers.find(({ models }) => models[model] !== undefined)?.models[model]
    if (served === undefined || served.digest === modelDigest(manifest, model)) return []
    return [`${model} in ${served.precision} ${served.digest}`]
  })
}

/** One line about a server. */
export function describeServer({ address, program, models }: ServerFacts): string {
  const parts = Object.entries(models).map(([name, served]) =>
    served === undefined
      ? `${name} unknown`
      : `${name} in ${served.precision}, digest ${served.digest.slice(0, 12)}, version ${served.version}`,
  )
  return `${address}: ${[program ?? 'program unknown', ...parts].join('; ')}`
}

/** In the order of the columns of the features. */
function modelInputs(
  options: PredictOptions,
  { manifest }: Bundle,
  tokenizers: Record<ModelName, Tokenizer>,
  backend: EmbeddingBackend,
  logger: Logger,
): ModelInput[] {
  const budgets: Partial<Record<`${string}TokenBudget`, number | undefined>> = { ...options }
  let columns = 0
  return FEATURE_ORDER.map((model) => {
    const { dimension, maxResidues } = manifest.models[model]
    const column = columns
    columns += dimension
    const tokenizer = tokenizers[model]
    return {
      model,
      column,
      tokenBudget: budgets[`${MODELS[model].short}TokenBudget`] ?? backend.tokenBudget(model),
      maxSequences: backend.maxSequences(model),
      tapers: backend.tapers,
      padId: tokenizer.padId,
      sequences: (part) => (MODELS[model].sequence === 'protein' ? part.proteins : part.nucleotides),
      encode:
        maxResidues === undefined
          ? (sequence) => tokenizer.encode(sequence)
          : cutting(tokenizer, maxResidues, options.layout === 'broad', logger),
    }
  })
}

/** Encodes sequences of any length; the first that is longer than the mean is worth a warning. */
function cutting(
  tokenizer: Tokenizer,
  maxResidues: number,
  cut: boolean,
  logger: Logger,
): ModelInput['encode'] {
  let said = false
  return (sequence) => {
    if (sequence.length > maxResidues && !said) {
      said = true
      logger.warn(
        cut
          ? `frames of more than ${maxResidues} residues are cut to ${maxResidues}, as in Broad's fork`
          : `frames of more than ${maxResidues} residues: the mean covers the first ${maxResidues}, as in the original`,
      )
    }
    return tokenizer.encode(cut ? sequence.subarray(0, maxResidues) : sequence)
  }
}

/** One line about the work the models did. */
export function describeWork(work: Readonly<Record<ModelName, ModelCounts>>): string {
  return FEATURE_ORDER.map((model) => {
    const { sequences, tokens, paddedTokens } = work[model]
    return (
      `${MODELS[model].label}: ${count(sequences, 'different sequence')}, ${count(tokens, 'token')}, ` +
      `${padding(tokens, paddedTokens)} padding`
    )
  }).join('; ')
}

function padding(tokens: number, paddedTokens: number): string {
  return paddedTokens === 0 ? 'no' : `${(100 * (1 - tokens / paddedTokens)).toFixed(1)} %`
}
