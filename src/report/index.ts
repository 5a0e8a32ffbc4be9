// What a run leaves to be read: summary, page, tables for MultiQC.

export type { RowCounts, RunFacts } from './summarize.ts'
export { readSummary, type Summary } from './summary.ts'
export { findReports, rebuildReport, refreshReport, writeReport, writeSamplesPage } from './write.ts'
