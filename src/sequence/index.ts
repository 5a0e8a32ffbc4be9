/** From a record to its open frames: chunking, six-frame translation and selection, in the original's arithmetic. */

// Cutting: a list for a record, a generator for a chromosome.
export { type ChunkBounds, ChunkLengthError, chunkBounds, eachChunk } from './chunk.ts'
// Leaving out: before anything is cut.
export { type FilterReason, filteredBy, type RecordFilter } from './filter.ts'
// Translating: only frames without a stop codon come back.
export {
  type FrameName,
  type OpenFrame,
  type OpenFrameOptions,
  openFrames,
  type Silence,
  silenceOf,
} from './frames.ts'
// Both.
export { type OpenChunk, openChunks } from './open-chunks.ts'
