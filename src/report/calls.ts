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

export interface Calls {
  frames: ScoreHistogram
  chunks: ScoreHistogram
  /** In the order of the inputs. */
  inputs: { viralChunks: number; calledChunks: number }[]
}

/**
 * Reads the table of frames once. A chunk's score is the best viral score of its frames, the one that decides its call.
 * The rows stand in the order of the input, so that the number of frames of each input says whose they are.
 *
 * @throws DataError when the table is missing, damaged or of another run
 */
export async function readCalls(path: string, summary: Summary): Promise<Calls> {
  const inputs = summary.inputs.map(() => ({ viralChunks: 0, calledChunks: 0 }))
  const calls: Calls = { frames: emptyHistogram(), chunks: emptyHistogram(), inputs }
  const consensus = new ConsensusBuilder()
  const ends = rowEnds(summary)
  let [rows, viral, input] = [0, 0, 0]
  const countChunk = (call: ReturnType<ConsensusBuilder['finish']>) => {
    if (call === undefined) return
    tally(calls.chunks, call.viral, call.virus)
    const counts = inputs[input]
    if (counts === undefined) return
    counts.calledChunks++
    if (call.virus) counts.viralChunks++
  }
  for await (const frames of readFrameScores(path, summary.files.layout)) {
    for (const frame of frames) {
      // A chunk that ends here is of the input of the frame before.
      countChunk(consensus.add(frame))
      while (input < ends.length - 1 && rows >= ends[input]!) input++
      const isViral = frame.viral > frame.others
      tally(calls.frames, frame.viral, isViral)
      rows++
      if (isViral) viral++
    }
  }
  countChunk(consensus.finish())
  const { scoredFrames, viralFrames } = summary.counts
  if (rows === scoredFrames && viral === viralFrames) return calls
  throw new DataError(
    `${path} is not the table of this run: it has ${rows} rows, ${viral} of them viral; ` +
      `the summary counts ${scoredFrames} and ${viralFrames}`,
  )
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
