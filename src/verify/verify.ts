import { padBatch, planBatches } from '../batching/index.ts'
import {
  type Bundle,
  Classifier,
  computesOnCpu,
  countEqualCalls,
  FEATURE_ORDER,
  forModels,
  type HostedName,
  MODELS,
  type ModelName,
  modelOf,
  openBundle,
  PARTNER_NAMES,
  readTokenizers,
  sourceDigest,
  type Tokenizer,
} from '../bundle/index.ts'
import {
  type EmbeddingBackend,
  OnnxRuntimeBackend,
  TritonBackend,
  type TritonOptions,
} from '../dispatch/index.ts'
import { lease } from '../home/index.ts'
import { limitedThreads } from '../system/cores.ts'
import { UsageError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'
import { builtInCases, type Case } from './cases.ts'
import { type Comparison, compareRows } from './compare.ts'
import { readGolden } from './golden.ts'

export interface VerifyOptions {
  readonly bundle: string
  /** Servers to check; without any, the graphs run in this process. */
  readonly triton?: Pick<TritonOptions, 'endpoints' | 'access' | 'serverTimeout' | 'trustServer'> | undefined
  /** File of the original to compare with, instead of built-in sequences. */
  readonly golden?: string | undefined
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
  /** Of a model, or of the partner that rechecks it. */
  readonly model: HostedName
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
 * @throws UsageError {@link GoldenError} and those of the bundle and the backend
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const { triton, golden } = options
  await using opened = new AsyncDisposableStack()
  opened.use(await lease(options.bundle))
  const bundle = await openBundle(options.bundle, options.signal)
  const tokenizers = await readTokenizers(bundle)
  const needsGraphs = triton === undefined || golden === undefined
  const graphs = needsGraphs ? opened.use(await openGraphs(bundle, options)) : undefined
  const servers = triton && opened.use(await openServers(bundle, { ...options, ...triton }))
  const checked = (servers ?? graphs)!
  const embed: Embed = (backend, model, cases, tokenBudget = backend.tokenBudget(model)) =>
    embedAll(backend, model, cases, {
      tokenizer: tokenizers[modelOf(model)],
      tokenBudget,
      signal: options.signal,
    })
  return golden !== undefined
    ? await againstGolden(golden, options, checked, embed)
    : await againstGraphs(bundle, options, checked, graphs!, embed)
}

async function openGraphs(bundle: Bundle, options: VerifyOptions): Promise<OnnxRuntimeBackend> {
  const { threads, logger, signal } = options
  if (!computesOnCpu(bundle.manifest.precision)) {
    throw new UsageError(
      `the bundle ${bundle.folder} is in ${bundle.manifest.precision}, and a reference is computed on the CPU, from fp32 or int8`,
      { detail: { code: 'no-reference', data: {} } },
    )
  }
  return await OnnxRuntimeBackend.openBundle(
    bundle,
    { threads: limitedThreads(threads, logger), logger },
    signal,
  )
}

async function openServers(bundle: Bundle, options: Omit<TritonOptions, 'models'>): Promise<TritonBackend> {
  const { endpoints, access, serverTimeout, trustServer = false, logger, signal } = options
  const contract = (name: HostedName) => {
    const model = bundle.manifest.models[modelOf(name)]
    return { dimension: model.dimension, source: sourceDigest(model) }
  }
  const partners = Object.fromEntries(PARTNER_NAMES.map((name) => [name, contract(name)]))
  const asked = { models: forModels(contract), partners, serverTimeout, trustServer }
  return await TritonBackend.open({ endpoints, access, ...asked, logger, signal })
}

/** @param tokenBudget - padded tokens in a batch, by default the backend's; 1 embeds every case alone and without padding */
type Embed = (
  backend: EmbeddingBackend,
  model: HostedName,
  cases: readonly Case[],
  tokenBudget?: number,
) => Promise<Float32Array>

/** Embeds in batches of near-equal length, as a run does: row-major [cases, dimension], in the order given. */
async function embedAll(
  backend: EmbeddingBackend,
  model: HostedName,
  cases: readonly Case[],
  options: { tokenizer: Tokenizer; tokenBudget: number; signal: AbortSignal | undefined },
): Promise<Float32Array> {
  const { tokenizer, tokenBudget, signal } = options
  const rows = cases.map(({ sequence }) => tokenizer.encode(sequence))
  const dimension = backend.dimension(model)
  const all = new Float32Array(rows.length * dimension)
  const lengths = rows.map((row) => row.length)
  for (const { members, paddedLength } of planBatches(lengths, { tokenBudget })) {
    const batch = Array.from(members, (member) => rows[member]!)
    const vectors = await backend.embed(model, padBatch(batch, tokenizer.padId, paddedLength), signal)
    for (const [i, member] of members.entries())
      all.set(vectors.subarray(i * dimension, (i + 1) * dimension), member * dimension)
  }
  return all
}

async function againstGolden(
  path: string,
  { fasta }: VerifyOptions,
  checked: EmbeddingBackend,
  embed: Embed,
): Promise<VerifyReport> {
  const { model, cases, rows, dimension } = await readGolden(path, fasta)
  if (dimension !== checked.dimension(model)) {
    throw new UsageError(
      `${path} has rows of ${dimension} numbers, the bundle's ${model} gives ${checked.dimension(model)}: they are of different models`,
    )
  }
  const comparison = compareRows(await embed(checked, model, cases), rows, dimension, { ofOriginal: true })
  return {
    backend: checked.description,
    models: [{ ...comparison, model, reference: path, worstId: cases[comparison.worst]?.id ?? '' }],
    calls: undefined,
  }
}

type Vectors = Record<ModelName, Float32Array>

async function againstGraphs(
  bundle: Bundle,
  { count = 32, seed = 1, logger }: VerifyOptions,
  checked: EmbeddingBackend,
  graphs: EmbeddingBackend,
  embed: Embed,
): Promise<VerifyReport> {
  const built = builtInCases(count, seed)
  const [ours, theirs] = [{}, {}] as [Vectors, Vectors]
  const reference = `${bundle.manifest.precision.toUpperCase()} graph, one sequence at a time`
  const models: ModelReport[] = []
  const compare = async (model: HostedName, as: HostedName, what: string) => {
    const cases = MODELS[modelOf(model)].sequence === 'protein' ? built.proteins : built.dna
    logger.info(`${model}: embedding ${count} sequences twice`)
    const own = await embed(checked, model, cases)
    const other = await embed(graphs, as, cases, 1)
    const comparison = compareRows(own, other, checked.dimension(model))
    models.push({ ...comparison, model, reference: what, worstId: cases[comparison.worst]?.id ?? '' })
    return { own, other }
  }
  for (const model of FEATURE_ORDER) {
    const found = await compare(model, model, reference)
    ours[model] = found.own
    theirs[model] = found.other
  }
  if (checked.recheck !== undefined) {
    // The bundle that is compared with may have no partner, and be the more exact then.
    const { name, model } = checked.recheck
    const own = graphs.recheck
    const what = own === undefined ? reference : `${own.partner.toUpperCase()} graph, one sequence at a time`
    await compare(name, own === undefined ? model : name, what)
  }
  const width = FEATURE_ORDER.reduce((sum, model) => sum + graphs.dimension(model), 0)
  const graph = await bundle.read(bundle.manifest.models.mlp.graph)
  await using classifier = await Classifier.open({ graph, width })
  const equal = await countEqualCalls(classifier, count, [ours, theirs])
  return { backend: checked.description, models, calls: { equal, all: count } }
}
