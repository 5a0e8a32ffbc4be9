/** TensorRT plans: built from bundles on the GPU that they are for, and described beside themselves. */

// How large batches should be.
export { chooseBudgets, trialsOf } from './budgets.ts'
export { type BuildEnginesOptions, type BuiltEngine, buildEngines } from './build.ts'
export type { BuilderName } from './builders.ts'
export { EngineBuildError, EngineError } from './errors.ts'
export { countLengths, describeLengths } from './lengths.ts'
export { activationBytes, budgetFor, holdingOf } from './memory.ts'
export { isPlanFile } from './plan-files.ts'
// Which shapes a plan serves.
export { budgetOf, chooseBounds, MOST_RANGES, profilesFor } from './profiles.ts'
// What is there, and whether it fits.
export { type FoundEngine, findEngines } from './show.ts'
// How TensorRT's programs are started.
export type { Contain, Launching } from './tensorrt.ts'
export { type TuneOptions, tuneEngines } from './tune.ts'
// Batches that leave no multiprocessor idle.
export { wholeWaves } from './waves.ts'
