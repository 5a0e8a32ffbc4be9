import type { PartScores } from '../../checkpoint/index.ts'
import type { BitSet } from '../../recheck/index.ts'
import type { Run } from '../context.ts'

/** What a run computes its parts with. */
type PartsOf = Pick<Run, 'folder' | 'options'>

/** The scores of a part as its tables have them. */
export interface FinalScores extends PartScores {
  /** 1 for each row that was computed once more. */
  rechecked?: Uint8Array
}

/** The number of a frame among those of the run, from 0. */
export function frameNumber(part: number, row: number, { options }: Pick<Run, 'options'>): number {
  return (part - 1) * options.sequencesPerFile + row
}

/** Rows of a part that are among some frames of the run, in their order. */
export function rowsOf(part: number, frames: BitSet, { options }: Pick<Run, 'options'>): number[] {
  const first = frameNumber(part, 0, { options })
  return Array.from(frames.between(first, first + options.sequencesPerFile), (number) => number - first)
}

/** The scores of a part that is done; those of frames that were computed once more in the place of the first ones. */
export async function finalScores(run: PartsOf, number: number, exact: BitSet): Promise<FinalScores> {
  const part = await run.folder.scoresOf(number)
  const rows = rowsOf(number, exact, run)
  if (rows.length === 0) return part
  const found = await run.folder.rechecked(number)
  const places = new Map(found?.ids.map((row, at) => [Number(row), at]))
  const scores = part.scores.slice()
  const rechecked = new Uint8Array(part.ids.length)
  for (const row of rows) {
    const at = places.get(row)
    if (found === undefined || at === undefined) continue
    scores.set(found.scores.subarray(2 * at, 2 * at + 2), 2 * row)
    rechecked[row] = 1
  }
  return { ...part, scores, rechecked }
}
