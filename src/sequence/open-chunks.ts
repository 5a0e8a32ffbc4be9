import { type ChunkBounds, eachChunk } from './chunk.ts'
import { type OpenFrame, type OpenFrameOptions, openFrames } from './frames.ts'

/** A chunk of a record with its open frames. */
export interface OpenChunk extends ChunkBounds {
  /** Its bases, a view of the record's. */
  chunk: Uint8Array
  frames: OpenFrame[]
}

/**
 * Cuts a record and looks for open frames, one chunk at a time.
 *
 * @throws ChunkLengthError
 */
export function* openChunks(
  sequence: Uint8Array,
  chunkLength: number,
  options: OpenFrameOptions = {},
): Generator<OpenChunk> {
  for (const bounds of eachChunk(sequence.length, chunkLength)) {
    const chunk = sequence.subarray(bounds.start, bounds.end)
    yield { ...bounds, chunk, frames: openFrames(chunk, options) }
  }
}
