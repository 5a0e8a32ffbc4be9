/** Model repositories for Triton Inference Server, made from bundles; see model_repository/README.md. */

import type { BuildOptions, BuiltRepository } from './options.ts'

export { MODEL_NAMES as embeddingModels, type ModelName as EmbeddingModel } from '../../bundle/index.ts'
// Errors.
export { PlanError, RepositoryError } from './errors.ts'
export type { BuildOptions, BuiltRepository } from './options.ts'
export { type RepositoryBackend, repositoryBackends } from './options.ts'
// TensorRT plans and the file that describes each; `engines build` writes both.
export {
  type Circumstances,
  findPlans,
  misfit,
  type Plan,
  type PlanSidecar,
  type Profile,
  planFileName,
  readSidecar,
  sidecarPath,
} from './plans.ts'
export { type Placement, type RepositoryRecord, readRecord, verifyRepository } from './recorded-files.ts'
export { type StatedModel, statedModels } from './stated.ts'
// Token budgets that were measured; `engines tune` writes the file.
export { readTuning, TUNING_FILE, type Tuning, type TuningEntry, tunedBudget } from './tuning.ts'

/** Whether a file, by its path below a repository, was put there when it was made. Rejects when that cannot be read. */
export async function ownsRepositoryFile(folder: string): Promise<(name: string) => boolean> {
  return await (await import('./folder.ts')).ownsFile(folder)
}

/**
 * Makes a model repository for Triton from a bundle: `esm2` and `dnabert_s` with token ids in, and `esm2_sequence` and
 * `dnabert_s_sequence` with proteins and DNA in; embeddings out. See model_repository/README.md.
 *
 * The folder appears whole or not at all.
 *
 * @throws BundleError {@link PlanError} {@link RepositoryError} UsageError
 */
export async function buildRepository(options: BuildOptions): Promise<BuiltRepository> {
  // Most who come here look at a repository that is there: what makes one is loaded when it is asked for.
  return await (await import('./build.ts')).buildRepository(options)
}
