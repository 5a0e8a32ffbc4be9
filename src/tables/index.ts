// The result tables of the original, to the byte.

export { isChunkLine } from './chunks.ts'
// Calls of chunks from frames, and the table of frames read back.
export { ConsensusBuilder } from './consensus.ts'
export { isFrameLine, readFrameScores } from './frames.ts'
// Spellings of scores, for other tools that write the same tables.
export { formatFloat32, formatFloat64 } from './numbers.ts'
export { type ScoredFrames, scoredFrames, writeTables } from './write.ts'
