import type { LayoutName } from '../layout/index.ts'
import { DataError } from '../system/errors.ts'
import type { FrameScore } from './consensus.ts'
import { linesOf } from './lines.ts'
import { parseLikePandas } from './numbers.ts'

const HEADER = 'Sequence_ID\tPrediction\tscore1\tscore2'

/**
 * The rows of a `prediction_results.txt`, some thousand at a time, so that memory does not grow with the table. Scores
 * are read as the program of the layout reads them when it calls the chunks; NaN where a frame has none.
 *
 * @throws DataError when the file cannot be read or is no such table, with its line
 */
export async function* readFrameScores(path: string, layout: LayoutName): AsyncGenerator<FrameScore[]> {
  const number = layout === 'broad' ? parseLikePandas : Number
  let line = 0
  let headed = false
  for await (const lines of linesOf(path)) {
    const frames: FrameScore[] = []
    for (const text of lines) {
      line++
      if (!headed) {
        // A demonstration has a line of warning above the header.
        if (line === 1 && text.startsWith('#')) continue
        if (text !== HEADER) throw new DataError(`${path}:${line}: expected the header "${HEADER}"`)
        headed = true
        continue
      }
      const [id, call, others, viral, extra] = text.split('\t')
      if (id === undefined || call === undefined || viral === undefined || extra !== undefined) {
        throw new DataError(`${path}:${line}: expected an id, a call and two scores`)
      }
      frames.push({ id, others: number(others as string), viral: number(viral) })
    }
    if (frames.length > 0) yield frames
  }
  if (!headed) throw new DataError(`${path}: expected the header "${HEADER}", found an empty file`)
}
