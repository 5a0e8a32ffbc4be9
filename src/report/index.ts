// What a run leaves to be read: summary, page, tables for MultiQC.

// Lengths, counted while a run reads.
export { LengthCounter, type LengthSummary } from './lengths.ts'
export type { RunFacts } from './summarize.ts'
export { type InputSummary, readSummary, type Summary } from './summary.ts'
export { findReports, rebuildReport, writeReport } from './write.ts'
