/**
 * Checks of this machine and its set-up, none of which changes anything. Findings are for people at a command line, and name
 * its commands.
 */

export { CHECKS } from './checks.ts'
export { doctor } from './doctor.ts'
export type { DoctorOptions } from './examination.ts'
export { type Check, type Finding, VERDICTS, type Verdict } from './finding.ts'
export { renderFindings, worst } from './render.ts'
