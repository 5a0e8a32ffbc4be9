import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import * as v from 'valibot'
import { formatManifest, openManifest, RunLock } from '../checkpoint/index.ts'
import { type OutputPaths, resultFiles, STATES_FOLDER, statePaths } from '../layout/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { MOST_BYTES, readText } from '../system/read-within.ts'
import { READ } from '../system/regular-file.ts'
import { sha256File } from '../system/sha256.ts'

/** The part of a run's manifest that matters to those who do not run it. */
const StateSchema = v.looseObject({
  status: v.picklist(['unfinished', 'finished']),
  settings: v.record(v.string(), v.unknown()),
  tables: v.optional(v.record(v.string(), v.string())),
})

/** The state of one of our own runs. */
export interface OwnState {
  path: string
  /** Stem of the names of the run. */
  stem: string
  /** Undefined where it cannot be read. */
  status: 'unfinished' | 'finished' | undefined
}

/** The states that lie in a `.virnucpro` folder. */
export async function ownStates(folder: string): Promise<OwnState[]> {
  const states: OwnState[] = []
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    if (!entry.isDirectory()) continue
    const path = join(folder, entry.name)
    states.push({ path, stem: entry.name, status: (await readState(path))?.status })
  }
  return states.sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function readState(path: string): Promise<v.InferOutput<typeof StateSchema> | undefined> {
  const text = await readText(statePaths(path).manifest, MOST_BYTES.state, READ).catch(() => undefined)
  const state = v.safeParse(StateSchema, text === undefined ? undefined : openManifest(text))
  return state.success ? state.output : undefined
}

/** Puts into the state of a finished run that its files are in another layout now, and whole. */
export async function moveState(paths: OutputPaths, isFinished: boolean): Promise<void> {
  const state = await readState(paths.state)
  if (state === undefined) return
  const digests: Record<string, string> = {}
  for (const table of isFinished ? resultFiles(paths) : []) digests[basename(table)] = await sha256File(table)
  const settings = { ...state.settings, layout: paths.layout }
  const next = { ...state, settings, ...(state.tables === undefined ? {} : { tables: digests }) }
  await writeAtomically(statePaths(paths.state).manifest, formatManifest(next))
}

/** The root of the run whose state this is. */
export function rootOf(state: OwnState): string {
  return dirname(dirname(state.path))
}

/**
 * Locks all runs of some output folders, so that none of them works there meanwhile.
 * @throws LockedError when one of them does
 */
export async function lockRuns(roots: readonly string[]): Promise<AsyncDisposable> {
  await using locks = new AsyncDisposableStack()
  for (const root of roots) {
    const folder = join(root, STATES_FOLDER)
    // A run makes its lock before anything else: without the folder there is none.
    if (!existsSync(folder)) continue
    for (const stem of await stemsIn(folder)) locks.use(await RunLock.acquire(join(folder, `${stem}.lock`)))
  }
  return locks.move()
}

/** Stems of all runs that have a state or a lock there. */
async function stemsIn(folder: string): Promise<Set<string>> {
  const stems = new Set<string>()
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) stems.add(entry.name)
    else if (entry.name.endsWith('.lock')) stems.add(entry.name.slice(0, -'.lock'.length))
  }
  return stems
}
