import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
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
  const state = join(folder, '.virnucpro')
  const entries = await readdir(state, { withFileTypes: true }).catch(() => [])
  const runs: OwnRun[] = []
  for (const { name: stem } of entries.filter((entry) => entry.isDirectory())) {
    const text = await readFile(join(state, stem, 'run.json'), 'utf8').catch(() => undefined)
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
