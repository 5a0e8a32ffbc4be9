// What a run works on, and whether another continues it.
export {
  describeInput,
  manifestDifferences,
  RUN_FORMAT,
  type RunInput,
  type RunManifest,
} from './manifest.ts'
// The `.pt` files of a part.
export { type PartFeatures, partFilesPresent, writePartFiles } from './part-files.ts'
export type { PartScores } from './part-scores.ts'
// The state of a run on disk.
export { RunFolder, type RunFolderOptions, type RunStatus } from './run-folder.ts'
