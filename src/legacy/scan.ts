import { type Dirent, existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { LayoutName } from '../layout/index.ts'
import { byNumbers } from './find.ts'
import { type LegacyContent, readLegacyFile } from './read.ts'
import { STATE_FOLDER } from './states.ts'
import type { LegacyFile } from './types.ts'
import { versionText } from './version.ts'

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

/**
 * Looks through a folder and those below it. In the folder itself every `.pt` counts; below it only names that
 * runs give, so that models lying about are not taken for checkpoints.
 */
export async function scanFolder(folder: string): Promise<Found> {
  const found: Found = { files: [], orphans: [], temporary: [], states: [] }
  await walk(folder, 0, found)
  return found
}

const CHECKPOINT = /^(output_\d+.*|batch_\d+)\.pt$/
const TEMPORARY =
  /^(\..+\.(pt|done|fa|faa|txt|csv|tsv|json)\.tmp|(output_\d+.*|batch_\d+|pipeline_state|manifest|manifest\.json)\.tmp)$/

async function walk(folder: string, depth: number, found: Found): Promise<void> {
  // Not readable is not there: list and verify say what they saw.
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [] as Dirent[])
  entries.sort((a, b) => byNumbers(a.name, b.name))
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && entry.name === STATE_FOLDER) found.states.push(path)
    else if (entry.isDirectory()) {
      if (depth < MAX_DEPTH && !SKIPPED.has(entry.name) && !UNFINISHED.test(entry.name))
        await walk(path, depth + 1, found)
    } else if (TEMPORARY.test(entry.name)) found.temporary.push(path)
    else if (entry.name.endsWith('.pt.done') && !existsSync(path.slice(0, -5))) found.orphans.push(path)
    else if (CHECKPOINT.test(entry.name) || (depth === 0 && entry.name.endsWith('.pt')))
      found.files.push(path)
  }
}

/** Folders that are under construction; the former name of those of migrations in place. */
const UNFINISHED = /^\.virnucpro-([0-9a-f]{32}\.tmp|migration)$/

/** Never part of a run. */
const SKIPPED = new Set(['.git', 'node_modules'])

/** The layout of the run that a checkpoint file belongs to, told from what else the run has written. */
export function layoutOf(checkpoint: string): LayoutName {
  const folder = dirname(checkpoint)
  if (/^shard_\d+$/.test(basename(folder)) || existsSync(`${checkpoint}.done`)) return 'broad'
  const root = dirname(folder)
  if (existsSync(join(root, '.checkpoints')) || existsSync(join(root, 'esm_v2'))) return 'broad'
  const stem = /^(.*)_(nucleotide|protein|merged)$/.exec(basename(folder))?.[1]
  return stem !== undefined && existsSync(join(root, `${stem}_nucleotide.fa`)) ? 'broad' : 'vanilla'
}

/** Reads every checkpoint below a folder, one at a time; a marker without data is one too. */
export async function* readFolder(found: Found, signal?: AbortSignal): AsyncGenerator<LegacyContent> {
  for (const path of found.files) {
    signal?.throwIfAborted()
    yield await readLegacyFile(path, layoutOf(path))
  }
  for (const path of found.orphans) yield { file: orphan(path), table: undefined, notes: {} }
}

function orphan(marker: string): LegacyFile {
  const path = marker.slice(0, -'.done'.length)
  return {
    path,
    kind: undefined,
    layout: 'broad',
    part: undefined,
    ids: [],
    dim: 0,
    version: versionText(undefined),
    status: undefined,
    done: true,
    bytes: 0,
    problem: 'is missing, although a .done says that it is whole',
    damaged: true,
    warnings: [],
  }
}
