// The whole pipeline.

// Backends: anything that turns token batches into embeddings.
export { type EmbeddingBackend, OnnxRuntimeBackend, type TokenBatch } from './backends/index.ts'
export { type Batch, dedupe, padBatch, planBatches } from './batching/index.ts'
export type { PredictOptions } from './config/index.ts'
// From files to frames.
export { type ReadOptions, readSequences, type SequenceRecord } from './fasta/index.ts'
// Models and files of the original.
export { importModels, openBundle } from './models/index.ts'
export { type PredictContext, type PredictResult, predict } from './pipeline/index.ts'
export {
  type ChunkBounds,
  chunkBounds,
  type FrameName,
  type OpenFrame,
  openFrames,
} from './sequence/index.ts'
// Errors meant for people, and exit codes.
export { ExitCode, type Logger, UsageError, VirnucproError } from './system/index.ts'
// From frames to tokens to batches.
export { DnaTokenizer, EsmAlphabet } from './tokenizers/index.ts'
export { openTorchFile, readTorchFile } from './torchfile/index.ts'
