import type { AdoptedVectors } from '../checkpoint/index.ts'
import { BroadRun, readLegacyVectors } from '../legacy/index.ts'
import { count } from '../text/numbers.ts'
import type { IncompletePart, Run } from './context.ts'
import { finish } from './finish.ts'
import { PreparedFiles } from './intermediates.ts'
import { describeWork } from './models.ts'
import type { Owner } from './owner.ts'
import { type PreparedPart, prepare } from './prepare.ts'
import { recheck } from './recheck/index.ts'
import type { Reuse } from './reuse.ts'
import { reuseOf } from './reuse-of-run.ts'

/** A run on its way through the windows: what is open for it, and what of it is still to come. */
export class RunUnderWay implements AsyncDisposable, Owner {
  readonly run: Run
  readonly adopted: AdoptedVectors | undefined
  readonly reuse: Reuse | undefined
  readonly #broad: BroadRun | undefined
  readonly #files: PreparedFiles | undefined
  readonly #opened: AsyncDisposableStack
  readonly #failed: IncompletePart[] = []
  /** Parts that have been read and are in windows that are not over. */
  #inWindows = 0
  #isRead = false

  private constructor(
    run: Run,
    opened: AsyncDisposableStack,
    {
      adopted,
      reuse,
      broad,
      files,
    }: {
      adopted: AdoptedVectors | undefined
      reuse: Reuse | undefined
      broad: BroadRun | undefined
      files: PreparedFiles | undefined
    },
  ) {
    this.run = run
    this.adopted = adopted
    this.reuse = reuse
    this.#broad = broad
    this.#files = files
    this.#opened = opened
  }

  /** Takes up what an earlier start or another program has left. */
  static async begin(run: Run): Promise<RunUnderWay> {
    await using opened = new AsyncDisposableStack()
    opened.use(run.failures)
    const { folder, options, paths, logger } = run
    if (folder.status === 'resumed') logger.info(`continuing the unfinished run in ${paths.root}`)
    else if (folder.status === 'adopting') await adoptOldRun(run)
    else if (options.resume && !options.force)
      logger.info(`nothing to continue in ${paths.root}: this run starts from the beginning`)
    const broad = await beginBroad(run)
    const adopted = await folder.adoptedVectors()
    if (adopted !== undefined) opened.use(adopted)
    const reuse = await reuseOf(run)
    if (reuse !== undefined) opened.use(reuse)
    const files = options.keepIntermediate ? opened.use(await PreparedFiles.create(paths)) : undefined
    opened.use(run.records)
    return new RunUnderWay(run, opened.move(), { adopted, reuse, broad, files })
  }

  get folder() {
    return this.run.folder
  }

  get stats() {
    return this.run.stats
  }

  /** All parts of the input, each of which goes into a window. */
  async *parts(): AsyncGenerator<PreparedPart> {
    for await (const part of prepare(this.run, this.#files)) {
      this.#inWindows++
      yield part
    }
    this.#isRead = true
    if (this.reuse !== undefined) this.reuse.isRead = true
  }

  /** Parts in a window that is over now, and those of them that have failed. */
  passed(parts: number, failed: readonly IncompletePart[]): void {
    this.#inWindows -= parts
    this.#failed.push(...failed)
  }

  /** Whether any of its parts is in a window. */
  get isInWindows(): boolean {
    return this.#inWindows > 0
  }

  /** Whether nothing is left but to write the results. */
  get isComputed(): boolean {
    return this.#isRead && !this.isInWindows
  }

  /** Writes the results. @returns the parts that failed */
  async finish(): Promise<readonly IncompletePart[]> {
    const { inputs, logger, records, signal, stats } = this.run
    await this.reuse?.[Symbol.asyncDispose]()
    const plan = this.run.models.recheck
    const rechecked = plan && (await recheck(this.run, plan, this.#failed))
    if (rechecked !== undefined) this.#failed.push(...rechecked.failed)
    const { adoptedSequences, frames } = stats.counts
    if (frames > 0) logger.info(describeWork(stats.models))
    if (this.adopted !== undefined)
      logger.info(`${count(adoptedSequences, 'sequence')} had an embedding of the old run`)
    // Before anything is called a result.
    await inputs.check(signal)
    await this.#files?.commit()
    await records.finish()
    await finish(this.run, { failed: this.#failed, rechecked }, this.#broad)
    return this.#failed
  }

  /** Says in the state of Broad's fork that it has failed. @throws what is behind the error, where that is a change of the input */
  async fail(error: unknown): Promise<void> {
    await this.#broad?.fail(error)
    if (!this.run.signal.aborted) await this.run.inputs.blameChange(error)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync()
  }
}

/** Takes over the embeddings that a run of the original or of Broad's fork left in the output folder. */
async function adoptOldRun({ folder, paths, models, logger, signal }: Run): Promise<void> {
  const vectors = readLegacyVectors(paths.root, paths.stem, paths.layout, {
    widths: models.widths,
    signal,
    onFile({ path, problem, warnings }) {
      if (problem !== undefined) logger.warn(`not used: ${path} ${problem}`)
      for (const warning of warnings) logger.warn(`${path} ${warning}`)
    },
  })
  const { taken, unknown } = await folder.adopt(vectors)
  if (unknown > 0) {
    logger.warn(
      `not used: ${count(unknown, 'embedding')} of an old run without the part FASTA (output_N.fa) that says what was embedded`,
    )
  }
  logger.info(
    `${count(taken, 'embedding')} of an old run in ${paths.root} will be used for the sequences they were made of; ` +
      'it is up to you that the same models made them',
    { code: 'already-computed', data: {} },
  )
}

/** The state that Broad's fork knows; one that it wrote itself is left as it is. */
async function beginBroad({ folder, options, paths }: Run): Promise<BroadRun | undefined> {
  if (folder.adopted) return undefined
  const { expectedLength, mlp, mlpBatchSize } = options
  const modelPath = mlp ?? `${expectedLength === 300 ? 300 : 500}_model.pth`
  return await BroadRun.begin(paths, { expectedLength, modelPath, batchSize: mlpBatchSize })
}
