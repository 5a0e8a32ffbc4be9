import { readdir, readFile, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { STATES_FOLDER, statePaths } from '../layout/index.ts'
import { READ } from '../system/regular-file.ts'
import { FileRecord } from './file-record.ts'
import { parseManifest } from './manifest.ts'

/** A run of this program that a results folder holds. */
export interface OwnRun {
  /** Stem of the names of its results. */
  stem: string
  status: 'unfinished' | 'finished' | 'unknown'
  /** As they were named; empty when its state cannot be read. */
  inputs: string[]
}

/** Runs of this program in a folder of results; their state lies in `.virnucpro/STEM`. */
export async function listOwnRuns(folder: string): Promise<OwnRun[]> {
  const state = join(folder, STATES_FOLDER)
  const entries = await readdir(state, { withFileTypes: true }).catch(() => [])
  const runs: OwnRun[] = []
  for (const { name: stem } of entries.filter((entry) => entry.isDirectory())) {
    const text = await readFile(statePaths(join(state, stem)).manifest, {
      encoding: 'utf8',
      flag: READ,
    }).catch(() => undefined)
    // Only the record of its files is left.
    if (text === undefined) continue
    const manifest = parseManifest(text)
    const known = typeof manifest === 'object' ? manifest : undefined
    runs.push({
      stem,
      status: known?.status ?? 'unknown',
      inputs: known?.inputs.map(({ path }) => path) ?? [],
    })
  }
  return runs.sort((a, b) => (a.stem < b.stem ? -1 : 1))
}

/**
 * Whether a path, behind all links, is a file that a run has recorded, or one of the state of runs, there or not: in the
 * folder it lies in, and in all above it.
 */
export async function isFileOfAnyRun(path: string): Promise<boolean> {
  const folder = await realpath(dirname(path)).catch(() => resolve(dirname(path)))
  const whole = await realpath(path).catch(() => join(folder, basename(path)))
  if (whole.split('/').includes(STATES_FOLDER)) return true
  for (let root = dirname(whole); ; root = dirname(root)) {
    for (const stem of await readdir(join(root, STATES_FOLDER)).catch(() => [])) {
      const record = await FileRecord.read({ root, state: join(root, STATES_FOLDER, stem) }).catch(
        () => undefined,
      )
      if (record?.owns(whole) === true) return true
    }
    if (root === dirname(root)) return false
  }
}
