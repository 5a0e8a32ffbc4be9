import { createReadStream } from 'node:fs'

type IsLine = (line: string, number: number) => boolean

const isLetters: IsLine = (line, number) => number > 1 && !line.startsWith('>')
const isChunkLine: IsLine = (line, number) => /^>.+_chunk_\d+( .*)?$/.test(line) || isLetters(line, number)
const isFrameLine: IsLine = (line, number) =>
  /^>.+_chunk_\d+[FR][123]( .*)?$/.test(line) || isLetters(line, number)

/** Whether every record of a FASTA file has a name as runs give it to chunks, or to frames. */
export async function isFastaOfRun(path: string, of: 'chunks' | 'frames'): Promise<boolean> {
  return await everyLine(path, of === 'chunks' ? isChunkLine : isFrameLine)
}

/** Whether all lines of a file pass; one without a line does. */
export async function everyLine(path: string, passes: IsLine): Promise<boolean> {
  let number = 0
  let rest = ''
  for await (const block of createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 20 })) {
    const lines = (rest + block).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (!passes(line, ++number)) return false
  }
  return rest === '' || passes(rest, ++number)
}
