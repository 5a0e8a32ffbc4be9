import { createReadStream, existsSync, statSync } from 'node:fs'
import { readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { formatRecord } from '../fasta/index.ts'
import { type LayoutName, outputPaths } from '../layout/index.ts'
import { syncFolder, writeAtomically } from '../system/atomic.ts'
import { DataError, NoInputError, UsageError } from '../system/errors.ts'
import { reasonOf } from '../system/problems.ts'
import { beginFolder, endFolder, replaceFolder } from '../system/replace-folder.ts'
import { count } from '../text/numbers.ts'
import { type FeatureKind, type FeatureTable, writeFeatureFile } from '../torchfile/index.ts'
import { gatherParts } from './gather.ts'
import { planRun, type RunPlan } from './migrate-plan.ts'
import { replaceFiles } from './migrate-replace.ts'
import { stateOf } from './migrate-state.ts'
import { migrateTables } from './migrate-tables.ts'
import { type PartFasta, readPartFasta } from './part-fasta.ts'
import { isPipelineState, pipelineStatePath } from './pipeline-state.ts'
import { readLegacyFile } from './read.ts'
import { ordered } from './row-order.ts'
import { type OldRun, runsIn } from './runs.ts'
import { lockRuns } from './state-locks.ts'
import { ownStates, STATE_FOLDER } from './states.ts'

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
    super([
      'nothing was migrated, because these files cannot be used:',
      ...faults.map(({ path, text }) => `  ${path} ${text}`),
      'leave them out with --skip-damaged; the next run computes them again',
    ])
    this.faults = faults
  }
}

/** Columns of a line where Biopython writes. */
const WRAP = 60

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
    for (const plan of plans) written += await new Writer(plan, staging, options).write()
    signal?.throwIfAborted()
    if (output === undefined) {
      await endFolder(staging)
      await replaceFiles(folder, staging, plans)
    } else {
      await replaceFolder(staging, resolve(output))
      await syncFolder(dirname(resolve(output)))
    }
    return written
  } catch (error) {
    await rm(staging, { recursive: true, force: true }).catch(() => {})
    throw error
  }
}

async function requireEmpty(output: string, folder: string): Promise<void> {
  if (resolve(output) === resolve(folder))
    throw new UsageError(`--output ${output} is the folder itself; leave --output out to migrate in place`)
  const names = await readdir(output).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new UsageError(`--output ${output}: expected a folder (${reasonOf(error)})`, {
      kind: 'cannotCreate',
    })
  })
  if (names === undefined) return
  if (names.length > 0)
    throw new UsageError(`--output ${output} is not empty; choose a new folder`, {
      kind: 'cannotCreate',
    })
  await rmdir(output)
}

/** Nothing is overwritten but what the migration has read. */
async function requireFreeTargets(plans: readonly RunPlan[]): Promise<void> {
  const taken: string[] = []
  for (const plan of plans) {
    const { copies, fastas, checkpoints, gathered, obsolete, tables, batches } = plan
    const both = (path: string) => [path, join(dirname(path), 'prediction_results_highestscore.csv')]
    const known = new Set([
      ...[...copies, ...fastas].map(([from]) => from),
      ...checkpoints.map(({ from }) => from),
      ...(tables === undefined ? [] : both(tables.from)),
      ...[...obsolete, ...batches],
    ])
    const made = [...checkpoints, ...gathered].flatMap(({ to }) =>
      plan.to === 'broad' ? [to, `${to}.done`] : [to],
    )
    const targets = [...[...copies, ...fastas].map(([, to]) => to), ...made]
    if (tables !== undefined) targets.push(...both(tables.to))
    for (const path of targets)
      if (existsSync(path) && !known.has(path) && !(await isOfMigration(path))) taken.push(path)
    const state = pipelineStatePath(plan.run.root)
    if (existsSync(state) && !(await holdsPipelineState(state))) taken.push(state)
  }
  if (taken.length === 0) return
  throw new UsageError([
    'nothing was migrated, because these files are not of a run and would be overwritten:',
    ...taken.map((path) => `  ${path}`),
    'move them away, or name another folder with --output',
  ])
}

/** What is no regular file, such as a pipe, is not read. */
async function holdsPipelineState(path: string): Promise<boolean> {
  return statSync(path).isFile() && isPipelineState(await readFile(path, 'utf8'))
}

/** A migration that was interrupted leaves whole files, and empty markers, under their new names. */
async function isOfMigration(path: string): Promise<boolean> {
  if (path.endsWith('.done')) return statSync(path).size === 0
  return path.endsWith('.pt') && (await readLegacyFile(path, 'broad')).table !== undefined
}

/** What an unfinished run has done is in its own state, not in files that could be migrated. */
async function requireFinished(folder: string, runs: readonly OldRun[]): Promise<void> {
  for (const { stem, status, path } of await ownStates(join(folder, STATE_FOLDER))) {
    if (status === 'unfinished' && runs.some((run) => run.stem === stem))
      throw new UsageError(
        `the run of ${stem} is unfinished (its state is ${path}): finish it with the command that began it, then migrate`,
      )
  }
}

/** Writes all files of one run below the staging folder. */
class Writer {
  readonly #plan: RunPlan
  readonly #staging: string
  readonly #options: MigrateOptions
  #written = 0

  constructor(plan: RunPlan, staging: string, options: MigrateOptions) {
    this.#plan = plan
    this.#staging = staging
    this.#options = options
  }

  async write(): Promise<number> {
    const { copies, fastas, checkpoints, gathered, batches, incompleteParts, tables, to, run } = this.#plan
    for (const [from, target] of copies) await this.#copy(from, target)
    for (const [from, target] of fastas) await this.#fasta(from, target)
    for (const { from, to: target, kind, fasta } of checkpoints) {
      this.#options.signal?.throwIfAborted()
      const { file, table, notes } = await readLegacyFile(from, run.layout)
      if (table === undefined) throw new DataError(`${from} ${file.problem}; start the same command again`)
      const records = fasta === undefined ? undefined : await readPartFasta(fasta)
      await this.#checkpoint(target, kind, ordered(kind, table, records, to), notes)
    }
    await this.#gather(gathered, batches)
    if (incompleteParts.length > 0)
      this.#options.onWarning?.(
        `the protein vectors of ${count(incompleteParts.length, 'part')} are not all in Broad's batches; the batches are kept for a run that resumes`,
      )
    if (tables !== undefined) await this.#tables(tables.from)
    if (to === 'broad') await this.#state()
    return this.#written
  }

  #staged(target: string): string {
    return join(this.#staging, relative(this.#plan.run.root, target))
  }

  #done(target: string): void {
    this.#written++
    this.#options.onFile?.(relative(this.#plan.run.root, target))
  }

  async #copy(from: string, target: string): Promise<void> {
    await writeAtomically(this.#staged(target), async (sink) => {
      for await (const block of createReadStream(from, { highWaterMark: 1 << 20 })) await sink.write(block)
    })
    this.#done(target)
  }

  async #fasta(from: string, target: string): Promise<void> {
    const fasta = await readPartFasta(from)
    if (fasta === undefined) throw new DataError(`${from} is no whole FASTA file; delete it and start again`)
    const wrap = this.#plan.to === 'broad' ? { wrap: WRAP } : {}
    const records = [...fasta.sequences].map(([id, sequence]) => formatRecord(id, sequence, wrap))
    await writeAtomically(this.#staged(target), Buffer.concat(records))
    this.#done(target)
  }

  async #checkpoint(
    target: string,
    kind: FeatureKind,
    table: FeatureTable,
    notes: Record<string, string>,
  ): Promise<void> {
    const isBroad = this.#plan.to === 'broad'
    await writeAtomically(this.#staged(target), (sink) =>
      writeFeatureFile(kind, table, (bytes) => sink.write(bytes), {
        archiveName: basename(target, '.pt'),
        stamp: isBroad,
        notes,
      }),
    )
    if (isBroad) await writeAtomically(`${this.#staged(target)}.done`, '')
    this.#done(target)
  }

  async #gather(gathered: RunPlan['gathered'], batches: readonly string[]): Promise<void> {
    const parts: { fasta: PartFasta; to: string }[] = []
    for (const { fasta, to } of gathered) {
      const records = await readPartFasta(fasta)
      if (records !== undefined) parts.push({ fasta: records, to })
    }
    for await (const { part, table } of gatherParts(parts, batches, this.#options.signal))
      await this.#checkpoint(part.to, 'esm', ordered('esm', table, part.fasta, this.#plan.to), {})
  }

  async #tables(from: string): Promise<void> {
    const { run, to } = this.#plan
    const paths = outputPaths({
      layout: to,
      input: run.stem,
      prefix: run.stem,
      outputDir: this.#staging,
      expectedLength: run.expectedLength ?? 500,
    })
    await migrateTables(from, paths, join(this.#staging, run.stem))
    for (const path of [paths.predictions, paths.consensus])
      this.#done(join(run.root, relative(this.#staging, path)))
  }

  async #state(): Promise<void> {
    const { root } = this.#plan.run
    const final = this.#options.output ?? root
    const state = await stateOf(this.#plan, (path) => join(final, relative(root, path)))
    const target = pipelineStatePath(root)
    await writeAtomically(this.#staged(target), state.toJson())
    this.#done(target)
  }
}
