import { parsePandasField } from './pandas.ts'

/** Call of one chunk from its frames. Source: the original's and Broad's consensus steps. */
export interface ChunkCall {
  /** Chunk id as it appears in the table. */
  id: string
  virus: boolean
  /** Highest score of the class `others` over the frames; NaN where no frame has one. */
  others: number
  /** Highest score of the class `virus` over the frames; NaN where no frame has one. */
  viral: number
}

/** One frame as printed in the table of frames. */
export interface FrameScore {
  /** Frame id: chunk id and `F1`..`F3` or `R1`..`R3`. */
  id: string
  others: number
  viral: number
}

/** Id of the chunk a frame belongs to, after the trip of the frame id through a pandas table. */
export function chunkIdOf(frameId: string): string {
  return parsePandasField(frameId).slice(0, -2)
}

/**
 * Gathers the frames of each chunk, which follow each other, and hands every finished chunk on in order of first
 * appearance. A chunk is viral when its best viral score is at least its best other score: a tie is viral.
 */
export class ConsensusBuilder {
  #current: ChunkCall | undefined

  /** Adds a frame; returns the previous chunk's call when this frame starts a new one. */
  add(frame: FrameScore): ChunkCall | undefined {
    const id = chunkIdOf(frame.id)
    if (this.#current?.id === id) {
      this.#current.others = best(this.#current.others, frame.others)
      this.#current.viral = best(this.#current.viral, frame.viral)
      return undefined
    }
    const finished = this.finish()
    this.#current = { id, virus: false, others: frame.others, viral: frame.viral }
    return finished
  }

  /** The last chunk's call. */
  finish(): ChunkCall | undefined {
    const call = this.#current
    this.#current = undefined
    if (call !== undefined) call.virus = call.viral >= call.others
    return call
  }
}

/** Two calls of the same chunk id made one; ids that pandas' quoting makes equal need it. */
export function combineCalls(a: ChunkCall, b: ChunkCall): ChunkCall {
  const others = best(a.others, b.others)
  const viral = best(a.viral, b.viral)
  return { id: a.id, virus: viral >= others, others, viral }
}

// biome-ignore-start lint/complexity/useMathMinMax: Math.max would let a NaN win from any place.
/** A NaN in first place stays and a later one is passed over, as Python's `max` does it. */
function best(first: number, second: number): number {
  return second > first ? second : first
}
// biome-ignore-end lint/complexity/useMathMinMax: see above.
