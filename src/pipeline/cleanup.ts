import { readdir, rm, rmdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { METRICS_FILES } from '../monitor/index.ts'
import type { OutputPaths } from '../outputs/index.ts'
import { REPORT_FILES } from '../report/index.ts'
import { WriteError, writeAtomically } from '../system/index.ts'

/** Names of the numbered files in each folder, of the original and of all versions of Broad's fork. */
const PARTS = {
  nucleotideFolder: /^output_(\d+)(_DNABERT(_S)?\.pt(\.done)?|\.fa)$/,
  proteinFolder: /^output_(\d+)(_(ESM|DNABERT)\.pt(\.done)?|\.fa)$/,
  mergedFolder: /^output_(\d+)(_DNABERT)?_merged\.pt(\.done)?$/,
} as const
const FOLDERS = Object.keys(PARTS) as (keyof typeof PARTS)[]

/**
 * Removes the intermediates that an earlier, interrupted run with other settings may have left. Only files with
 * our names go; a folder that holds anything else stays.
 */
export async function removeIntermediates(paths: OutputPaths): Promise<void> {
  for (const file of [paths.chunked, paths.nucleotide, paths.protein]) await remove(file)
  for (const folder of FOLDERS) {
    await removeParts(paths, folder, () => true)
    await rmdir(paths[folder]).catch(() => {})
  }
}

/** Removes all that an earlier run made, so that nothing of it can be taken for a result of the next. */
export async function removeOldRun(paths: OutputPaths): Promise<void> {
  for (const file of [paths.predictions, paths.consensus, paths.invalidRecords]) await remove(file)
  await remove(join(paths.mergedFolder, DEMONSTRATION))
  for (const name of [...Object.values(REPORT_FILES), ...Object.values(METRICS_FILES)])
    await remove(join(paths.report, name))
  await rmdir(paths.report).catch(() => {})
  await removeIntermediates(paths)
}

/** Removes part files beyond the last part, left by an earlier run over a longer input. */
export async function removePartsAfter(paths: OutputPaths, last: number): Promise<void> {
  for (const folder of FOLDERS) await removeParts(paths, folder, (number) => number > last)
}

async function removeParts(
  paths: OutputPaths,
  folder: keyof typeof PARTS,
  which: (number: number) => boolean,
): Promise<void> {
  for (const entry of await readdir(paths[folder]).catch(() => [])) {
    // A killed run leaves files under their temporary names.
    const name = /^\.(.+)\.tmp$/.exec(entry)?.[1] ?? entry
    const number = PARTS[folder].exec(name)?.[1]
    if (number !== undefined && which(Number(number))) await remove(join(paths[folder], entry))
  }
}

async function remove(path: string): Promise<void> {
  try {
    await rm(path, { force: true })
  } catch (error) {
    throw new WriteError(path, error)
  }
}

const DEMONSTRATION = 'DEMONSTRATION.txt'

/** Says beside the tables of a demonstration what they are. */
export async function stampFolder(paths: OutputPaths, stamp: string): Promise<void> {
  await writeAtomically(
    join(paths.mergedFolder, DEMONSTRATION),
    `${basename(paths.mergedFolder)}: ${stamp}\n`,
  )
}
