// Checkpoints of the original and of Broad's fork: what they are, and whether they can be used.

// Broad's state beside a run of ours.
export { BroadRun } from './broad-run.ts'
// What is of no use any more.
export { type CleanOptions, cleanFolder, type Leftover } from './clean.ts'
// From one layout to another.
export { type MigrateOptions, MigrationError, migrateFolder } from './migrate.ts'
// Broad's own state, so that its `--resume` understands a run made here.
export {
  BROAD_STAGES,
  type BroadStage,
  broadConfigHash,
  isPipelineState,
  type PipelineConfig,
  PipelineState,
  type StageOutputs,
} from './pipeline-state.ts'
// One file, every byte of it checked.
export { type LegacyContent, type LegacyFile, type LegacyKind, readLegacyFile } from './read.ts'
// The vectors of an old run, for a run that continues it.
export { findLegacyRun, type LegacyRun } from './runs.ts'
// All files below a folder.
export { type Found, readFolder, scanFolder } from './scan.ts'
export { type LegacyVector, type LegacyVectorOptions, readLegacyVectors } from './vectors.ts'
export { type Finding, type Verification, verifyFolder } from './verify.ts'
