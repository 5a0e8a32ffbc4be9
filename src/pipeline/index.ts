// The whole pipeline.
export { type PredictContext, predict } from './predict.ts'
export type { PredictResult } from './result.ts'
