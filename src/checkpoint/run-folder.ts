import { access, readdir } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { reader, STATE_FILES, statePaths } from '../layout/index.ts'
import { makeFolder, writeAtomically } from '../system/atomic.ts'
import { DataError, UsageError, VirnucproError } from '../system/errors.ts'
import { removeFile } from '../system/kept-files.ts'
import { sha256File } from '../system/sha256.ts'
import { WriteError } from '../system/system-error.ts'
import { AdoptedVectors } from './adopted.ts'
import type { FileRecord } from './file-record.ts'
import { Journal } from './journal.ts'
import type { JournalEntry } from './journal-format.ts'
import {
  formatManifest,
  manifestDifferences,
  mayBeSameInputs,
  type RunInput,
  type RunManifest,
  readManifest,
} from './manifest.ts'
import { type PartScores, readPartScores, writePartScores } from './part-scores.ts'
import { VectorStore } from './vector-store.ts'

export interface RunFolderOptions {
  /** Where the state of the run lies. */
  path: string
  /** Result files whose presence means that a run has been here. */
  results: readonly string[]
  manifest: RunManifest
  /** Start over, whatever is there. */
  force: boolean
  /** The user asks to continue what is there: results of an old run without a state may be replaced. */
  resume: boolean
  /** The folder holds embeddings of a run of another program. */
  legacy: boolean
  /** Reads the streams among the inputs to their end, to know whether a finished run was over the same. */
  digestStreams(): Promise<readonly RunInput[]>
  /** The files of the run. */
  record: FileRecord
  /**
   * Called when the run will begin or go on, before anything is changed.
   * @throws UsageError when the names of the run are taken by files that no run has recorded
   */
  claim: () => Promise<void>
}

/**
 * `fresh`: nothing done yet; `adopting`: nothing done yet, and an old run's embeddings are to be taken over first;
 * `resumed`: some work may be done; `finished`: nothing left to do.
 */
export type RunStatus = 'fresh' | 'adopting' | 'resumed' | 'finished'

const FINISHED_PARTS = [STATE_FILES.scores, STATE_FILES.rows].map((template) => reader(basename(template)))

/** The state of a run on disk: what it works on, the batches and the parts that are done. */
export class RunFolder {
  /** What is in the folder. */
  readonly files: ReturnType<typeof statePaths>
  readonly status: RunStatus
  /** The inputs were compared with those of the run that is continued, by digest; those of a stream are not yet. */
  readonly inputsProven: boolean
  readonly #record: FileRecord
  #manifest: RunManifest

  private constructor(
    path: string,
    record: FileRecord,
    manifest: RunManifest,
    status: RunStatus,
    now: readonly RunInput[],
  ) {
    this.files = statePaths(path)
    this.#record = record
    this.#manifest = manifest
    this.status = status
    this.inputsProven = [...manifest.inputs, ...now].every(({ sha256 }) => sha256 !== null)
  }

  /**
   * Continues the run of the same input, settings and models that the folder holds, or begins one.
   *
   * @throws UsageError when the folder holds another run, with the difference, and `force` is not set
   */
  static async open(options: RunFolderOptions): Promise<RunFolder> {
    const { path, manifest, force, record } = options
    const before = force ? 'none' : await readManifest(path)
    if (before === 'newer') {
      throw new UsageError(
        `${path} was made by a newer version of virnucpro: use that one, or another output folder`,
        { detail: { code: 'place-taken', data: { path } } },
      )
    }
    // What lies beside a damaged state may be of any run of ours, with any models.
    const legacy = options.legacy && before === 'none'
    const known = typeof before === 'object' ? before : undefined
    const status = known ? await continued(known, options) : await begun({ ...options, legacy })
    if (known && status === 'finished') {
      const folder = new RunFolder(path, record, known, status, manifest.inputs)
      // A kill right after the run was marked as finished leaves its working files.
      await record.removeBelow(folder.files.work)
      return folder
    }
    await options.claim()
    if (known && status === 'resumed') return new RunFolder(path, record, known, status, manifest.inputs)
    if (force) await record.removeResults()
    await record.removeState()
    const adopted = status === 'adopting' || known?.adopted === true
    const folder = new RunFolder(path, record, { ...manifest, adopted }, status, manifest.inputs)
    if (status === 'fresh') await folder.#save()
    return folder
  }

  /** Counts of a run that had finished before. */
  get result(): Record<string, number> | undefined {
    return this.#manifest.result
  }

  /** True where the folder also holds files of an old run. */
  get adopted(): boolean {
    return this.#manifest.adopted === true
  }

  async #save(): Promise<void> {
    await writeAtomically(this.files.manifest, formatManifest(this.#manifest))
  }

  /**
   * Takes over the embeddings of an old run. The run begins only when all are safe in its own folder.
   * @returns what `AdoptedVectors.copy` returns
   */
  async adopt(source: Parameters<typeof AdoptedVectors.copy>[2]): ReturnType<typeof AdoptedVectors.copy> {
    const counts = await AdoptedVectors.copy(this.files.adopted, this.#manifest.models, source)
    await this.#save()
    return counts
  }

  /** The embeddings taken over; undefined where there were none. */
  async adoptedVectors(): Promise<AdoptedVectors | undefined> {
    return this.adopted ? await AdoptedVectors.open(this.files.adopted, this.#manifest.models) : undefined
  }

  /** Folder for the run's own files, removed at the end. */
  async makeWorkFolder(): Promise<string> {
    const path = this.files.work
    try {
      await makeFolder(path)
    } catch (error) {
      throw error instanceof VirnucproError ? error : new WriteError(path, error)
    }
    return path
  }

  /**
   * The journal of the batches of some parts.
   * @param first - number of the first of the parts
   * @param visit - is given every entry that an interrupted run left
   */
  async openJournal(first: number, visit: (entry: JournalEntry) => void): Promise<Journal> {
    return await Journal.open(this.files.journal(first), this.#manifest.models, visit)
  }

  /**
   * The same for frames that are computed once more. What an earlier round left does not count: its batches were others.
   * @param round - in which they are, from 1
   */
  async openRecheckJournal(
    round: number,
    first: number,
    visit: (entry: JournalEntry) => void,
  ): Promise<Journal> {
    const models = `${this.#manifest.models}, round ${round}`
    return await Journal.open(this.files.recheckJournal(first), models, visit)
  }

  async removeRecheckJournal(first: number): Promise<void> {
    await removeFile(this.files.recheckJournal(first))
  }

  /**
   * Most bytes of embeddings to keep for later windows. A run that goes on keeps no more than it began with, since what its earlier
   * windows had was not kept; with less, it keeps to that from now on.
   */
  async limitReuse(asked: number): Promise<number> {
    if (asked < this.reuse) {
      this.#manifest = { ...this.#manifest, reuse: asked }
      await this.#save()
    }
    if (this.reuse === 0) await removeFile(this.files.reused)
    return this.reuse
  }

  /** The limit on record. */
  get reuse(): number {
    return this.#manifest.reuse ?? 0
  }

  /** The embeddings that are kept for later windows. */
  async openStore(): Promise<VectorStore> {
    return await VectorStore.open(this.files.reused, this.#manifest.models)
  }

  /** For parts that are all done: a run that was killed in between may have left their journal. */
  async removeJournal(first: number): Promise<void> {
    await removeFile(this.files.journal(first))
  }

  /**
   * Scores of a part that is done with exactly these frames, in this order.
   *
   * @param content - digest of their ids and sequences
   * @returns `other` for a part that is done with other frames
   */
  async finishedPart(
    number: number,
    ids: readonly string[],
    content: string,
  ): Promise<PartScores | 'other' | undefined> {
    const found = await readPartScores(this.files.scores(number))
    if (found === undefined) return undefined
    // Version 0.1.0 kept no digest of a part: what it has done counts where that of the whole input was compared.
    if (found.content === undefined && !this.inputsProven) return undefined
    const isSame = found.ids.length === ids.length && found.ids.every((id, i) => id === ids[i])
    return isSame && (found.content ?? content) === content ? found : 'other'
  }

  /** @throws UsageError when the run that is continued is known to have been over others */
  compareInputs(inputs: readonly RunInput[]): void {
    if (!mayBeSameInputs(this.#manifest.inputs, inputs)) {
      throw anotherRun(
        dirname(this.files.manifest),
        'unfinished',
        manifestDifferences(this.#manifest, { ...this.#manifest, inputs: [...inputs] }),
      )
    }
  }

  /** Records what streams have given, once every part that an earlier run finished was found among it. */
  async recordInputs(inputs: readonly RunInput[]): Promise<void> {
    const before = this.#manifest.inputs
    if (!inputs.some(({ sha256 }, i) => sha256 !== null && before[i]?.sha256 === null)) return
    this.#manifest = { ...this.#manifest, inputs: [...inputs] }
    await this.#save()
  }

  /** Whether parts after the last one are done, as a run over a longer input has left them. */
  async hasPartsAfter(last: number): Promise<boolean> {
    const names = await readdir(this.files.work).catch(() => [])
    return names.some((name) => FINISHED_PARTS.some((read) => (read(name)?.part ?? 0) > last))
  }

  async finishPart(number: number, scores: PartScores): Promise<void> {
    // Whatever was made from earlier ones.
    if (scores.facts !== undefined) await removeFile(this.files.rechecked(number))
    await writePartScores(this.files.scores(number), scores)
  }

  /** Keeps the scores of those frames of a failed part that could be computed, for the tables of this run. */
  async keepPartially(number: number, scores: PartScores): Promise<void> {
    await writePartScores(this.files.partial(number), scores)
  }

  /** Scores of a part that is done. @throws DataError where they are missing or damaged */
  async scoresOf(number: number): Promise<PartScores> {
    const scores = await readPartScores(this.files.scores(number))
    if (scores !== undefined) return scores
    throw new DataError(
      `the scores of part ${number} in ${this.files.scores(number)} are missing or damaged; start the same command again`,
    )
  }

  /** Scores of frames of a part that were computed once more; the ids are the rows of these in the part. */
  async rechecked(number: number): Promise<PartScores | undefined> {
    return await readPartScores(this.files.rechecked(number))
  }

  /** Makes them durable. */
  async keepRechecked(number: number, scores: PartScores): Promise<void> {
    await writePartScores(this.files.rechecked(number), scores)
  }

  /** What {@link keepPartially} has kept of a part. */
  async partialScores(number: number): Promise<PartScores | undefined> {
    return await readPartScores(this.files.partial(number))
  }

  /**
   * The scores of all parts in order; of those that failed, what was kept.
   * @param read - the scores of a part that is done. @default {@link scoresOf}
   */
  async *scores<Read extends PartScores = PartScores>(
    parts: number,
    failed: ReadonlySet<number>,
    signal?: AbortSignal,
    read?: (number: number) => Promise<Read>,
  ): AsyncGenerator<Read | PartScores> {
    for (let number = 1; number <= parts; number++) {
      signal?.throwIfAborted()
      if (failed.has(number)) {
        const kept = await this.partialScores(number)
        if (kept !== undefined) yield kept
        continue
      }
      yield read === undefined ? await this.scoresOf(number) : await read(number)
    }
  }

  /** Marks the run as finished and removes its working files. */
  async finish(
    result: Record<string, number>,
    tables: readonly string[],
    derived: DerivedFiles,
  ): Promise<void> {
    this.#manifest = { ...this.#manifest, status: 'finished', result, tables: await digestsOf(tables) }
    await this.keepDerived(derived)
  }

  /**
   * Whether what is made from the tables of a finished run is there, as the rule makes it.
   * @throws UsageError for a file that was changed since
   */
  async hasDerived({ rule, files }: DerivedFiles): Promise<boolean> {
    const before = this.#manifest.derived
    let isThere = before?.rule === rule
    for (const path of files) {
      const expected = before?.files[basename(path)]
      const digest = await sha256File(path).catch(() => undefined)
      isThere &&= digest !== undefined && expected !== undefined
      if (digest !== undefined && expected !== undefined && digest !== expected) throw changedSince(path)
    }
    return isThere
  }

  /** Before files that were made from the tables are replaced: a kill meanwhile must not look like a change by somebody else. */
  async forgetDerived(): Promise<void> {
    if (this.#manifest.derived === undefined) return
    const { derived: _, ...manifest } = this.#manifest
    this.#manifest = manifest
    await this.#save()
  }

  /** Records what was made from the tables of a finished run, and removes working files. */
  async keepDerived({ rule, files }: DerivedFiles): Promise<void> {
    this.#manifest = { ...this.#manifest, derived: { rule, files: await digestsOf(files) } }
    await this.#save()
    await this.#record.removeBelow(this.files.work)
  }
}

/** What is made from the tables: by which rule, and where it lies. */
export interface DerivedFiles {
  rule: string
  files: readonly string[]
}

async function digestsOf(paths: readonly string[]): Promise<Record<string, string>> {
  const digests: Record<string, string> = {}
  for (const path of paths) digests[basename(path)] = await sha256File(path)
  return digests
}

function changedSince(path: string): UsageError {
  return new UsageError(
    `${path} is not as the finished run wrote it: it was changed or damaged since. ` +
      'Move it away to compute it again',
    { detail: { code: 'place-taken', data: { path } } },
  )
}

/** What becomes of a run that the folder holds. */
async function continued(before: RunManifest, options: RunFolderOptions): Promise<RunStatus> {
  const { path, manifest, results } = options
  const differences = manifestDifferences(before, manifest)
  // A run that ended before anything was computed, say over a fault in its input, leaves nothing worth protecting.
  if (differences.length > 0 && before.status === 'unfinished' && !(await hasProgress(path))) return 'fresh'
  if (differences.length > 0) throw anotherRun(path, before.status, differences)
  if (before.status === 'unfinished') return 'resumed'
  for (const path of results) {
    const digest = await sha256File(path).catch(() => undefined)
    // Results that were taken away are made once more.
    if (digest === undefined) return 'fresh'
    const expected = before.tables?.[basename(path)]
    if (expected !== undefined && digest !== expected) throw changedSince(path)
  }
  await requireSameStreams(before, options)
  return 'finished'
}

/** A finished run over a stream: only the whole of it shows whether it is the same. Its results are not touched. */
async function requireSameStreams(before: RunManifest, options: RunFolderOptions): Promise<void> {
  const { manifest } = options
  if (manifest.inputs.every(({ sha256 }) => sha256 !== null)) return
  if (before.inputs.some(({ sha256 }) => sha256 === null)) {
    throw anotherRun(options.path, 'finished', [
      'input: what the run read from a pipe was not recorded by the version that made it',
    ])
  }
  const inputs = [...(await options.digestStreams())]
  const differences = manifestDifferences(before, { ...manifest, inputs })
  if (differences.length > 0) throw anotherRun(options.path, 'finished', differences)
}

function anotherRun(path: string, status: RunManifest['status'], differences: readonly string[]): UsageError {
  return new UsageError(
    [
      `the output folder holds a${status === 'finished' ? ' finished run' : 'n unfinished run'} that cannot ` +
        'be continued with this command:',
      ...differences.map((line) => `  ${line}`),
    ],
    { detail: { code: 'place-taken', data: { path } } },
  )
}

/** True where embeddings or scores are kept in the state of a run. */
async function hasProgress(path: string): Promise<boolean> {
  const names = await readdir(statePaths(path).work).catch(() => [])
  return names.some((name) => /\.(journal|scores|partial)$/.test(name))
}

/** How a run begins in a folder that holds none of ours. */
async function begun({ results, force, resume, legacy }: RunFolderOptions): Promise<RunStatus> {
  if (force) return 'fresh'
  const present = await firstPresent(results)
  if (present !== undefined && !(resume && legacy)) {
    throw new UsageError(`${present} exists and is not from a run that could be continued`, {
      detail: { code: 'place-taken', data: { path: present, oldRun: legacy } },
    })
  }
  return legacy ? 'adopting' : 'fresh'
}

async function firstPresent(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const present = await access(path).then(
      () => true,
      () => false,
    )
    if (present) return path
  }
  return undefined
}
