/** Model repositories for Triton Inference Server, made from bundles; see docs/reference/model-contract.md. */

import type { ModelName, PartnerName, RecheckFacts } from '../../bundle/index.ts'
import type { BuildOptions, BuiltRepository } from './options.ts'
import type { RepositoryRecord } from './recorded-files.ts'
import type { StatedModel } from './stated.ts'

export { MODEL_NAMES as embeddingModels, type ModelName as EmbeddingModel } from '../../bundle/index.ts'
// Errors.
export { PlanError, RepositoryError } from './errors.ts'
export type { BuildOptions, BuiltRepository } from './options.ts'
export { type RepositoryBackend, repositoryBackends } from './options.ts'
// TensorRT plans and the file that describes each; `engines build` writes both.
export {
  type Circumstances,
  findPlans,
  isPlanFileName,
  misfit,
  type Plan,
  type PlanSidecar,
  type Profile,
  planFileName,
  readSidecar,
  sidecarPath,
} from './plans.ts'
export type { Placement, RepositoryRecord } from './recorded-files.ts'
export type { StatedModel } from './stated.ts'
// Token budgets that were measured; `engines tune` writes the file.
export { readTuning, TUNING_FILE, type Tuning, type TuningEntry, tunedBudget } from './tuning.ts'

/** Whether a file, by its path below a repository, was put there when it was made. Rejects when that cannot be read. */
export async function ownsRepositoryFile(folder: string): Promise<(name: string) => boolean> {
  return await (await import('./folder.ts')).ownsFile(folder)
}

/**
 * Makes a model repository for Triton from a bundle: `esm2` and `dnabert_s` with token ids in, and `esm2_sequence` and
 * `dnabert_s_sequence` with proteins and DNA in; embeddings out. A quantized ESM-2 that has a partner has `esm2_recheck` beside
 * it. See docs/reference/model-contract.md.
 *
 * The folder appears whole or not at all.
 *
 * @throws BundleError {@link PlanError} {@link RepositoryError} UsageError
 */
export async function buildRepository(options: BuildOptions): Promise<BuiltRepository> {
  // Most who come here look at a repository that is there: what makes one is loaded when it is asked for.
  return await (await import('./build.ts')).buildRepository(options)
}

/** What was written down when a repository was made; undefined for a folder of anybody else. @throws RepositoryError when the record is damaged */
export async function readRecord(folder: string): Promise<RepositoryRecord | undefined> {
  return await (await import('./recorded-files.ts')).readRecord(folder)
}

/** Compares the files of a repository with what was written down when it was made. @throws RepositoryError when one differs */
export async function verifyRepository(folder: string, signal?: AbortSignal): Promise<void> {
  await (await import('./recorded-files.ts')).verifyRepository(folder, signal)
}

/** What a server with a repository will say of its models, by model; undefined where the repository does not state it. */
export async function statedModels(folder: string): Promise<Record<ModelName, StatedModel> | undefined> {
  return await (await import('./stated.ts')).statedModels(folder)
}

/** What a server with a repository will be able to recheck, as it will state it; undefined where it hosts no partner. */
export async function statedRecheck(folder: string): Promise<RecheckFacts | undefined> {
  return await (await import('./stated.ts')).statedRecheck(folder)
}

/** The text of what a partner in a repository states; undefined where there is none. See `statementText`. */
export async function statementIn(folder: string, name: PartnerName): Promise<string | undefined> {
  return await (await import('./stated.ts')).statementIn(folder, name)
}
