/** TensorRT plans: built from bundles on the GPU that they are for, and described beside themselves. */

// How large batches should be.
export { type BudgetChoice, chooseBudgets, defaultBudgets, trialsOf } from './budgets.ts'
export { type BuildEnginesOptions, type BuiltEngine, buildEngines } from './build.ts'
// The two programs that can build.
export type { BuilderName } from './builders.ts'
// Errors.
export { EngineBuildError, EngineError, PrecisionError } from './errors.ts'
export { countLengths, describeLengths, type LengthOptions, type Lengths } from './lengths.ts'
export { activationBytes, budgetFor } from './memory.ts'
// Which shapes a plan serves.
export {
  chooseBounds,
  type LengthHistogram,
  MOST_RANGES,
  type ProfileOptions,
  profilesFor,
} from './profiles.ts'
// What is there, and whether it fits.
export { type FoundEngine, findEngines } from './show.ts'
export { type TuneOptions, tuneEngines } from './tune.ts'
