// The whole pipeline.

// The order in which a run works, by itself: for benchmarks and simulations.
export { WINDOW_FRAMES } from '../batching/index.ts'
export type { InUse } from './claim.ts'
export { type PredictContext, predict } from './predict.ts'
export type { PredictResult } from './result.ts'
export { overlapped, windowsUnderWay } from './windows.ts'
