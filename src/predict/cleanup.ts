import { basename, resolve } from 'node:path'
import type { FileRecord } from '../checkpoint/index.ts'
import type { OutputPaths } from '../layout/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { demonstrationFile, isIntermediate, partOf } from './run-files.ts'

/** Removes the intermediates that this run, or an interrupted one before it with other settings, has made. */
export async function removeIntermediates(paths: OutputPaths, record: FileRecord): Promise<void> {
  await record.remove((path) => isIntermediate(paths, path))
}

/** Removes part files beyond the last part, made by an earlier run over a longer input. */
export async function removePartsAfter(paths: OutputPaths, record: FileRecord, last: number): Promise<void> {
  await record.remove((path) => (partOf(paths, resolve(path)) ?? 0) > last)
}

/** Says beside the tables of a demonstration what they are. */
export async function stampFolder(paths: OutputPaths, stamp: string): Promise<void> {
  await writeAtomically(demonstrationFile(paths), `${basename(paths.mergedFolder)}: ${stamp}\n`)
}
