import { DataError } from '../system/errors.ts'
import { ConsensusBuilder, readFrameScores } from '../tables/index.ts'
import type { Summary } from './summary.ts'

/** Bins of a score between 0 and 1. */
export const SCORE_BINS = 50

/** Counts of scores of one kind, apart by call. */
export interface ScoreHistogram {
  viral: number[]
  others: number[]
  /** Without a score: frames without a residue, in Broad's layout. */
  missing: number
}

export interface InputCalls {
  viralFrames: number
  scoredFrames: number
  viralChunks: number
  calledChunks: number
}

export interface Calls {
  frames: ScoreHistogram
  chunks: ScoreHistogram
  /** In the order of the inputs. */
  inputs: InputCalls[]
}

/**
 * Reads the table of frames once. A chunk's score is the best viral score of its frames, the one that decides its call.
 * The rows stand in the order of the input, so that the number of frames of each input says whose they are.
 *
 * @throws DataError when the table is missing, damaged or of another run
 */
export async function readCalls(path: string, summary: Summary): Promise<Calls> {
  const counter = new CallCounter(summary)
  for await (const frames of readFrameScores(path, summary.files.layout)) {
    for (const frame of frames) counter.add(frame)
  }
  counter.finish()
  const { scoredFrames, viralFrames } = summary.counts
  if (counter.rows !== scoredFrames || counter.viral !== viralFrames) {
    throw new DataError(
      `${path} is not the table of this run: it has ${counter.rows} rows, ${counter.viral} of them viral; ` +
        `the summary counts ${scoredFrames} and ${viralFrames}`,
    )
  }
  return counter.calls
}

/** Counts frames in the order of the table, and the chunks that they make. */
class CallCounter {
  readonly calls: Calls
  rows = 0
  viral = 0
  readonly #ends: readonly number[]
  readonly #consensus = new ConsensusBuilder()
  #input = 0
  /** Of the chunk that is under way. */
  #chunkInput = 0

  constructor(summary: Summary) {
    const none = () => ({ viralFrames: 0, scoredFrames: 0, viralChunks: 0, calledChunks: 0 })
    this.calls = { frames: emptyHistogram(), chunks: emptyHistogram(), inputs: summary.inputs.map(none) }
    this.#ends = rowEnds(summary)
  }

  add(frame: Parameters<ConsensusBuilder['add']>[0]): void {
    while (this.#input < this.#ends.length - 1 && this.rows >= (this.#ends[this.#input] as number))
      this.#input++
    const virus = frame.viral > frame.others
    tally(this.calls.frames, frame.viral, virus)
    this.#countChunk(this.#consensus.add(frame))
    this.#chunkInput = this.#input
    this.rows++
    if (virus) this.viral++
    const counts = this.calls.inputs[this.#input]
    if (counts === undefined) return
    counts.scoredFrames++
    if (virus) counts.viralFrames++
  }

  finish(): void {
    this.#countChunk(this.#consensus.finish())
  }

  #countChunk(call: ReturnType<ConsensusBuilder['finish']>): void {
    if (call === undefined) return
    tally(this.calls.chunks, call.viral, call.virus)
    const counts = this.calls.inputs[this.#chunkInput]
    if (counts === undefined) return
    counts.calledChunks++
    if (call.virus) counts.viralChunks++
  }
}

/** For each input, the number of rows up to its end. */
function rowEnds({ inputs }: Summary): number[] {
  let rows = 0
  return inputs.map(({ frames, failedFrames }) => {
    rows += frames - failedFrames
    return rows
  })
}

function emptyHistogram(): ScoreHistogram {
  return { viral: Array(SCORE_BINS).fill(0), others: Array(SCORE_BINS).fill(0), missing: 0 }
}

function tally(histogram: ScoreHistogram, score: number, virus: boolean): void {
  if (Number.isNaN(score)) {
    histogram.missing++
    return
  }
  const bin = Math.min(SCORE_BINS - 1, Math.max(0, Math.floor(score * SCORE_BINS)))
  const counts = virus ? histogram.viral : histogram.others
  counts[bin] = (counts[bin] as number) + 1
}
