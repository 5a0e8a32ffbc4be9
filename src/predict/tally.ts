import { LengthCounter } from '../report/index.ts'

/** What one input gave. */
export interface InputCounts {
  records: number
  bases: number
  chunks: number
  chunksWithoutFrame: number
  frames: number
  /** Frames that could not be computed, and are in no table. */
  failedFrames: number
}

/** A chunk is cut to one length; twenty bins show how much shorter the last ones of records are. */
const CHUNK_BINS = 20

/** Counts for the report, kept while a run reads: what each input gave, and how long its records and chunks are. */
export class Tally {
  readonly inputs: readonly InputCounts[]
  readonly records = new LengthCounter({ kind: 'log' })
  readonly chunks: LengthCounter
  readonly #sources: readonly string[]
  #at = 0

  /** @param inputs - as given, in the order they are read in */
  constructor(inputs: readonly string[], expectedLength: number) {
    this.#sources = inputs.map((path) => (path === '-' ? '<stdin>' : path))
    this.inputs = inputs.map(() => ({
      records: 0,
      bases: 0,
      chunks: 0,
      chunksWithoutFrame: 0,
      frames: 0,
      failedFrames: 0,
    }))
    this.chunks = new LengthCounter({ kind: 'width', width: Math.ceil(expectedLength / CHUNK_BINS) })
  }

  /** @param source - the record's own; an input without a record is passed over */
  record(source: string, bases: number): void {
    while (this.#sources[this.#at] !== source && this.#at < this.#sources.length - 1) this.#at++
    const counts = this.inputs[this.#at] as InputCounts
    counts.records++
    counts.bases += bases
    this.records.add(bases)
  }

  /** A chunk of the record last added. */
  chunk(bases: number, frames: number): void {
    const counts = this.inputs[this.#at] as InputCounts
    counts.chunks++
    if (frames === 0) counts.chunksWithoutFrame++
    counts.frames += frames
    this.chunks.add(bases)
  }

  /** @param frame - its number among all frames of the run, from 0; called once all are read */
  failed(frame: number): void {
    let before = 0
    for (const counts of this.inputs) {
      before += counts.frames
      if (frame < before) {
        counts.failedFrames++
        return
      }
    }
  }
}
