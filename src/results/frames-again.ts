import { type ChunkBounds, eachChunk, openFrames } from '../sequence/index.ts'
import type { KeptReader } from './kept-records.ts'
import { FRAME_COUNTS, FRAME_MASK, type InputStructure, type StructureReader } from './structure.ts'

/** A frame of the input. */
export interface FrameAgain {
  /** Its number among all frames of the input, from 0. */
  number: number
  /** Record, chunk number, frame. */
  id: string
  /** As in an `OpenFrame`. */
  nucleotide: Uint8Array
  protein: Uint8Array
}

interface FramesAgainOptions {
  /** Length of chunks, in bases. */
  chunkLength: number
  /** Whether frames without a residue count. */
  keepEmpty: boolean
  isWanted(number: number): boolean
}

interface WantedChunk extends ChunkBounds {
  /** Number of its first frame. */
  first: number
}

/** Frames of an input that was read, cut and translated once more from what the structure keeps of it; in their order. */
export function* framesAgain(
  structure: InputStructure,
  { chunkLength, keepEmpty, isWanted }: FramesAgainOptions,
): Generator<FrameAgain> {
  const record = structure.read()
  const kept = structure.kept.read()
  let passed = 0
  let next = 0
  while (record.next()) {
    if (record.leftOut !== undefined) continue
    const first = next
    const chunks: WantedChunk[] = []
    for (const bounds of eachChunk(record.length, chunkLength)) {
      const frames = FRAME_COUNTS[record.chunk() & FRAME_MASK] as number
      if (someOf(next, frames, isWanted)) chunks.push({ ...bounds, first: next })
      next += frames
    }
    // One without a frame is not kept.
    if (next === first) continue
    passed++
    if (chunks.length === 0) continue
    for (; passed > 0; passed--) kept.next()
    yield* framesOf(record, lettersOf(kept, record.length), chunks)
  }

  function* framesOf(
    { id, idBytes }: StructureReader,
    letters: Uint8Array,
    chunks: readonly WantedChunk[],
  ): Generator<FrameAgain> {
    const name = id.toString('utf8', 0, idBytes)
    for (const { index, start, end, first } of chunks) {
      const frames = openFrames(letters.subarray(start, end), { keepEmpty })
      for (const [at, { frame, nucleotide, protein }] of frames.entries()) {
        if (!isWanted(first + at)) continue
        yield { number: first + at, id: `${name}_chunk_${index}${frame}`, nucleotide, protein }
      }
    }
  }
}

function someOf(first: number, count: number, isWanted: (number: number) => boolean): boolean {
  for (let at = 0; at < count; at++) if (isWanted(first + at)) return true
  return false
}

function lettersOf(kept: KeptReader, length: number): Uint8Array {
  const letters = new Uint8Array(length)
  let at = 0
  for (let piece = kept.letters(); piece.length > 0; piece = kept.letters()) {
    letters.set(piece, at)
    at += piece.length
  }
  return letters
}
