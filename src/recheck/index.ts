// Which frames another precision has to confirm, so that no call hangs on the digits that a quantized model loses.

// The sequences that every run compares.
export { isAudited } from './audit.ts'
// Numbers of frames.
export { BitSet } from './bit-set.ts'
// How far a logit may be off.
export { Bounds } from './bounds.ts'
// What results decide.
export type { Decisions } from './decisions.ts'
// What of a table a bound is about.
export { logit } from './logit.ts'
// The frames that may decide a call.
export { Selection } from './selection.ts'
// The same over frames of which both scores are known.
export {
  type CallCounts,
  type ClassDifference,
  countFlips,
  differencesOf,
  PATIENT_ROUNDS,
  recheckTrial,
  type Trial,
  type TrialResult,
} from './trial.ts'
