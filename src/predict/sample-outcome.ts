import { relative, sep } from 'node:path'
import { type ColumnName, columnNames, type OutputPaths } from '../layout/index.ts'
import type { ResultsCounts } from '../results/index.ts'
import type { Sample } from '../samples/index.ts'
import type { VirnucproError } from '../system/errors.ts'
import { linesOf } from '../system/lines.ts'
import { printable } from '../system/printable.ts'
import { isThere } from '../system/same-file.ts'
import { count } from '../text/numbers.ts'
import type { ResultCounts } from './result.ts'

/** What became of a sample. */
export interface SampleOutcome extends Sample {
  /** `frames_failed`: it has results, and frames that could not be computed are missing from them. */
  status: 'finished' | 'frames_failed' | 'failed'
  /** True when an earlier start had finished it: nothing was computed. */
  alreadyFinished: boolean
  /** Why it has failed. */
  error?: VirnucproError
  /** Undefined where it has failed. */
  counts?: ResultCounts
  /** How its records are called; undefined where nobody knows. */
  calls?: ResultsCounts
  /** Parts that could not be computed. */
  failedParts: number
  /** Undefined where it could not be begun. */
  paths?: OutputPaths
}

/** The table of samples, in their order. It says nothing that another start over the same would say otherwise. */
export function samplesTable(outcomes: readonly SampleOutcome[], root: string): string {
  const columns = columnNames('samples')
  const lines = outcomes.map((outcome) => {
    const cells = cellsOf(outcome, root)
    return columns.map((name) => printable(String(cells[name] ?? 'NA')))
  })
  return [columns, ...lines].map((cells) => `${cells.join('\t')}\n`).join('')
}

function cellsOf(
  outcome: SampleOutcome,
  root: string,
): Record<ColumnName<'samples'>, string | number | undefined> {
  const { name, inputs, status, error, counts, calls, failedParts, paths } = outcome
  const reason =
    error?.lines.join('; ') ?? (failedParts > 0 ? `${count(failedParts, 'part')} failed` : undefined)
  const contigs = counts && paths && relative(root, paths.contigs).split(sep).join('/')
  return {
    ...{ sample: name, files: inputs.join(';'), records: counts?.records, frames: counts?.frames },
    ...{ viral: calls?.viral, non_viral: calls?.non_viral, ambiguous: calls?.ambiguous },
    ...{ uncalled: calls?.uncalled, viral_chunks: counts?.viralChunks, status, reason, contigs },
  }
}

/** How the records of a finished run are called; undefined where it has no table of them. */
export async function callsOf({ contigs }: OutputPaths): Promise<ResultsCounts | undefined> {
  if (!(await isThere(contigs))) return undefined
  const counts = { viral: 0, non_viral: 0, ambiguous: 0, NA: 0 }
  let column: number | undefined
  for await (const lines of linesOf(contigs))
    for (const line of lines) {
      if (column === undefined && line.startsWith('# ')) continue
      const cells = line.split('\t')
      if (column === undefined) column = cells.indexOf('call')
      else counts[cells[column] as keyof typeof counts]++
    }
  const { NA: uncalled, ...called } = counts
  return { ...called, uncalled }
}
