// Frames of a run that a quantized model leaves open are computed once more.

export { reportRecheck } from './audit.ts'
export { type Rechecked, recheck } from './recheck.ts'
export { finalScores } from './rechecked-run.ts'
