import { existsSync } from 'node:fs'
import { lstat, readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FileRecord, type RecordPlace } from '../checkpoint/file-record.ts'
import { beginsAsCheckpoint, isStateFile } from '../checkpoint/state-files.ts'
import { WriteError } from '../system/system-error.ts'
import { readLegacyFile } from './read.ts'
import { runsIn } from './runs.ts'
import { type Found, layoutOf, scanFolder } from './scan.ts'
import { lockRuns } from './state-locks.ts'
import { type OwnState, ownStates, rootOf } from './states.ts'

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
 * Removes what is of no use any more below a folder: what the records of runs name, and what is by its content a file of
 * a run. A name alone is no reason.
 *
 * @returns the number of things found
 * @throws LockedError when a run works in one of the folders
 */
export async function cleanFolder(options: CleanOptions): Promise<number> {
  const found = await scanFolder(options.folder)
  let leftovers: Removal[]
  {
    await using _locks = await lockRuns(found.states.map((path) => dirname(path)))
    leftovers = await findLeftovers(found, options)
    for (const leftover of leftovers) {
      options.onLeftover(leftover)
      if (!options.dryRun) await leftover.remove()
    }
  }
  // Only now are the locks gone too.
  if (!options.dryRun) for (const path of found.states) await rmdir(path).catch(() => {})
  return leftovers.length
}

interface Removal extends Leftover {
  remove(): Promise<void>
}

async function remove(path: string): Promise<void> {
  try {
    await rm(path, { force: true })
  } catch (error) {
    throw new WriteError(path, error)
  }
  await rmdir(dirname(path)).catch(() => {})
}

/**
 * What can be removed below a folder: temporary files, markers without data, damaged checkpoints, states of finished
 * runs. Files that are whole but of another kind or version than expected are never among them, nor are tables.
 */
async function findLeftovers(found: Found, options: CleanOptions): Promise<Removal[]> {
  const leftovers: Removal[] = []
  const add = (path: string, reason: string) =>
    void leftovers.push({ path, reason, remove: () => remove(path) })
  for (const path of found.temporary)
    if (await beginsAsCheckpoint(path).catch(() => false)) add(path, 'temporary, of a run that was stopped')
  // Empty files and markers hold nothing that could tell whose they are, but whole files of a run beside them do.
  const folders = new Set<string>()
  const empty: string[] = []
  const finished = new Map<string, boolean>()
  for (const path of found.files) {
    options.signal?.throwIfAborted()
    const { file } = await readLegacyFile(path, layoutOf(path))
    if (file.problem === undefined) folders.add(dirname(path))
    if (file.damaged && file.bytes === 0) empty.push(path)
    const isTorn = file.damaged && file.bytes > 0 && (await beginsAsCheckpoint(path))
    const isDone = file.problem === undefined && options.intermediates && (await isFinished(path, finished))
    if (!isTorn && !isDone) continue
    add(path, isTorn ? `damaged: ${file.problem}` : 'intermediate of a finished run')
    if (await isEmptyFile(`${path}.done`)) add(`${path}.done`, 'marker of the file before')
  }
  for (const path of empty.filter((each) => folders.has(dirname(each)))) {
    add(path, 'damaged: is empty (0 bytes): the run that made it was stopped')
    if (await isEmptyFile(`${path}.done`)) add(`${path}.done`, 'marker of the file before')
  }
  for (const path of found.orphans)
    if (folders.has(dirname(path)) && (await isEmptyFile(path)))
      add(path, 'marker of a file that is not there')
  for (const states of found.states)
    for (const state of await ownStates(states)) leftovers.push(...(await ofState(state, options)))
  return leftovers
}

async function ofState(state: OwnState, { unfinished }: CleanOptions): Promise<Removal[]> {
  const { path, status } = state
  const place = { root: rootOf(state), state: path }
  const record = await FileRecord.read(place)
  const files = record === undefined ? await filesWithoutRecord(state) : record.stateFiles()
  const temporary = (record?.unfinishedFiles() ?? []).filter((file) => existsSync(file))
  const removals = temporary.map((file) => ({
    path: file,
    reason: 'temporary, of a run that was stopped',
    // Opening it settles what is open.
    remove: async () => (await FileRecord.open(place))[Symbol.dispose](),
  }))
  if (files.length === 0) return removals
  const reason =
    status === 'finished'
      ? 'state of a finished run'
      : status === undefined
        ? 'state that cannot be read'
        : unfinished
          ? `state of an unfinished run in ${place.root}`
          : undefined
  if (reason === undefined) return removals
  return [...removals, { path, reason, remove: () => removeState(place, files) }]
}

/** Keeps the record as long as it names results: it is what distinguishes them from the user's files. */
async function removeState(place: RecordPlace, files: readonly string[]): Promise<void> {
  {
    using record = await FileRecord.open(place)
    if (record.files().length > 0) await record.removeState()
    else for (const file of files) await remove(file)
    if (record.isEmpty) await remove(record.path)
  }
  await rmdir(join(place.state, 'work')).catch(() => {})
  await rmdir(place.state).catch(() => {})
}

/** What a run of version 0.1.0 has in its state; nothing where its manifest cannot be read. */
async function filesWithoutRecord({ path, status }: OwnState): Promise<string[]> {
  if (status === undefined) return []
  const files: string[] = []
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    const file = join(entry.parentPath, entry.name)
    if (!entry.isDirectory() && (await isStateFile(path, file))) files.push(file)
  }
  return files
}

async function isEmptyFile(path: string): Promise<boolean> {
  return await lstat(path).then(
    (found) => found.isFile() && found.size === 0,
    () => false,
  )
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
