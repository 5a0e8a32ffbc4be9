import { createReadStream } from 'node:fs'
import { VirnucproError } from './errors.ts'
import { ReadError } from './system-error.ts'

/** Bytes that are read at a time. */
const READ_BYTES = 1 << 18

/** The lines of a file, some thousand at a time. @throws ReadError when it cannot be read */
export async function* linesOf(path: string): AsyncGenerator<string[]> {
  let rest = ''
  const stream = createReadStream(path, { encoding: 'utf8', highWaterMark: READ_BYTES })
  try {
    for await (const piece of stream) {
      const lines = `${rest}${piece}`.split('\n')
      rest = lines.pop() as string
      yield lines
    }
  } catch (error) {
    if (error instanceof VirnucproError || !(error instanceof Error)) throw error
    throw new ReadError(path, error)
  }
  if (rest !== '') yield [rest]
}

/** Whether all lines of a file pass; one without a line does. @throws ReadError when it cannot be read */
export async function everyLine(
  path: string,
  passes: (line: string, number: number) => boolean,
): Promise<boolean> {
  let number = 0
  for await (const lines of linesOf(path)) for (const line of lines) if (!passes(line, ++number)) return false
  return true
}
