import { existsSync, statSync } from 'node:fs'
import { readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { FILES, type LayoutName, STATES_FOLDER, sharedFiles } from '../layout/index.ts'
import { syncFolder } from '../system/atomic.ts'
import { DataError, NoInputError, UsageError } from '../system/errors.ts'
import { reasonOf } from '../system/problems.ts'
import { MOST_BYTES, readText } from '../system/read-within.ts'
import { beginFolder, endFolder, replaceFolder } from '../system/replace-folder.ts'
import { count } from '../text/numbers.ts'
import { type PlannedFile, planRun, type RunPlan } from './migrate-plan.ts'
import { replaceFiles } from './migrate-replace.ts'
import { writeRun } from './migrate-write.ts'
import { isPipelineState } from './pipeline-state.ts'
import { readLegacyFile } from './read.ts'
import { type OldRun, runsIn } from './runs.ts'
import { lockRuns, ownStates } from './states.ts'

export interface MigrateOptions {
  /** Folder of the run or runs. */
  folder: string
  /** `current`: the layout that is there, with the names and versions of today. */
  to: LayoutName | 'current'
  /** Folder to make; undefined: in place. */
  output: string | undefined
  /** Leave out files that cannot be used instead of stopping. */
  skipDamaged: boolean
  /** Called with each file as it is written. */
  onFile?(path: string): void
  onWarning?(text: string): void
  signal?: AbortSignal
}

/** Some files of a run cannot be used; nothing was written. */
export class MigrationError extends DataError {
  readonly faults: readonly { path: string; text: string }[]

  constructor(faults: readonly { path: string; text: string }[]) {
    super(
      [
        'nothing was migrated, because these files cannot be used:',
        ...faults.map(({ path, text }) => `  ${path} ${text}`),
      ],
      { detail: { code: 'checkpoints-unusable', data: {} } },
    )
    this.faults = faults
  }
}

/**
 * Brings the files of old or current runs into another layout: names, lines of the part FASTA files, order of the
 * protein vectors, version and status, `.done` markers, tables, Broad's state.
 *
 * Everything is written to a folder of its own first. In place, the originals are replaced and removed only once all
 * of it is on disk; a migration that was interrupted is done again from the start and comes to the same.
 *
 * @returns the number of files written
 * @throws MigrationError when files are damaged and are not to be left out; nothing has been written then
 */
export async function migrateFolder(options: MigrateOptions): Promise<number> {
  const { folder, output, signal } = options
  const runs = await runsIn(folder)
  if (runs.length === 0)
    throw new NoInputError(
      `${folder}: no run here: expected folders such as NAME_nucleotide and NAME_protein`,
    )
  if (output !== undefined) await requireEmpty(output, folder)
  await using _locks = await lockRuns([folder])
  await requireFinished(folder, runs)
  const staging = await beginFolder(output ?? join(folder, 'migration'))
  try {
    const plans: RunPlan[] = []
    for (const run of runs)
      plans.push(await planRun(run, options.to === 'current' ? run.layout : options.to, signal))
    const faults = plans.flatMap((plan) => plan.faults)
    if (faults.length > 0 && !options.skipDamaged) throw new MigrationError(faults)
    if (output === undefined) await requireFreeTargets(plans)
    for (const { path, text } of faults) options.onWarning?.(`left out: ${path} ${text}`)
    let written = 0
    for (const plan of plans) {
      if (plan.incompleteParts > 0) options.onWarning?.(incomplete(plan))
      const { onFile } = options
      written += await writeRun(plan, { staging, root: output ?? plan.run.root, onFile, signal })
    }
    signal?.throwIfAborted()
    await putInPlace(staging, options, plans)
    return written
  } catch (error) {
    await rm(staging, { recursive: true, force: true }).catch(() => {})
    throw error
  }
}

async function putInPlace(
  staging: string,
  { folder, output }: MigrateOptions,
  plans: readonly RunPlan[],
): Promise<void> {
  if (output === undefined) {
    await endFolder(staging)
    return await replaceFiles(folder, staging, plans)
  }
  await replaceFolder(staging, resolve(output))
  await syncFolder(dirname(resolve(output)))
}

function incomplete({ incompleteParts }: RunPlan): string {
  const parts = count(incompleteParts, 'part')
  return `the protein vectors of ${parts} are not all in Broad's batches; the batches are kept for a run that resumes`
}

async function requireEmpty(output: string, folder: string): Promise<void> {
  if (resolve(output) === resolve(folder))
    throw new UsageError(`${output} is the folder to migrate: name another one, or none to migrate in place`)
  const names = await readdir(output).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new UsageError(`${output}: expected a folder (${reasonOf(error)})`, { kind: 'cannotCreate' })
  })
  if (names === undefined) return
  if (names.length > 0)
    throw new UsageError(`${output} is not empty: expected a new folder`, { kind: 'cannotCreate' })
  await rmdir(output)
}

/** Nothing is overwritten but what the migration has read. */
async function requireFreeTargets(plans: readonly RunPlan[]): Promise<void> {
  const taken: string[] = []
  for (const { run, to, files, obsolete, batches } of plans) {
    const known = new Set([...files.map(({ from }) => from), ...obsolete, ...batches])
    const isMarked = ({ file }: PlannedFile) =>
      to.layout === 'broad' && file !== 'batch' && FILES[file].content === 'embeddings'
    const targets = files.flatMap((file) => (isMarked(file) ? [file.to, `${file.to}.done`] : [file.to]))
    for (const path of targets)
      if (existsSync(path) && !known.has(path) && !(await isOfMigration(path))) taken.push(path)
    const { broadState } = sharedFiles(run.root)
    if (existsSync(broadState) && !(await holdsPipelineState(broadState))) taken.push(broadState)
  }
  if (taken.length === 0) return
  throw new UsageError(
    [
      'nothing was migrated, because these files are not of a run and would be overwritten:',
      ...taken.map((path) => `  ${path}`),
    ],
    { detail: { code: 'names-taken', data: {} } },
  )
}

/** Only regular files are read: a pipe would wait for a writer. */
async function holdsPipelineState(path: string): Promise<boolean> {
  return statSync(path).isFile() && isPipelineState(await readText(path, MOST_BYTES.state))
}

/** A migration that was interrupted leaves whole files, and empty markers, under their new names. */
async function isOfMigration(path: string): Promise<boolean> {
  if (path.endsWith('.done')) return statSync(path).size === 0
  return path.endsWith('.pt') && (await readLegacyFile(path, 'broad')).table !== undefined
}

/** What an unfinished run has done is in its own state, not in files that could be migrated. */
async function requireFinished(folder: string, runs: readonly OldRun[]): Promise<void> {
  for (const { stem, status, path } of await ownStates(join(folder, STATES_FOLDER))) {
    if (status === 'unfinished' && runs.some((run) => run.stem === stem))
      throw new UsageError(
        `the run of ${stem} is unfinished (its state is ${path}): finish it with the command that began it, then migrate`,
      )
  }
}
