import { columnNames, type LayoutName } from '../layout/index.ts'
import { DataError } from '../system/errors.ts'
import { linesOf } from '../system/lines.ts'
import type { FrameScore } from './consensus.ts'
import { formatFloat32, formatFloat64, parseLikePandas } from './numbers.ts'
import type { Table } from './table.ts'

const HEADER = columnNames('predictions').join('\t')
/** Source: numpy `str(float32)`, Python `repr(float)`, for probabilities. */
const SCORE = /^(nan|\d+(\.\d*)?(e[+-]?\d+)?)$/

/** `prediction_results.txt`: one row for each frame, in the order of the input. */
export const frameTable: Table = async (file, { stamp, counts }) => {
  await file.write(`${stamp}${HEADER}\n`)
  return {
    async add(frames) {
      let rows = ''
      for (const { id, isViral, others, viral } of frames) {
        counts.frames++
        if (isViral) counts.viralFrames++
        rows += `${id}\t${isViral ? 'virus' : 'others'}\t${others}\t${viral}\n`
      }
      await file.write(rows)
    },
  }
}

/** How the program of a layout spells a score. */
export function scoreFormat(layout: LayoutName): (score: number) => string {
  return layout === 'broad' ? formatFloat64 : formatFloat32
}

/** How the program of a layout reads a printed score when it calls the chunks. */
export function scoreParser(layout: LayoutName): (text: string) => number {
  return layout === 'broad' ? parseLikePandas : Number
}

/** Whether a line may be one of the table. */
export function isFrameLine(line: string, number: number): boolean {
  return (
    (number === 1 && line.startsWith('# ')) ||
    (number <= 2 && line === HEADER) ||
    /^[^\t]*\t(virus|others)\t[^\t]*\t[^\t]*$/.test(line)
  )
}

/**
 * The rows of a `prediction_results.txt`, some thousand at a time, so that memory does not grow with the table. Scores
 * are read as the program of the layout reads them when it calls the chunks; NaN where a frame has none.
 *
 * @param onStamp - receives the line of warning above the header of a demonstration, without the `# `
 * @throws DataError when the file cannot be read or is no such table, with its line
 */
export async function* readFrameScores(
  path: string,
  layout: LayoutName,
  onStamp?: (stamp: string) => void,
): AsyncGenerator<FrameScore[]> {
  const parse = scoreParser(layout)
  const isHeader = (line: string, number: number) => {
    if (line === HEADER) return true
    if (number > 1 || !line.startsWith('# ')) fail(path, number, `expected the header "${HEADER}"`)
    onStamp?.(line.slice(2))
    return false
  }
  let number = 0
  let isHeaded = false
  for await (const lines of linesOf(path)) {
    const frames: FrameScore[] = []
    for (const line of lines) {
      number++
      if (isHeaded)
        frames.push(frameOf(line, parse) ?? fail(path, number, 'expected an id, a call and two scores'))
      else isHeaded = isHeader(line, number)
    }
    if (frames.length > 0) yield frames
  }
  if (!isHeaded) throw new DataError(`${path}: expected the header "${HEADER}", found an empty file`)
}

function frameOf(line: string, parse: (text: string) => number): FrameScore | undefined {
  const [id = '', , others = '', viral = '', extra] = line.split('\t')
  if (id === '' || extra !== undefined || !SCORE.test(others) || !SCORE.test(viral)) return undefined
  return { id, others: parse(others), viral: parse(viral) }
}

function fail(path: string, line: number, problem: string): never {
  throw new DataError(`${path}:${line}: ${problem}`)
}
