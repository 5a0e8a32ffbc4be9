// The whole pipeline.

// The order in which a run works, by itself: for benchmarks and simulations.
export { WINDOW_FRAMES } from '../batching/index.ts'
// What the merger of runs has in common with a run.
export { checkNames, filesInUse, type InUse, refuseFilesInUse } from './claim.ts'
export { type ClassifierChoice, chooseClassifier } from './classifier.ts'
export { withModels } from './computing.ts'
export { derivedOf, describeRecords, markRechecked, optionsOfRule, resultsOptions } from './derived.ts'
// What embeds windows of sequences, for those who want the embeddings alone.
export { dispatcherWhenReady } from './dispatcher.ts'
export { type EmbeddingRun, embedWindow } from './embed.ts'
export { RunInputs } from './inputs.ts'
export { LeftOut } from './left-out.ts'
export { ListFile } from './list-file.ts'
export type { ModelInput } from './model-input.ts'
export type { EmbeddedPart } from './model-work.ts'
export { describeWork, type LanguageModels, openBackbones, openModels } from './models.ts'
export type { BatchJournal } from './owner.ts'
export { emptyPart, type Part } from './part.ts'
export { type PredictContext, predict } from './predict.ts'
export { RecordReport } from './records.ts'
export {
  type PredictResult,
  type ResultCounts,
  reportCalls,
  reportCounts,
  resultCounts,
} from './result.ts'
// The same over several samples in one go.
export type { SampleOutcome } from './sample-outcome.ts'
export { predictSamples, type SamplesOptions, type SamplesResult } from './samples.ts'
export { overlapped, type Window, type WindowPart, windowsOf, windowsUnderWay } from './windows.ts'
