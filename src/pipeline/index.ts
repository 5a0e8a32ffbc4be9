// The whole pipeline.
export { type PredictContext, type PredictResult, predict } from './predict.ts'
