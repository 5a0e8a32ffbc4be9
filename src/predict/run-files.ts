import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { RECORD_FILE } from '../checkpoint/index.ts'
import { type OutputPaths, sharedFiles } from '../layout/index.ts'
import { METRICS_FILES } from '../monitor/index.ts'
import { REPORT_FILES } from '../report/index.ts'
import { isThere } from '../system/same-file.ts'

/** Names of the numbered files in each folder, of the original and of all versions of Broad's fork. */
const PARTS = {
  nucleotideFolder: /^output_(\d+)(_DNABERT(_S)?\.pt(\.done)?|\.fa)$/,
  proteinFolder: /^output_(\d+)(_(ESM|DNABERT)\.pt(\.done)?|\.fa)$/,
  mergedFolder: /^output_(\d+)(_DNABERT)?_merged\.pt(\.done)?$/,
} as const
const FOLDERS = Object.keys(PARTS) as (keyof typeof PARTS)[]

/** Says beside the tables of a demonstration what they are. */
export function demonstrationFile(paths: OutputPaths): string {
  return join(paths.mergedFolder, 'DEMONSTRATION.txt')
}

/** What tells how the run went. */
export function reportFiles(paths: OutputPaths): string[] {
  return [...Object.values(REPORT_FILES), ...Object.values(METRICS_FILES)].map((name) =>
    join(paths.report, name),
  )
}

/** The number of a part, of a path that is one of its files; undefined for any other. */
export function partOf(paths: OutputPaths, path: string): number | undefined {
  for (const folder of FOLDERS) {
    const start = `${resolve(paths[folder])}/`
    const number = path.startsWith(start) ? PARTS[folder].exec(path.slice(start.length))?.[1] : undefined
    if (number !== undefined) return Number(number)
  }
  return undefined
}

/** Whether a path, absolute, is an intermediate, which only `--keep-intermediate` writes. */
export function isIntermediate(paths: OutputPaths, path: string): boolean {
  const { chunked, nucleotide, protein } = paths
  if ([chunked, nucleotide, protein].some((file) => resolve(file) === path)) return true
  return partOf(paths, path) !== undefined
}

/**
 * All that lies under a name which a run of these paths may write, absolute. Links count, and so do parts that an
 * earlier run over a longer input would have had.
 */
export async function takenNames(paths: OutputPaths): Promise<string[]> {
  const { chunked, nucleotide, protein, predictions, consensus, invalidRecords } = paths
  const { failed, broadState } = sharedFiles(paths)
  const fixed = [
    ...[
      chunked,
      nucleotide,
      protein,
      predictions,
      consensus,
      invalidRecords,
      demonstrationFile(paths),
      failed,
    ],
    ...(paths.layout === 'broad' ? [broadState] : []),
    ...reportFiles(paths),
  ]
  const taken: string[] = []
  for (const path of fixed) if (await isThere(path)) taken.push(resolve(path))
  for (const folder of FOLDERS) {
    for (const name of await readdir(paths[folder]).catch(() => []))
      if (PARTS[folder].test(name)) taken.push(resolve(paths[folder], name))
  }
  // The state folder is the run's alone.
  for (const entry of await readdir(paths.state, { recursive: true, withFileTypes: true }).catch(() => [])) {
    const path = resolve(entry.parentPath, entry.name)
    if (!entry.isDirectory() && path !== resolve(paths.state, RECORD_FILE)) taken.push(path)
  }
  return [...new Set(taken)]
}
