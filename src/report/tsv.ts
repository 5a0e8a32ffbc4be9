import { DataError } from '../system/errors.ts'
import { linesOf } from '../system/lines.ts'

/**
 * Rows of one of our own tables, cell by cell, some thousand at a time. A line of warning above the header is passed over.
 *
 * @param columns - those that the table begins with
 * @throws DataError when it is no such table, or a row has not as many cells as the header
 */
export async function* readTable(path: string, columns: readonly string[]): AsyncGenerator<string[][]> {
  const fail = (line: number): never => {
    throw new DataError(`${path}:${line}: expected the columns ${columns.join(' ')}`)
  }
  let width = 0
  let number = 0
  const row = (line: string): string[] => {
    const cells = line.split('\t')
    if (cells.length !== width) fail(number)
    return cells
  }
  const header = (line: string): void => {
    const cells = line.split('\t')
    if (!columns.every((name, i) => cells[i] === name)) fail(number)
    width = cells.length
  }
  for await (const lines of linesOf(path)) {
    const rows: string[][] = []
    for (const line of lines) {
      number++
      if (width > 0) rows.push(row(line))
      else if (number > 1 || !line.startsWith('# ')) header(line)
    }
    if (rows.length > 0) yield rows
  }
  if (width === 0) fail(number + 1)
}
