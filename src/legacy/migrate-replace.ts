import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { FileRecord } from '../checkpoint/index.ts'
import { madeBy, sharedFiles } from '../layout/index.ts'
import { syncFolder } from '../system/atomic.ts'
import { WriteError } from '../system/system-error.ts'
import type { RunPlan } from './migrate-plan.ts'
import { LAYOUTS, pathsOf } from './runs.ts'
import { moveState } from './states.ts'

/** Puts the new files in the place of the old ones. */
export async function replaceFiles(
  folder: string,
  staging: string,
  plans: readonly RunPlan[],
): Promise<void> {
  const placed = await place(staging, folder)
  const removed = new Set<string>()
  for (const path of plans.flatMap((plan) => [...plan.obsolete, ...outdated(plan)])) {
    if (placed.has(path)) continue
    await rm(path, { force: true })
    removed.add(path)
    await rmdir(dirname(path)).catch(() => {})
  }
  for (const { to, run, files } of plans) {
    await moveState(
      to,
      files.some(({ file }) => file === 'predictions'),
    )
    await moveRecord(run, placed, removed)
  }
  await rm(staging, { recursive: true, force: true })
}

/** Moves all files of one folder to the same places in another; returns where they are. */
async function place(from: string, to: string): Promise<Set<string>> {
  const placed = new Set<string>()
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const target = join(to, relative(from, path))
    try {
      await mkdir(dirname(target), { recursive: true })
      await rename(path, target)
    } catch (error) {
      throw new WriteError(target, error)
    }
    placed.add(target)
  }
  for (const folder of new Set([...placed].map(dirname))) await syncFolder(folder)
  return placed
}

/** The new names of a run's files are recorded where the old ones were. */
async function moveRecord(
  run: RunPlan['run'],
  placed: ReadonlySet<string>,
  removed: ReadonlySet<string>,
): Promise<void> {
  using record = await FileRecord.open({ root: run.root, state: pathsOf(run, run.layout).state })
  if (record.isEmpty) return
  for (const path of removed) if (record.owns(path)) record.note('gone', path)
  const isOfRun = LAYOUTS.map((layout) => madeBy(pathsOf(run, layout)))
  await record.take(
    [...placed].filter((path) => isOfRun.some((is) => is(resolve(path))) && !record.owns(path)),
  )
}

/** Broad's state and the batches whose vectors are in parts now. */
function outdated({ to, run, batches, incompleteParts }: RunPlan): string[] {
  const used = incompleteParts > 0 ? [] : batches.flatMap((path) => [path, `${path}.done`])
  const { broadState } = sharedFiles(run.root)
  return to.layout === 'broad' || !existsSync(broadState) ? used : [...used, broadState]
}
