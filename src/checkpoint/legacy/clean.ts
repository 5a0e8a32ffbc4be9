import { existsSync } from 'node:fs'
import { rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { WriteError } from '../../system/index.ts'
import { readLegacyFile } from './read.ts'
import { runsIn } from './runs.ts'
import { type Found, layoutOf, scanFolder } from './scan.ts'
import { lockRuns } from './state-locks.ts'
import { ownStates, rootOf } from './states.ts'

export interface CleanOptions {
  folder: string
  /** Find, but remove nothing. */
  dryRun: boolean
  /** Called with each thing before it is removed. */
  onLeftover(leftover: Leftover): void
  /** Also the `.pt` files of runs whose tables are there. */
  intermediates: boolean
  /** Also the states of unfinished runs, which then cannot be continued. */
  unfinished: boolean
  signal?: AbortSignal
}

/** Something that is of no use any more, and why. */
export interface Leftover {
  path: string
  reason: string
}

/**
 * Removes what is of no use any more below a folder.
 * @returns the number of things found
 * @throws LockedError when a run works in one of the folders
 */
export async function cleanFolder(options: CleanOptions): Promise<number> {
  const found = await scanFolder(options.folder)
  let leftovers: Leftover[]
  {
    await using _locks = await lockRuns(found.states.map((path) => dirname(path)))
    leftovers = await findLeftovers(found, options)
    for (const leftover of leftovers) {
      options.onLeftover(leftover)
      if (!options.dryRun) await remove(leftover.path)
    }
  }
  // Only now are the locks gone too.
  if (!options.dryRun) for (const path of found.states) await rmdir(path).catch(() => {})
  return leftovers.length
}

async function remove(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    throw new WriteError(path, error)
  }
  await rmdir(dirname(path)).catch(() => {})
}

/**
 * What can be removed below a folder: temporary files, markers without data, damaged checkpoints, states of finished
 * runs. Files that are whole but of another kind or version than expected are never among them, nor are tables.
 */
async function findLeftovers(found: Found, options: CleanOptions): Promise<Leftover[]> {
  const { signal } = options
  const leftovers: Leftover[] = []
  const add = (path: string, reason: string) => void leftovers.push({ path, reason })
  for (const path of found.temporary) add(path, 'temporary, of a run that was stopped')
  for (const path of found.orphans) add(path, 'marker of a file that is not there')
  const finished = new Map<string, boolean>()
  for (const path of found.files) {
    signal?.throwIfAborted()
    const marker = `${path}.done`
    const { file } = await readLegacyFile(path, layoutOf(path))
    const reason = file.damaged
      ? `damaged: ${file.problem}`
      : options.intermediates && (await isFinished(path, finished))
        ? 'intermediate of a finished run'
        : undefined
    if (reason === undefined) continue
    add(path, reason)
    if (existsSync(marker)) add(marker, 'marker of the file before')
  }
  for (const states of found.states) {
    for (const state of await ownStates(states)) {
      if (state.status === 'finished') add(state.path, 'state of a finished run')
      else if (state.status === undefined) add(state.path, 'state that cannot be read')
      else if (options.unfinished) add(state.path, `state of an unfinished run in ${rootOf(state)}`)
    }
  }
  return leftovers
}

/** Whether both tables of the run of a part or batch are there. */
async function isFinished(checkpoint: string, known: Map<string, boolean>): Promise<boolean> {
  const folder = dirname(checkpoint)
  const roots = [dirname(folder), dirname(dirname(folder))]
  for (const root of roots) {
    if (!known.has(root)) {
      const runs = await runsIn(root)
      const done = runs.map(({ mergedFolders }) =>
        mergedFolders.some((merged) =>
          ['prediction_results.txt', 'prediction_results_highestscore.csv'].every((name) =>
            existsSync(join(merged, name)),
          ),
        ),
      )
      known.set(root, runs.length > 0 && done.every(Boolean))
    }
    if (known.get(root)) return true
  }
  return false
}
