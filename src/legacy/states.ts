import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import * as v from 'valibot'
import { formatManifest, openManifest } from '../checkpoint/manifest.ts'
import type { LayoutName } from '../layout/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { READ } from '../system/kept-files.ts'
import { sha256File } from '../system/sha256.ts'

/** Folder of the states of our own runs, one folder in it for each run. */
export const STATE_FOLDER = '.virnucpro'

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
  const text = await readFile(join(path, 'run.json'), { encoding: 'utf8', flag: READ }).catch(() => undefined)
  const state = v.safeParse(StateSchema, text === undefined ? undefined : openManifest(text))
  return state.success ? state.output : undefined
}

/** Tells the state of a finished run that its files are in another layout now. */
export async function moveState(
  root: string,
  stem: string,
  layout: LayoutName,
  tables: readonly string[],
): Promise<void> {
  const path = join(root, STATE_FOLDER, stem)
  const state = await readState(path)
  if (state === undefined) return
  const digests: Record<string, string> = {}
  for (const table of tables) digests[basename(table)] = await sha256File(table)
  const settings = { ...state.settings, layout }
  const next = { ...state, settings, ...(state.tables === undefined ? {} : { tables: digests }) }
  await writeAtomically(join(path, 'run.json'), formatManifest(next))
}

/** The root of the run whose state this is. */
export function rootOf(state: OwnState): string {
  return dirname(dirname(state.path))
}
