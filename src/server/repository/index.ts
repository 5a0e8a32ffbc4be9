/** Model repositories for Triton Inference Server, made from bundles; see model_repository/README.md. */

export {
  type BuildOptions,
  type BuiltRepository,
  buildRepository,
  type RepositoryBackend,
  repositoryBackends,
} from './build.ts'
// Errors.
export { PlanError, RepositoryError } from './errors.ts'
export type { Placement } from './place.ts'
// TensorRT plans and the file that describes each; `engines build` writes both.
export {
  findPlans,
  type Plan,
  PlanSidecar,
  type Profile,
  planFileName,
  readSidecar,
  sidecarPath,
} from './plans.ts'
export { verifyRepository } from './recorded-files.ts'
// Token budgets that were measured; `engines tune` writes the file.
export { readTuning, TUNING_FILE, Tuning, type TuningEntry, tunedBudget } from './tuning.ts'
