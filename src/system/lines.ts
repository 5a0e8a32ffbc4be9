import { createReadStream } from 'node:fs'
import { DataError, VirnucproError } from './errors.ts'
import { ReadError } from './system-error.ts'

/** Bytes that are read at a time. */
const READ_BYTES = 1 << 18
/** Longer lines are in no table: a header of an input has at most 16 MiB, and a row few more letters. */
const MAX_LINE = 1 << 26

/** A line is longer than any of a table. */
export class LineTooLongError extends DataError {}

/** The lines of a file, some thousand at a time. @throws ReadError when it cannot be read; LineTooLongError */
export async function* linesOf(path: string): AsyncGenerator<string[]> {
  // Pieces of a long line are joined once.
  let begun: string[] = []
  let length = 0
  const stream = createReadStream(path, { encoding: 'utf8', highWaterMark: READ_BYTES })
  try {
    for await (const piece of stream) {
      const lines = (piece as string).split('\n')
      const rest = lines.pop() as string
      if (lines.length > 0) {
        lines[0] = begun.join('') + lines[0]
        yield lines
        begun = []
        length = 0
      }
      begun.push(rest)
      length += rest.length
      if (length > MAX_LINE)
        throw new LineTooLongError(`${path}: a line of more than ${MAX_LINE} letters, which no table has`)
    }
  } catch (error) {
    if (error instanceof VirnucproError || !(error instanceof Error)) throw error
    throw new ReadError(path, error)
  }
  if (length > 0) yield [begun.join('')]
}

/** Whether all lines of a file pass; one without a line does. @throws ReadError when it cannot be read */
export async function everyLine(
  path: string,
  passes: (line: string, number: number) => boolean,
): Promise<boolean> {
  let number = 0
  try {
    for await (const lines of linesOf(path))
      for (const line of lines) if (!passes(line, ++number)) return false
  } catch (error) {
    if (error instanceof LineTooLongError) return false
    throw error
  }
  return true
}
