// Where every file of a run lies.

// Spellings of scores, for other tools that write the same tables.
export { formatFloat32, formatFloat64 } from './numbers.ts'
export { type LayoutName, type OutputPaths, outputPaths, type PathOptions } from './paths.ts'
// The two result tables.
export { type ScoredFrames, type TableCounts, type TableOptions, writeTables } from './tables.ts'
