import type { Decisions } from './decisions.ts'
import { FrameRanges } from './frame-ranges.ts'
import { RecordDecisions } from './record-decisions.ts'

/** Records of up to so many chunks are rechecked whole where anything about them is not decided. */
const FEW_CHUNKS = 8

/**
 * Finds the frames of a record that have to be computed exactly, so that nothing in the results which hangs on a threshold
 * can differ from what exact scores give: calls of frames, chunks and records, tiers, and which rows the minimal score lets pass.
 *
 * Every frame has a range that its exact scores lie in. What is decided the same way wherever they lie there needs no
 * recheck; of what is not, the frames that matter are selected. One object serves all records.
 */
export class Selection {
  /** Whether a record was met that must be looked at once more, when what was selected is known. */
  isOpen = false
  readonly #frames = new FrameRanges()
  readonly #record: RecordDecisions
  readonly #isThorough: boolean

  /** @param isThorough - whether all of a record is selected that is not decided, so that none stays open */
  constructor(decisions: Decisions, isThorough = false) {
    this.#record = new RecordDecisions(decisions)
    this.#isThorough = isThorough
  }

  /** Begins the next chunk of the record. @param index - its number in the record */
  chunk(index: number): void {
    this.#frames.beginChunk(index)
  }

  /**
   * The next frame of the chunk; one without scores (NaN) has no say.
   *
   * @param number - of the frame, for the selection
   * @param bound - what its logit may be off; 0 for exact scores, infinite where nothing is known
   */
  frame(number: number, others: number, virus: number, bound: number): void {
    if (!Number.isNaN(virus)) this.#frames.add(number, others, virus, bound)
  }

  /** Ends the record. @param select - is given the number of each frame that has to be computed exactly */
  endRecord(select: (number: number) => void): void {
    const frames = this.#frames
    if (frames.hasFree) {
      frames.chooseByFrame()
      this.#record.take(frames)
      if (this.#record.undecided(false).length > 0) this.#choose()
      frames.chosen(select)
    }
    frames.clear()
  }

  #choose(): void {
    const record = this.#record
    if (this.#isThorough || record.chunks <= FEW_CHUNKS) {
      for (let chunk = 0; chunk < record.chunks; chunk++) record.choose(chunk)
      return
    }
    // As if what is selected came out where it is now: then these would be enough. The next look will say.
    for (let doubts = record.undecided(true); doubts.length > 0; doubts = record.undecided(true))
      for (const doubt of doubts) record.settle(doubt)
    if (!record.isComplete) this.isOpen = true
  }
}
