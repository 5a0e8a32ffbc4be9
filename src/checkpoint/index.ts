// What lets an interrupted run go on: its state, the record of its files, its lock.

// Embeddings taken over from a run of another program.
export { AdoptedVectors } from './adopted.ts'
// Parts that could not be computed.
export { type FailedPart, writeFailedFiles } from './failed-files.ts'
// The files of a run.
export { FileRecord, type RecordPlace, recordsIn } from './file-record.ts'
// The embeddings of finished batches.
export { Journal } from './journal.ts'
export { type JournalEntry, KEY_BYTES, keyText, REFUSED } from './journal-format.ts'
// One run at a time in a folder.
export { LockedError, RunLock } from './lock.ts'
// What a run works on, and whether another continues it.
export {
  formatManifest,
  manifestDifferences,
  openManifest,
  RUN_FORMAT,
  type RunInput,
  type RunManifest,
  readManifest,
} from './manifest.ts'
// Runs of this program in a folder.
export { isFileOfAnyRun, listOwnRuns, type OwnRun } from './own-runs.ts'
// The `.pt` files of a part.
export { damagedPartFile, readPartFeatures, writePartFiles } from './part-files.ts'
// The rows of a part of a file of embeddings.
export { type PartRows, readPartRows, writePartRows } from './part-rows.ts'
// The scores of a part.
export type { PartScores } from './part-scores.ts'
// What scores were computed in.
export { type RunPrecisions, readPrecisions, writePrecisions } from './precisions.ts'
// The state of a run on disk.
export { type DerivedFiles, RunFolder } from './run-folder.ts'
// What files without a record are.
export { beginsAsCheckpoint, firstBytes, isFastaOfRun, isStateFile } from './state-files.ts'
// Embeddings that later windows need.
export type { VectorStore } from './vector-store.ts'
