import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { FileRecord } from '../checkpoint/file-record.ts'
import { syncFolder } from '../system/atomic.ts'
import { WriteError } from '../system/system-error.ts'
import { runFolders } from './find.ts'
import type { RunPlan } from './migrate-plan.ts'
import { pipelineStatePath } from './pipeline-state.ts'
import { moveState, STATE_FOLDER } from './states.ts'

/** Puts the new files in the place of the old ones. */
export async function replaceFiles(
  folder: string,
  staging: string,
  plans: readonly RunPlan[],
): Promise<void> {
  const placed = new Set<string>()
  const folders = new Set<string>()
  for (const entry of await readdir(staging, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const from = join(entry.parentPath, entry.name)
    const to = join(folder, relative(staging, from))
    try {
      await mkdir(dirname(to), { recursive: true })
      await rename(from, to)
    } catch (error) {
      throw new WriteError(to, error)
    }
    placed.add(to)
    folders.add(dirname(to))
  }
  for (const path of folders) await syncFolder(path)
  const removed = new Set<string>()
  for (const plan of plans) {
    for (const path of [...plan.obsolete, ...outdated(plan)]) {
      if (placed.has(path)) continue
      await rm(path, { force: true })
      removed.add(path)
      await rmdir(dirname(path)).catch(() => {})
    }
  }
  for (const { to, run, tables } of plans) {
    const folderOfTables = tables === undefined ? undefined : dirname(tables.to)
    const names = folderOfTables === undefined ? [] : TABLES.map((name) => join(folderOfTables, name))
    await moveState(run.root, run.stem, to, names)
    await moveRecord(run, placed, removed)
  }
  await rm(staging, { recursive: true, force: true })
}

/** The new names of a run's files are recorded where the old ones were. */
async function moveRecord(
  { root, stem }: RunPlan['run'],
  placed: ReadonlySet<string>,
  removed: ReadonlySet<string>,
): Promise<void> {
  using record = await FileRecord.open({ root, state: join(root, STATE_FOLDER, stem) })
  if (record.isEmpty) return
  for (const path of removed) if (record.owns(path)) record.gone(path)
  const { nucleotide, protein } = runFolders(root, stem, 'vanilla')
  const merged = [runFolders(root, stem, 'vanilla').merged, runFolders(root, stem, 'broad').merged]
  const isOfRun = (path: string) =>
    [nucleotide, protein, ...merged].includes(dirname(path)) ||
    path === pipelineStatePath(root) ||
    (dirname(path) === root && basename(path).startsWith(`${stem}_`))
  await record.take([...placed].filter((path) => isOfRun(path) && !record.owns(path)))
}

const TABLES = ['prediction_results.txt', 'prediction_results_highestscore.csv']

/** Broad's state and the batches whose vectors are in parts now. */
function outdated({ to, run, batches, incompleteParts }: RunPlan): string[] {
  const used = incompleteParts.length > 0 ? [] : batches.flatMap((path) => [path, `${path}.done`])
  return to === 'broad' || !existsSync(pipelineStatePath(run.root))
    ? used
    : [...used, pipelineStatePath(run.root)]
}
