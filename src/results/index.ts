// Results for people and other programs: every record of the input with its call, every chunk with its place.

// How a record is called from its chunks.
export { CALLS, type Call, type CallRule, Evidence, requireOrder, ruleOf, TIERS, type Tier } from './call.ts'
// The table of frames by itself.
export { type FrameRow, FrameTable } from './frame-table.ts'
// The frames of an input once more.
export { type FrameAgain, framesAgain } from './frames-again.ts'
// How every Parquet file is written.
export { parquetSettings } from './parquet.ts'
// What is known of records and chunks before anything is scored.
export { InputStructure, isAboutRecord } from './structure.ts'
// The tables.
export { Results, type ResultsCounts, type ResultsOptions } from './write.ts'
