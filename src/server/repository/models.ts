import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  type Bundle,
  type HostedName,
  hostedModel,
  type ModelName,
  modelDigest,
  modelFacts,
  modelOf,
  PRECISIONS,
  servedVersion,
  sourceDigest,
} from '../../bundle/index.ts'
import {
  type BatchShape,
  limitEntries,
  quote,
  recheckEntry,
  renderTemplate,
  shapesOf,
  templatePath,
  warmupEntries,
  writeWarmup,
} from './config.ts'
import type { RepositoryBackend } from './options.ts'
import { type Plan, planFileName } from './plans.ts'
import { place } from './recorded-files.ts'

/** One model of a repository under construction. */
export interface ModelRequest {
  /** The repository under construction. */
  readonly folder: string
  /** Puts what the server computes with into it, and records that. */
  add(from: string, to: string, expected: { sha256?: string | undefined } | undefined): Promise<void>
  readonly model: HostedName
  readonly bundle: Bundle
  readonly backend: RepositoryBackend
  /** With one set of profiles; empty where graphs are served. */
  readonly plans: readonly Plan[]
  readonly instances?: number
  readonly threads?: number
  readonly tokenBudget?: number
  /** Token budget that tuning found for these plans. */
  readonly tuned: number | undefined
  /** What a partner states, see `statementText`; undefined for a model. */
  readonly statement?: string | undefined
}

/** One short batch tells whether a graph on the CPU answers at all. */
const CPU_WARMUP: readonly BatchShape[] = [[1, 16]]

/** What runs a model in each backend, which has a template of its own: code, and values of the template. */
interface Hosting {
  /** Files of the Python backend, the first of which is its model. */
  readonly code: readonly string[]
  values(request: ModelRequest): Record<string, string | number>
}

const HOSTINGS: Readonly<Record<RepositoryBackend | 'python-plans', Hosting>> = {
  tensorrt: {
    code: [],
    values: ({ plans, tuned }) => ({
      limits: limitEntries(plans, tuned),
      profiles: (plans[0]?.sidecar.profiles ?? []).map((_, index) => quote(String(index))).join(', '),
      plans: plans
        .map(({ sidecar: { computeCapability } }) => {
          return `  { key: ${quote(computeCapability)} value: ${quote(planFileName(computeCapability))} }`
        })
        .join(',\n'),
    }),
  },
  onnxruntime: { code: [], values: ({ threads }) => ({ threads: threads ?? 0 }) },
  python: {
    code: ['embedding.py', 'token_batch.py'],
    values: (request) => ({ threads: request.threads ?? 0, ...rowValues(request) }),
  },
  'python-plans': {
    code: [
      'plan.py',
      'plan_engine.py',
      'overlap.py',
      'plugins.py',
      'attention_plugin.py',
      'attention_kernel.py',
      'attention.cu',
      'encoder_plugin.py',
      'encoder_layer.py',
      'encoder_layer.cu',
      'cublaslt.py',
      'cuda_runtime.py',
      'profiles.py',
      'tensorrt_api.py',
      'token_batch.py',
    ],
    values: (request) => ({ limits: limitEntries(request.plans, request.tuned), ...rowValues(request) }),
  },
}

/** Words of the comments, for those who write clients. */
const ROWS = {
  alphabet: { averaged: 'residues', special: '<cls> and <eos>' },
  file: { averaged: 'tokens', special: '[CLS] and [SEP]' },
} as const
const LETTERS = {
  protein: 'Proteins in, embeddings out: one-letter residues in',
  nucleotide: 'DNA in, embeddings out:',
} as const

/** What a row of token ids must be; the mean over residues leaves out the two ids that the alphabet puts around them. */
function rowValues({ bundle, model }: ModelRequest) {
  const { vocabulary } = bundle.manifest.models[modelOf(model)]
  return { vocabulary, minimumLength: modelFacts(modelOf(model)).tokenizer === 'alphabet' ? 3 : 1 }
}

/** Writes `esm2`, `dnabert_s` or a partner, which take token ids, and returns its name. */
export async function writeEmbeddingModel(request: ModelRequest): Promise<string> {
  const { model, bundle, backend, plans } = request
  const facts = hostedModel(bundle.manifest, model)
  const known = modelFacts(modelOf(model))
  const folder = join(request.folder, model)
  const digest = modelDigest(bundle.manifest, model)
  const version = join(folder, servedVersion(digest))
  const warmup = join(folder, 'warmup')
  await mkdir(warmup, { recursive: true })
  await mkdir(version)

  const shapes = plans[0]?.sidecar.profiles.map(({ opt }) => opt) ?? CPU_WARMUP
  const how = backend === 'python' && plans.length > 0 ? 'python-plans' : backend
  const { code, values } = HOSTINGS[how]
  const text = await renderTemplate(templatePath('embedding', `config.${how}.pbtxt`), {
    ...values(request),
    model,
    label:
      request.statement === undefined
        ? known.label
        : `${known.label} in ${PRECISIONS[facts.precision].label}`,
    ...ROWS[known.tokenizer],
    dimension: facts.dimension,
    source: sourceDigest(facts),
    precision: facts.precision,
    digest,
    recheck: recheckEntry(request.statement),
    instances: request.instances ?? 1,
    warmup: warmupEntries(shapes),
  })
  await writeFile(join(folder, 'config.pbtxt'), text)
  // Every id of the vocabulary will do.
  await writeWarmup(warmup, shapes, facts.padId)
  for (const { path, sidecar } of plans)
    await request.add(path, join(version, planFileName(sidecar.computeCapability)), sidecar.plan)
  if (plans.length === 0) {
    const { graph, weights } = facts
    await request.add(bundle.pathOf(graph), join(version, 'model.onnx'), graph)
    // The graph names this file; it must lie beside it.
    await request.add(bundle.pathOf(weights), join(version, basename(weights.path)), weights)
  }
  await placeCode(code, version)
  return model
}

const BUDGET = { plans: 16_384, graphs: 4096 } as const
/** Enough for eight GPUs with three batches each; more than there are instances only wait in the server's queue. */
const GPU_IN_FLIGHT = 24

/** Writes `esm2_sequence` or `dnabert_s_sequence`, which take sequences, and returns its name. */
export async function writeSequenceModel(
  request: ModelRequest & { readonly model: ModelName },
): Promise<string> {
  const { model, bundle, backend, plans, tokenBudget, tuned, instances = 1 } = request
  const { dimension, padId, tokenizer } = bundle.manifest.models[model]
  const name = `${model}_sequence`
  // Its own version says whose embeddings it gives, too.
  const version = servedVersion(modelDigest(bundle.manifest, model))
  const folder = join(request.folder, name, version)
  await mkdir(folder, { recursive: true })
  const hasPlans = plans.length > 0
  const text = await renderTemplate(templatePath('sequence', 'config.pbtxt'), {
    model,
    letters: LETTERS[modelFacts(model).sequence],
    dimension,
    padId,
    version,
    tokenizer: tokenizer === undefined ? 'esm' : 'dna',
    tokenBudget: tokenBudget ?? tuned ?? BUDGET[hasPlans ? 'plans' : 'graphs'],
    shapes: shapesOf(plans),
    inFlight: backend === 'python' && !hasPlans ? 2 * instances : GPU_IN_FLIGHT,
  })
  await writeFile(join(request.folder, name, 'config.pbtxt'), text)
  await placeCode(['sequence.py', 'batching.py', 'token_ids.py'], folder)
  if (tokenizer !== undefined)
    await request.add(bundle.pathOf(tokenizer), join(folder, 'tokenizer.json'), tokenizer)
  return name
}

/** The server looks for the first under a name of its own. */
async function placeCode(names: readonly string[], folder: string): Promise<void> {
  for (const [i, name] of names.entries())
    await place(templatePath('python', name), join(folder, i === 0 ? 'model.py' : name), 'copy')
}
