import { existsSync } from 'node:fs'
import { lstat, readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beginsAsCheckpoint, FileRecord, isStateFile, type RecordPlace } from '../checkpoint/index.ts'
import { resultFiles, statePaths } from '../layout/index.ts'
import { cannotWrite } from '../system/system-error.ts'
import { type LegacyFile, readLegacyFile } from './read.ts'
import { LAYOUTS, layoutOf, oncePerFolder, pathsOf, runsIn } from './runs.ts'
import { type Found, scanFolder } from './scan.ts'
import { lockRuns, type OwnState, ownStates, rootOf } from './states.ts'

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

function removal(path: string, reason: string): Removal {
  return { path, reason, remove: () => remove(path) }
}

async function remove(path: string): Promise<void> {
  await rm(path, { force: true }).catch(cannotWrite(path))
  await rmdir(dirname(path)).catch(() => {})
}

async function withMarker(path: string, reason: string): Promise<Removal[]> {
  const marker = `${path}.done`
  const removals = [removal(path, reason)]
  return (await isEmptyFile(marker)) ? [...removals, removal(marker, 'marker of the file before')] : removals
}

/**
 * What can be removed below a folder: temporary files, markers without data, damaged checkpoints, states of finished
 * runs. Files that are whole but of another kind or version than expected are never among them, nor are tables.
 */
async function findLeftovers(found: Found, options: CleanOptions): Promise<Removal[]> {
  const leftovers: Removal[] = []
  for (const path of found.temporary)
    if (await beginsAsCheckpoint(path).catch(() => false))
      leftovers.push(removal(path, 'temporary, of a run that was stopped'))
  leftovers.push(...(await ofCheckpoints(found, options)))
  for (const states of found.states)
    for (const state of await ownStates(states)) leftovers.push(...(await ofState(state, options)))
  return leftovers
}

async function ofCheckpoints(found: Found, options: CleanOptions): Promise<Removal[]> {
  const leftovers: Removal[] = []
  const whyDone = doneIn(options)
  // Empty files and markers hold nothing that could say whose they are, but whole files of a run beside them do.
  const folders = new Set<string>()
  const empty: string[] = []
  for (const path of found.files) {
    options.signal?.throwIfAborted()
    const { file } = await readLegacyFile(path, layoutOf(path))
    if (file.problem === undefined) folders.add(dirname(path))
    if (file.damaged && file.bytes === 0) empty.push(path)
    const reason = file.problem === undefined ? await whyDone(path) : await whyTorn(file)
    if (reason !== undefined) leftovers.push(...(await withMarker(path, reason)))
  }
  const isBesideWhole = (path: string) => folders.has(dirname(path))
  for (const path of empty.filter(isBesideWhole))
    leftovers.push(
      ...(await withMarker(path, 'damaged: is empty (0 bytes): the run that made it was stopped')),
    )
  for (const path of found.orphans.filter(isBesideWhole))
    if (await isEmptyFile(path)) leftovers.push(removal(path, 'marker of a file that is not there'))
  return leftovers
}

/** What is damaged goes where its beginning says that it is a checkpoint. */
async function whyTorn({ path, damaged, bytes, problem }: LegacyFile): Promise<string | undefined> {
  const isTorn = damaged && bytes > 0 && (await beginsAsCheckpoint(path))
  return isTorn ? `damaged: ${problem}` : undefined
}

/** Files of finished runs go where that is asked for. Parts lie one folder below that of their run, batches two. */
function doneIn({ intermediates }: CleanOptions): (path: string) => Promise<string | undefined> {
  const wereFinished = oncePerFolder(areFinished)
  return async (path) => {
    const folder = dirname(dirname(path))
    const isDone = intermediates && ((await wereFinished(folder)) || (await wereFinished(dirname(folder))))
    return isDone ? 'intermediate of a finished run' : undefined
  }
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
  const reason = reasonToRemove(status, unfinished && place.root)
  if (reason === undefined) return removals
  return [...removals, { path, reason, remove: () => removeState(place, files) }]
}

function reasonToRemove(status: OwnState['status'], unfinishedIn: string | false): string | undefined {
  if (status === 'finished') return 'state of a finished run'
  if (status === undefined) return 'state that cannot be read'
  return unfinishedIn === false ? undefined : `state of an unfinished run in ${unfinishedIn}`
}

/** Keeps the record as long as it names results: it is what distinguishes them from the user's files. */
async function removeState(place: RecordPlace, files: readonly string[]): Promise<void> {
  {
    using record = await FileRecord.open(place)
    if (record.files().length > 0) await record.removeState()
    else for (const file of files) await remove(file)
    if (record.isEmpty) await remove(record.path)
  }
  await rmdir(statePaths(place.state).work).catch(() => {})
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

/** Whether the tables of all runs in a folder are there. */
async function areFinished(root: string): Promise<boolean> {
  const runs = await runsIn(root)
  const isFinished = (run: (typeof runs)[number]) =>
    LAYOUTS.some((layout) => resultFiles(pathsOf(run, layout)).every((path) => existsSync(path)))
  return runs.length > 0 && runs.every(isFinished)
}
