// The whole pipeline.

export { type Batch, dedupe, padBatch, planBatches, type TokenBatch } from './batching/index.ts'
export { openBundle } from './bundle/index.ts'
// Backends: anything that turns token batches into embeddings.
export { type EmbeddingBackend, OnnxRuntimeBackend } from './dispatch/index.ts'
// Errors meant for people, and exit codes.
export { ExitCode } from './exit-codes.ts'
// From files to frames.
export { type ReadOptions, readSequences, type SequenceRecord } from './fasta/index.ts'
// Models and files of the original.
export { importModels } from './import/index.ts'
export { type PredictContext, type PredictResult, predict } from './predict/index.ts'
export {
  type ChunkBounds,
  chunkBounds,
  type FrameName,
  type OpenFrame,
  openFrames,
} from './sequence/index.ts'
export type { PredictOptions } from './settings/index.ts'
export { UsageError, VirnucproError } from './system/errors.ts'
export type { Logger } from './system/logger.ts'
// From frames to tokens to batches.
export { DnaTokenizer, EsmAlphabet } from './tokenizers/index.ts'
export { openTorchFile, readTorchFile } from './torchfile/index.ts'
