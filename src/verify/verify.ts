import {
  type Bundle,
  Classifier,
  computesOnCpu,
  countEqualCalls,
  FEATURE_ORDER,
  forModels,
  MODELS,
  type ModelName,
  openBundle,
  readTokenizers,
  sourceDigest,
  type Tokenizer,
} from '../bundle/index.ts'
import {
  type EmbeddingBackend,
  OnnxRuntimeBackend,
  TritonBackend,
  type TritonOptions,
  warnOfUnstated,
} from '../dispatch/index.ts'
import { limitedThreads } from '../system/cores.ts'
import { UsageError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'
import { builtInCases, type Case } from './cases.ts'
import { type Comparison, compareRows } from './compare.ts'
import { embedAll } from './embed.ts'
import { readGolden } from './golden.ts'

export interface VerifyOptions {
  readonly bundle: string
  /** Servers to check; without any, the graphs run in this process. */
  readonly triton?: Pick<TritonOptions, 'endpoints' | 'access' | 'serverTimeout' | 'trustServer'> | undefined
  /** Files of the original to compare with, instead of built-in sequences. */
  readonly golden?: readonly string[]
  /** Sequences of the golden file, where they are not beside it. */
  readonly fasta?: string | undefined
  /** Built-in sequences per model. @default 32 */
  readonly count?: number
  readonly seed?: number
  readonly threads?: number | undefined
  readonly logger: Logger
  readonly signal?: AbortSignal
}

export interface ModelReport extends Comparison {
  readonly model: ModelName
  /** What it was compared with. */
  readonly reference: string
  /** Id of the row with the lowest cosine. */
  readonly worstId: string
}

export interface VerifyReport {
  /** What was checked. */
  readonly backend: string
  readonly models: readonly ModelReport[]
  /** Calls of the bundle's classifier on both sets of embeddings; undefined with golden rows, which are of one model. */
  readonly calls: { readonly equal: number; readonly all: number } | undefined
}

/**
 * Compares the embeddings of a server, or of the bundle's graphs in padded batches, with a reference: each sequence
 * alone through the bundle's graph in this process, in FP32 or INT8, or rows of the original's files.
 *
 * @throws {UsageError} {@link GoldenError} and those of the bundle and the backend
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const bundle = await openBundle(options.bundle, options.signal)
  await using opened = new AsyncDisposableStack()
  const needsGraphs = options.triton === undefined || (options.golden ?? []).length === 0
  const graphs = needsGraphs ? opened.use(await openGraphs(bundle, options)) : undefined
  const checked =
    options.triton === undefined
      ? graphs!
      : opened.use(await openServers(bundle, { ...options, ...options.triton }))
  const inputs = await readTokenizers(bundle)
  if (options.golden !== undefined && options.golden.length > 0) {
    const models: ModelReport[] = []
    for (const path of options.golden) models.push(await againstGolden(path, options, checked, inputs))
    return { backend: checked.description, models, calls: undefined }
  }
  return await againstGraphs(bundle, options, checked, graphs!, inputs)
}

type Inputs = Readonly<Record<ModelName, Tokenizer>>

async function openGraphs(
  bundle: Bundle,
  { threads, logger, signal }: VerifyOptions,
): Promise<OnnxRuntimeBackend> {
  if (!computesOnCpu(bundle.manifest.precision)) {
    throw new UsageError(
      `the bundle ${bundle.folder} is in ${bundle.manifest.precision}; a reference is computed on the CPU, from fp32 or int8. Name the ` +
        'fp32 bundle made from the same files, or compare with files of the original: --golden',
    )
  }
  return await OnnxRuntimeBackend.openBundle(bundle, {
    threads: limitedThreads(threads, logger),
    logger,
    signal,
  })
}

async function openServers(
  bundle: Bundle,
  { endpoints, access, serverTimeout, trustServer = false, logger, signal }: Omit<TritonOptions, 'models'>,
): Promise<TritonBackend> {
  const models = forModels((name) => {
    const model = bundle.manifest.models[name]
    return { dimension: model.dimension, source: sourceDigest(model) }
  })
  const backend = await TritonBackend.open({
    endpoints,
    access,
    serverTimeout,
    trustServer,
    models,
    logger,
    signal,
  })
  warnOfUnstated(await backend.serverFacts(), logger)
  return backend
}

async function againstGolden(
  path: string,
  options: VerifyOptions,
  backend: EmbeddingBackend,
  inputs: Inputs,
): Promise<ModelReport> {
  const { model, cases, rows, dimension } = await readGolden(path, options.fasta)
  if (dimension !== backend.dimension(model)) {
    throw new UsageError(
      `${path} has rows of ${dimension} numbers, the bundle's ${model} gives ${backend.dimension(model)}: they are of different models`,
    )
  }
  const ours = await embedCases(backend, model, cases, inputs, backend.tokenBudget(model), options.signal)
  return report(model, path, cases, compareRows(ours, rows, dimension))
}

async function againstGraphs(
  bundle: Bundle,
  options: VerifyOptions,
  checked: EmbeddingBackend,
  graphs: EmbeddingBackend,
  inputs: Inputs,
): Promise<VerifyReport> {
  const count = options.count ?? 32
  const built = builtInCases(count, options.seed ?? 1)
  const vectors = {} as Record<ModelName, { ours: Float32Array; theirs: Float32Array }>
  const models: ModelReport[] = []
  for (const model of FEATURE_ORDER) {
    const cases = MODELS[model].sequence === 'protein' ? built.proteins : built.dna
    options.logger.info(`${model}: embedding ${count} sequences twice`)
    const ours = await embedCases(checked, model, cases, inputs, checked.tokenBudget(model), options.signal)
    const theirs = await embedCases(graphs, model, cases, inputs, 1, options.signal)
    vectors[model] = { ours, theirs }
    const comparison = compareRows(ours, theirs, checked.dimension(model))
    models.push(
      report(
        model,
        `${bundle.manifest.precision.toUpperCase()} graph, one sequence at a time`,
        cases,
        comparison,
      ),
    )
  }
  const set = (which: 'ours' | 'theirs') => forModels((model) => vectors[model][which])
  const width = FEATURE_ORDER.reduce((sum, model) => sum + graphs.dimension(model), 0)
  await using classifier = await Classifier.open({
    graph: await bundle.read(bundle.manifest.models.mlp.graph),
    width,
  })
  const equal = await countEqualCalls(classifier, count, [set('ours'), set('theirs')])
  return { backend: checked.description, models, calls: { equal, all: count } }
}

async function embedCases(
  backend: EmbeddingBackend,
  model: ModelName,
  cases: readonly Case[],
  inputs: Inputs,
  tokenBudget: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const tokenizer = inputs[model]
  const rows = cases.map(({ sequence }) => tokenizer.encode(sequence))
  return await embedAll(backend, model, rows, { padId: tokenizer.padId, tokenBudget, signal })
}

function report(
  model: ModelName,
  reference: string,
  cases: readonly Case[],
  comparison: Comparison,
): ModelReport {
  return { ...comparison, model, reference, worstId: cases[comparison.worst]?.id ?? '' }
}
