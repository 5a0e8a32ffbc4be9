// The whole pipeline.
export type { InUse } from './claim.ts'
export { type PredictContext, predict } from './predict.ts'
export type { PredictResult } from './result.ts'
// The order in which a run works, by itself: for benchmarks and simulations.
export { overlapped, WINDOW_FRAMES, windowsUnderWay } from './windows.ts'
