// Checks embeddings against a reference: those of the graph in this process, or rows of the original's files.

export { CALLS_FRAMES, type CallsReport, verifyCalls } from './calls.ts'
export { builtInCases } from './cases.ts'
export { compareRows } from './compare.ts'
export { BOUND_FRAMES, type MeasureBoundsOptions, measureBounds } from './measure-bounds.ts'
export { type MeasureBundleOptions, measureBundle } from './measure-bundle.ts'
export { type VerifyReport, verify } from './verify.ts'
