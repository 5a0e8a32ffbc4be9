import {
  type Bundle,
  type Classifier,
  FEATURE_ORDER,
  forModels,
  type HostedName,
  type Manifest,
  MODEL_NAMES,
  MODELS,
  type ModelName,
  modelDigest,
  modelOf,
  openBundle,
  partnerOf,
  type RecheckFacts,
  readTokenizers,
  recheckOf,
  type Tokenizer,
} from '../bundle/index.ts'
import { type EmbeddingBackend, OtherModelError, type ServerFacts } from '../dispatch/index.ts'
import { findBundle, lease } from '../home/index.ts'
import type { ModelCounts, SparedCounts } from '../monitor/index.ts'
import { statedModels, statedRecheck } from '../server/repository/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import type { Logger } from '../system/logger.ts'
import { orClose } from '../system/or-close.ts'
import { count } from '../text/numbers.ts'
import { openBackend } from './backend.ts'
import { chooseWay } from './choose-way.ts'
import {
  type ClassifierChoice,
  chooseClassifier,
  describeClassifier,
  type RunClassifier,
} from './classifier.ts'
import type { BatchLimits, ModelInput } from './model-input.ts'
import { planRecheck, type RecheckPlan, type RunRecheck } from './recheck-plan.ts'
import { RunBackend } from './run-backend.ts'
import type { Way, WayOptions } from './way.ts'

/** Printed in everything a demonstration writes. */
const demonstration = (results: string) =>
  `DEMONSTRATION: made with random models, these ${results} mean nothing`

/** The language models of a bundle, and what computes them. */
export interface LanguageModels extends AsyncDisposable {
  /** What computes the embeddings; a server of the run's own begins to start when the run begins it. */
  backend: RunBackend
  /** How it computes. */
  way: Way
  /** Of the bundle. */
  manifest: Manifest
  /** What the model computes in that can have a partner. */
  precision: string
  /** What the bundle calls itself. */
  name: string
  /** Numbers in the embedding of each model. */
  widths: Record<ModelName, number>
  /** What servers compute that is not the bundle's own, in words; empty where it makes no difference. */
  foreign: readonly string[]
  /** Why that computes which does, in words. */
  why: string
  /** Set when what these models give means nothing. */
  stamp: string | undefined
  /** How each model reads frames, in the order of the columns of the features. */
  inputs: readonly ModelInput[]
}

/** The three models of a run. */
export interface RunModels extends LanguageModels {
  classifier: Classifier
  /** Of the bundle with the classifier of the run. */
  digest: string
  /** What reports say of the classifier. */
  classifierFacts: RunClassifier['facts']
  /** How frames are rechecked; undefined where none are. */
  recheck: RunRecheck | undefined
  /** Changes when anything does that changes the numbers: a model of the run, or what servers compute it in. */
  identity: string
}

/** What decides which language models are opened, and how they read frames. */
export type LanguageOptions = WayOptions &
  Pick<PredictOptions, 'bundle' | 'layout' | 'esmTokenBudget' | 'dnabertTokenBudget'>

/**
 * Opens the bundle and the backend of a run. A server of its own is not started yet: its repository says what it will
 * compute.
 *
 * @param onLost called when a server that was started for this run ends by itself
 * @throws UsageError when the options ask for what the bundle or this program does not have
 */
export async function openModels(
  options: LanguageOptions & ClassifierChoice & Partial<Pick<PredictOptions, 'recheck'>>,
  logger: Logger,
  onLost: (error: unknown) => void,
  signal?: AbortSignal,
): Promise<RunModels> {
  await using opened = new AsyncDisposableStack()
  const { bundle, id } = await leasedBundle(options.bundle, opened, signal)
  const chosen = await chooseClassifier(options, bundle, logger)
  const classifier = opened.use(await chosen.open())
  logger.note?.(describeClassifier(chosen.facts))
  const language = opened.use(
    await openLanguageModels({ options, bundle, id, logger, onLost, signal, results: 'calls' }),
  )
  const { backend, precision } = language
  const asked = { asked: options.recheck, facts: backend.recheck, precision, classifier: chosen.graph }
  const plan = planRecheck(asked, logger)
  const closing = opened.move()
  return {
    ...language,
    classifier,
    recheck: plan && recheckOfRun(plan, options, language),
    digest: chosen.digest,
    classifierFacts: chosen.facts,
    identity: [chosen.digest, ...language.foreign, ...(plan ? [plan.identity] : [])].join(', '),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

/**
 * Opens the language models of a run that has no classifier.
 *
 * @param onLost called when a server that was started for this run ends by itself
 * @throws UsageError when the options ask for what the bundle or this program does not have
 */
export async function openBackbones(
  options: LanguageOptions,
  logger: Logger,
  onLost: (error: unknown) => void,
  signal?: AbortSignal,
): Promise<LanguageModels> {
  await using opened = new AsyncDisposableStack()
  const { bundle, id } = await leasedBundle(options.bundle, opened, signal)
  const language = opened.use(
    await openLanguageModels({ options, bundle, id, logger, onLost, signal, results: 'embeddings' }),
  )
  const closing = opened.move()
  return { ...language, [Symbol.asyncDispose]: () => closing.disposeAsync() }
}

/** A bundle that nobody removes meanwhile, and its name in the home. */
async function leasedBundle(
  name: string | undefined,
  opened: AsyncDisposableStack,
  signal: AbortSignal | undefined,
): Promise<{ bundle: Bundle; id: string | undefined }> {
  const { folder, id } = await findBundle(name)
  opened.use(await lease(folder))
  return { bundle: await openBundle(folder, signal), id }
}

interface LanguageRequest {
  options: LanguageOptions
  bundle: Bundle
  id: string | undefined
  logger: Logger
  onLost: (error: unknown) => void
  signal: AbortSignal | undefined
  /** What is made with them. */
  results: 'calls' | 'embeddings'
}

async function openLanguageModels(request: LanguageRequest): Promise<LanguageModels> {
  const { options, bundle, id, logger, onLost, signal, results } = request
  await using opened = new AsyncDisposableStack()
  const asked = { options, bundle, isOfHome: id !== undefined, logger }
  const way = await chooseWay({ ...asked, signal })
  const stamp = bundle.manifest.demo ? demonstration(results) : undefined
  if (stamp !== undefined) logger.warn(stamp)
  logger.note?.(`${PLACES[way.kind]}, since ${way.why}`)
  const stated = await factsBefore(way)
  const recheck = await recheckBefore(way, bundle)
  const dimensions = forModels((model) => bundle.manifest.models[model].dimension)
  const backend = opened.use(
    new RunBackend(dimensions, recheck, async (closing, stack) => {
      const stops = AbortSignal.any([closing, ...(signal === undefined ? [] : [signal])])
      const request = { ...asked, signal: stops, onLost }
      const computing = await openBackend(way, request, stack)
      return await orClose({ close: () => computing[Symbol.asyncDispose]() }, async () => {
        await introduce(bundle, computing, stated, logger)
        return computing
      })
    }),
  )
  const servers = stated ?? (await backend.serverFacts())
  const inputs = modelInputs(options, bundle, await readTokenizers(bundle), backend, logger)
  const closing = opened.move()
  return {
    backend,
    way,
    manifest: bundle.manifest,
    precision: precisionOf(bundle, servers),
    name: bundle.manifest.name,
    widths: dimensions,
    foreign: foreignModels(bundle, servers),
    why: way.why,
    stamp,
    inputs,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

const PLACES: Readonly<Record<Way['kind'], string>> = {
  here: 'this process computes',
  running: 'servers compute that run already',
  started: 'a server computes that is started for this run',
}

/** What the server will be that a run starts; undefined where nobody knows before it is asked. */
async function factsBefore(way: Way): Promise<ServerFacts[] | undefined> {
  if (way.kind === 'here') return []
  if (way.kind === 'running') return undefined
  const models = await statedModels(way.launch.repository)
  return models && [{ address: way.launch.repository, program: undefined, models, unstated: [] }]
}

/** What can be rechecked, as far as that is known before anything is opened. */
async function recheckBefore(way: Way, bundle: Bundle): Promise<RecheckFacts | undefined> {
  if (way.kind === 'here') return await recheckOf(bundle)
  return way.kind === 'started' ? await statedRecheck(way.launch.repository) : undefined
}

/**
 * Says what computes.
 * @throws OtherModelError when a server that was started is not what its repository says
 */
async function introduce(
  { manifest }: Bundle,
  backend: EmbeddingBackend,
  stated: readonly ServerFacts[] | undefined,
  logger: Logger,
): Promise<void> {
  logger.info(`models: ${manifest.name}; ${backend.description}`)
  for (const model of MODEL_NAMES)
    logger.note?.(`${model} of the bundle: ${manifest.precision}, digest ${modelDigest(manifest, model)}`)
  for (const server of await backend.serverFacts()) {
    logger.info(`server ${describeServer(server)}`)
    for (const { address, models } of stated ?? []) {
      const other = MODEL_NAMES.find((model) => models[model]?.digest !== server.models[model]?.digest)
      if (other === undefined) continue
      throw new OtherModelError(`${server.address} does not host the ${other} that ${address} has`)
    }
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

function precisionOf({ manifest }: Bundle, servers: readonly ServerFacts[]): string {
  const model = MODEL_NAMES.find((name) => partnerOf(name) !== undefined)
  const served = model && servers.find(({ models }) => models[model] !== undefined)?.models[model]
  return served?.precision ?? manifest.precision
}

/** The recheck of a run: its models read frames as those do that they recheck. */
function recheckOfRun(
  plan: RecheckPlan,
  options: LanguageOptions,
  { backend, inputs, manifest }: LanguageModels,
): RunRecheck {
  const { name, model } = plan.facts
  const { maxResidues } = manifest.models[model]
  const isCut = options.layout === 'broad' && maxResidues !== undefined
  return {
    ...plan,
    inputs: inputs.map((input) =>
      input.model === model
        ? { ...input, model: name, limits: () => limitsOf(options, backend, name) }
        : input,
    ),
    mostResidues: isCut ? maxResidues : Number.POSITIVE_INFINITY,
  }
}

function limitsOf(options: LanguageOptions, backend: EmbeddingBackend, name: HostedName): BatchLimits {
  const budgets: Partial<Record<`${string}TokenBudget`, number | undefined>> = { ...options }
  return {
    tokenBudget: budgets[`${MODELS[modelOf(name)].short}TokenBudget`] ?? backend.tokenBudget(name),
    maxSequences: backend.maxSequences(name),
    tapers: backend.tapers,
  }
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
  options: LanguageOptions,
  { manifest }: Bundle,
  tokenizers: Record<ModelName, Tokenizer>,
  backend: EmbeddingBackend,
  logger: Logger,
): ModelInput[] {
  let columns = 0
  return FEATURE_ORDER.map((model) => {
    const { dimension, maxResidues } = manifest.models[model]
    const column = columns
    columns += dimension
    const tokenizer = tokenizers[model]
    return {
      model,
      column,
      limits: () => limitsOf(options, backend, model),
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

/** One line about the work some models did. */
export function describeWork(
  work: Readonly<Record<ModelName, ModelCounts & SparedCounts>>,
  models: readonly ModelName[] = FEATURE_ORDER,
): string {
  const lines = models.map((model) => {
    const { sequences, tokens, paddedTokens, sharedSequences, reusedSequences } = work[model]
    return (
      `${MODELS[model].label}: ${count(sequences, 'different sequence')}, ${count(tokens, 'token')}, ` +
      `${padding(tokens, paddedTokens)} padding` +
      (sharedSequences > 0 ? `, ${sharedSequences} equal to one of their window` : '') +
      (reusedSequences > 0 ? `, ${reusedSequences} reused from earlier windows` : '')
    )
  })
  return lines.join('; ')
}

function padding(tokens: number, paddedTokens: number): string {
  return paddedTokens === 0 ? 'no' : `${(100 * (1 - tokens / paddedTokens)).toFixed(1)} %`
}
