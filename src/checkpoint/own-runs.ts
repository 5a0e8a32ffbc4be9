import { readdir, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { STATES_FOLDER } from '../layout/index.ts'
import { recordsIn } from './file-record.ts'
import { type RunManifest, readManifest } from './manifest.ts'

/** A run of this program that a results folder holds. */
export interface OwnRun {
  /** Stem of the names of its results. */
  stem: string
  status: 'unfinished' | 'finished' | 'unknown'
  /** As they were named; empty when its state cannot be read. */
  inputs: string[]
  /** Undefined when it cannot be read. */
  manifest: RunManifest | undefined
}

/** Runs of this program in a folder of results; their state lies in `.virnucpro/STEM`. */
export async function listOwnRuns(folder: string): Promise<OwnRun[]> {
  const state = join(folder, STATES_FOLDER)
  const entries = await readdir(state, { withFileTypes: true }).catch(() => [])
  const runs: OwnRun[] = []
  for (const { name: stem } of entries.filter((entry) => entry.isDirectory())) {
    const manifest = await readManifest(join(state, stem)).catch(() => 'none')
    // Only the record of its files is left.
    if (manifest === 'none') continue
    const known: RunManifest | undefined = typeof manifest === 'object' ? manifest : undefined
    runs.push({
      stem,
      status: known?.status ?? 'unknown',
      inputs: known?.inputs.map(({ path }) => path) ?? [],
      manifest: known,
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
  if (whole.split(sep).includes(STATES_FOLDER)) return true
  for (let root = dirname(whole); ; root = dirname(root)) {
    for (const record of (await recordsIn(root)).values()) if (record.owns(whole)) return true
    if (root === dirname(root)) return false
  }
}
