import { readdir, rm, rmdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { OutputPaths } from '../outputs/index.ts'
import { writeAtomically } from '../system/index.ts'

/**
 * Removes the intermediates that an earlier, interrupted run with other settings may have left. Only files with
 * our names go; a folder that holds anything else stays.
 */
export async function removeIntermediates(paths: OutputPaths): Promise<void> {
  for (const file of [paths.chunked, paths.nucleotide, paths.protein]) await rm(file, { force: true })
  await removeParts(paths.nucleotideFolder, /^output_\d+(_DNABERT_S\.pt(\.done)?|\.fa)$/)
  await removeParts(paths.proteinFolder, /^output_\d+(_ESM\.pt(\.done)?|\.fa)$/)
  await removeParts(paths.mergedFolder, /^output_\d+_merged\.pt(\.done)?$/)
}

async function removeParts(folder: string, names: RegExp): Promise<void> {
  const entries = await readdir(folder).catch(() => [])
  for (const entry of entries) if (names.test(entry)) await rm(join(folder, entry))
  await rmdir(folder).catch(() => {})
}

/** Removes part files beyond the last part, left by an earlier run over a longer input. */
export async function removePartsAfter(paths: OutputPaths, last: number): Promise<void> {
  for (const folder of [paths.nucleotideFolder, paths.proteinFolder, paths.mergedFolder]) {
    for (const entry of await readdir(folder).catch(() => [])) {
      const number = Number(/^output_(\d+)[._]/.exec(entry)?.[1] ?? 0)
      if (number > last) await rm(join(folder, entry))
    }
  }
}

/** Says beside the tables of a demonstration what they are. */
export async function stampFolder(paths: OutputPaths, stamp: string): Promise<void> {
  await writeAtomically(
    join(paths.mergedFolder, 'DEMONSTRATION.txt'),
    `${basename(paths.mergedFolder)}: ${stamp}\n`,
  )
}
