import { type Dirent, existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { STATES_FOLDER } from '../layout/index.ts'
import { type LegacyContent, readLegacyFile, unread } from './read.ts'
import { byNumbers, layoutOf } from './runs.ts'

/** An output folder has its parts one level down, Broad's batches two; a folder of runs adds one. */
const MAX_DEPTH = 4

/** What lies below a folder that has to do with checkpoints; nothing has been read yet. */
export interface Found {
  /** Checkpoint files in order. */
  files: string[]
  /** `.done` markers whose file is not there. */
  orphans: string[]
  /** Unfinished forms of files, left by a run that was stopped. */
  temporary: string[]
  /** Folders of the states of our own runs. */
  states: string[]
}

const CHECKPOINT = /^(output_\d+.*|batch_\d+)\.pt$/
const TEMPORARY =
  /^(\..+\.(pt|done|fa|faa|txt|csv|tsv|json)\.tmp|(output_\d+.*|batch_\d+|pipeline_state|manifest|manifest\.json)\.tmp)$/
/** Folders that are under construction, under a name of today and a former one of migrations in place; no runs. */
const SKIPPED = /^(\.virnucpro-([0-9a-f]{32}\.tmp|migration)|\.git|node_modules)$/

/**
 * Looks through a folder and those below it. In the folder itself every `.pt` counts; below it only names that
 * runs give, so that models lying about are not taken for checkpoints.
 */
export async function scanFolder(folder: string): Promise<Found> {
  const found: Found = { files: [], orphans: [], temporary: [], states: [] }
  await walk(folder, 0, found)
  return found
}

async function walk(folder: string, depth: number, found: Found): Promise<void> {
  // Not readable is not there: list and verify say what they saw.
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [] as Dirent[])
  for (const entry of entries.sort((a, b) => byNumbers(a.name, b.name))) {
    const path = join(folder, entry.name)
    if (!entry.isDirectory()) listOf(found, path, entry.name, depth)?.push(path)
    else if (entry.name === STATES_FOLDER) found.states.push(path)
    else if (depth < MAX_DEPTH && !SKIPPED.test(entry.name)) await walk(path, depth + 1, found)
  }
}

/** Where a file belongs. */
function listOf(found: Found, path: string, name: string, depth: number): string[] | undefined {
  if (TEMPORARY.test(name)) return found.temporary
  if (name.endsWith('.pt.done') && !existsSync(path.slice(0, -'.done'.length))) return found.orphans
  return CHECKPOINT.test(name) || (depth === 0 && name.endsWith('.pt')) ? found.files : undefined
}

/** Reads every checkpoint below a folder, one at a time; a marker without data is one too. */
export async function* readFolder(found: Found, signal?: AbortSignal): AsyncGenerator<LegacyContent> {
  for (const path of found.files) {
    signal?.throwIfAborted()
    yield await readLegacyFile(path, layoutOf(path))
  }
  for (const marker of found.orphans) {
    const problem = 'is missing, although a .done says that it is whole'
    const file = unread(marker.slice(0, -'.done'.length), 'broad')
    yield { file: { ...file, part: undefined, problem, damaged: true }, table: undefined, notes: {} }
  }
}
