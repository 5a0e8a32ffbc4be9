import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesIn } from '../../support/files.ts'

/** How far a score may be from that of another way to compute it. */
export const SCORE = 2e-6
/** Of figures made from scores, and printed with four digits: a step of the last one, and what the scores may differ. */
const ROUNDED = 1.1e-4

/** Files that hold times, or what a start has counted. */
const OF_PROCESSES = /(^|\/)\.(virnucpro|checkpoints)(\/|$)|_report\//

/** The content of every result, by name. */
export function resultsOf(folder: string): Map<string, Buffer> {
  return filesIn(folder, OF_PROCESSES)
}

export interface Rows {
  /** Frames: id, call, both scores. */
  readonly frames: string[][]
  readonly chunks: string[][]
  readonly records: string[][]
}

/** Rows of the tables of a run, in their order, in either layout. Comments and the names of columns are left out. */
export function rowsOf(folder: string): Rows {
  const read = (pattern: string) => {
    const [name, ...more] = new Bun.Glob(pattern).scanSync(folder)
    if (name === undefined || more.length > 0) throw new Error(`${folder}: expected one ${pattern}`)
    const lines = readFileSync(join(folder, name), 'utf8').trimEnd().split('\n')
    const [columns = [], ...rows] = lines
      .filter((line) => !line.startsWith('#'))
      .map((line) => line.split('\t'))
    // Which file a record is from is told where there are several.
    return rows.map((row) => row.filter((_, i) => columns[i] !== 'file'))
  }
  return {
    frames: read('**/prediction_results.txt'),
    chunks: read('**/chunks.tsv'),
    records: read('**/contigs.tsv'),
  }
}

/**
 * What is not equal in the tables of two runs whose batches differ: everything but scores to the letter, scores up to the last
 * digits. Where scores of two frames, or of both classes, are closer than that, either may be the higher one.
 */
export function otherRows(a: Rows, b: Rows): string[] {
  const problems: string[] = []
  for (const table of ['frames', 'chunks', 'records'] as const) {
    if (a[table].length !== b[table].length)
      problems.push(`${table}: ${a[table].length} and ${b[table].length} rows`)
    const within = table === 'frames' ? SCORE : ROUNDED
    for (const [i, row] of a[table].entries()) {
      const other = b[table][i] ?? []
      if (!isSame(row, other, within)) problems.push(`${table}: ${row.join(' ')} and ${other.join(' ')}`)
    }
  }
  return problems
}

function isSame(a: readonly string[], b: readonly string[], within: number): boolean {
  return a.length === b.length && a.every((cell, i) => cell === b[i] || isNear(cell, b[i]!, within))
}

function isNear(a: string, b: string, within: number): boolean {
  const isScore = /^-?\d\.\d+(e-\d+)?$/
  return isScore.test(a) && isScore.test(b) && Math.abs(Number(a) - Number(b)) <= within
}
