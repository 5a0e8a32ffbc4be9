// The whole pipeline.

// The order in which a run works, by itself: for benchmarks and simulations.
export { WINDOW_FRAMES } from '../batching/index.ts'
export type { InUse } from './claim.ts'
// What embeds windows of sequences, for those who want the embeddings alone.
export { type BatchJournal, type EmbeddingRun, embed as embedWindow } from './embed.ts'
export { RunInputs } from './inputs.ts'
export { ListFile } from './list-file.ts'
export type { EmbeddedPart, ModelInput, WindowPart } from './model-work.ts'
export { describeWork, type LanguageModels, type LanguageOptions, openBackbones } from './models.ts'
export { emptyPart, type Part } from './part.ts'
export { type PredictContext, predict } from './predict.ts'
export { RecordReport } from './records.ts'
export type { PredictResult } from './result.ts'
export { overlapped, type Window, windowsOf, windowsUnderWay } from './windows.ts'
