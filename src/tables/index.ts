// The result tables of the original, to the byte.

// Calls of chunks from frames, and the table of frames read back.
export { ConsensusBuilder, type FrameScore } from './consensus.ts'
// Spellings of scores, for other tools that write the same tables.
export { formatFloat32, formatFloat64 } from './numbers.ts'
export { readFrameScores } from './read-frames.ts'
// The two result tables.
export { type ScoredFrames, type TableCounts, type TableOptions, writeTables } from './tables.ts'
