import {
  type Bundle,
  computesOnCpu,
  forModels,
  MODEL_NAMES,
  type ModelName,
  openBundle,
} from '../../bundle/index.ts'
import { UsageError } from '../../system/errors.ts'
import { writeEmbeddingModel } from './embedding-model.ts'
import { PlanError } from './errors.ts'
import { createRepository } from './folder.ts'
import type { Placement } from './place.ts'
import { findPlans, type Plan } from './plans.ts'
import { RecordedFiles } from './recorded-files.ts'
import { writeSequenceModel } from './sequence-model.ts'
import { readTuning, tunedBudget } from './tuning.ts'

/** Which backend of the server runs the two models. */
export const repositoryBackends = ['tensorrt', 'onnxruntime', 'python'] as const
export type RepositoryBackend = (typeof repositoryBackends)[number]

export interface BuildOptions {
  /** Folder of a bundle, or `demo`. */
  readonly bundle: string
  readonly backend: RepositoryBackend
  /** Folder to make. */
  readonly output: string
  /**
   * Instances of each model: on each GPU, or on the CPU. More than one on a GPU takes that much more of its memory.
   *
   * @default 1
   */
  readonly instances?: number
  /** Threads of one instance on the CPU; 0 leaves it to the server. @default 0 */
  readonly threads?: number
  /** Folder with TensorRT plans: for the backend `tensorrt`, or for `python` to run them in place of the graphs. */
  readonly plans?: string
  /** Most tokens in one batch of the `_sequence` models, padding counted. @default 4096; with plans what was tuned, or 16384 */
  readonly tokenBudget?: number
  /** Hard links where the file system allows them, or copies. @default 'link' */
  readonly placement?: Placement
  /** Replace a repository of this program. Nothing else is ever replaced. */
  readonly force?: boolean
}

export interface BuiltRepository {
  readonly output: string
  /** Names of the models in it. */
  readonly models: readonly string[]
}

/**
 * Makes a model repository for Triton from a bundle: `esm2` and `dnabert_s` with token ids in, and `esm2_sequence` and
 * `dnabert_s_sequence` with proteins and DNA in; embeddings out. See model_repository/README.md.
 *
 * The folder appears whole or not at all.
 *
 * @throws {BundleError} {@link PlanError} {@link RepositoryError} {@link UsageError}
 */
export async function buildRepository(options: BuildOptions): Promise<BuiltRepository> {
  const { instances = 1 } = options
  if (!Number.isInteger(instances) || instances < 1)
    throw new UsageError(`instances: expected a whole number from 1, got ${instances}`)
  const bundle = await openBundle(options.bundle)
  const plans = await plansOf(options, bundle)
  const tuning = options.plans === undefined ? undefined : await readTuning(options.plans)
  const models: string[] = []
  const about = {
    format: 'virnucpro-repository',
    version: 1,
    backend: options.backend,
    bundle: { name: bundle.manifest.name, digest: bundle.digest },
  }
  const { output, force = false } = options
  const inputs = [bundle.folder, options.plans]
  await createRepository({ output, force, about, inputs }, async (folder) => {
    const files = new RecordedFiles(folder, options.placement ?? 'link')
    for (const model of MODEL_NAMES) {
      const tuned = tunedBudget(tuning, plans[model])
      const request = { ...options, folder, files, model, bundle, plans: plans[model], tuned }
      models.push(await writeEmbeddingModel(request), await writeSequenceModel(request))
    }
    return { files: files.files }
  })
  return { output: options.output, models }
}

async function plansOf(options: BuildOptions, bundle: Bundle): Promise<Record<ModelName, Plan[]>> {
  const { backend, plans } = options
  if (bundle.manifest.attention === 'fused' && (backend !== 'python' || plans === undefined)) {
    throw new PlanError(
      bundle.folder,
      `the bundle ${bundle.folder} has fused attention, which only TensorRT plans in the Python backend can compute: ` +
        'add --backend python --plans DIR, or import the models without --attention fused',
    )
  }
  const { precision } = bundle.manifest
  if (backend === 'python' && plans === undefined && !computesOnCpu(precision)) {
    throw new PlanError(
      bundle.folder,
      `the bundle ${bundle.folder} is in ${precision}, which the Python backend can compute only through TensorRT plans: ` +
        'add --plans DIR, or import the models with --precision fp32 or int8',
    )
  }
  if (backend === 'onnxruntime' || (backend === 'python' && plans === undefined)) {
    return forModels(() => [])
  }
  if (plans === undefined) {
    throw new PlanError(
      options.output,
      'the backend tensorrt needs a folder with TensorRT plans (--plans DIR). ' +
        'Plans are made on the GPU that they are for, by: virnucpro engines build',
    )
  }
  const found = new Map<ModelName, Plan[]>()
  for (const model of MODEL_NAMES) found.set(model, await findPlans(plans, model, bundle.digest))
  return forModels((model) => found.get(model)!)
}
