import { basename } from 'node:path'
import { version } from '../../package.json' with { type: 'json' }
import {
  type AdoptedVectors,
  damagedPartFile,
  type FileRecord,
  type RunFolder,
  type RunLock,
  writeFailedFiles,
  writePartFiles,
} from '../checkpoint/index.ts'
import type { ReadOptions } from '../fasta/index.ts'
import { FILES, type OutputPaths, recognizer, resultFiles } from '../layout/index.ts'
import { BroadRun } from '../legacy/index.ts'
import { RunMonitor, RunStats } from '../monitor/index.ts'
import { InferenceError } from '../onnx/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { UsageError } from '../system/errors.ts'
import type { WarningKeeper } from '../system/logger.ts'
import { WriteError } from '../system/system-error.ts'
import type { LiveTerminal } from '../system/terminal.ts'
import { type TableCounts, writeTables } from '../tables/index.ts'
import { count } from '../text/numbers.ts'
import { adoptOldRun } from './adopt.ts'
import { type EmbeddedWindow, WindowEmbedder } from './embed.ts'
import type { RunInputs } from './inputs.ts'
import { PreparedFiles } from './intermediates.ts'
import type { EmbeddedPart, WindowPart } from './model-work.ts'
import { describeWork, type RunModels } from './models.ts'
import { contentOf, type Part } from './part.ts'
import { prepareParts } from './prepare.ts'
import { RecordReport } from './records.ts'
import { type FailedRows, reportRun } from './report.ts'
import { type PredictResult, reportCounts, resultCounts, warnOfEmptyTables } from './result.ts'
import { overlapped, windowsOf, windowsUnderWay } from './windows.ts'

/** What a run is made of. */
export interface RunParts {
  options: PredictOptions
  paths: OutputPaths
  models: RunModels
  inputs: RunInputs
  folder: RunFolder
  record: FileRecord
  lock: RunLock
  /** Where the run is shown while it goes on. */
  terminal: LiveTerminal | undefined
  logger: WarningKeeper
  signal: AbortSignal | undefined
}

/** One run over the input, or what is left of it. */
export class Run {
  readonly #options: PredictOptions
  readonly #paths: OutputPaths
  readonly #models: RunModels
  readonly #inputs: RunInputs
  readonly #folder: RunFolder
  readonly #record: FileRecord
  readonly #lock: RunLock
  readonly #logger: WarningKeeper
  readonly #signal: AbortSignal | undefined
  readonly #records: RecordReport
  readonly #monitor: RunMonitor
  readonly #stats: RunStats
  readonly #start = new Date()
  readonly #failed: FailedRows[] = []
  #broad: BroadRun | undefined

  constructor({ options, paths, models, inputs, folder, record, lock, terminal, logger, signal }: RunParts) {
    this.#options = options
    this.#paths = paths
    this.#models = models
    this.#inputs = inputs
    const stats = new RunStats(options.inputs, options.expectedLength)
    this.#stats = stats
    this.#folder = folder
    this.#record = record
    this.#lock = lock
    this.#logger = logger
    this.#signal = signal
    this.#records = new RecordReport(paths.invalidRecords, stats.counts, logger)
    this.#monitor = new RunMonitor({
      program: version,
      backend: models.backend.description,
      stats,
      lanes: () => models.backend.activity(),
      servers: models.backend.servers,
      inputShare: () => stats.share(this.#records.read, inputs.bytes),
      resumed: folder.status === 'resumed',
      intervalSeconds: options.metricsInterval,
      folder: options.metrics ? paths.report : undefined,
      port: options.metricsPort,
      terminal,
      progress: options.progress && !options.quiet,
      logger,
    })
  }

  async execute(): Promise<PredictResult> {
    if (this.#folder.status === 'finished') return this.#finishedBefore()
    await this.#beginMetrics()
    this.#monitor.start()
    try {
      return await this.#work()
    } catch (error) {
      await this.#monitor.end(this.#signal?.aborted === true ? 'stopped' : 'error')
      throw error
    }
  }

  /** The monitor adds lines to a file, which has to be a recorded one first. */
  async #beginMetrics(): Promise<void> {
    const path = this.#paths.metrics
    if (!this.#options.metrics || (this.#folder.status === 'resumed' && this.#record.owns(path))) return
    // The monitor meets the same error, and says it: the results of a run do not hang on its metrics.
    await writeAtomically(path, '').catch((error) => {
      if (!(error instanceof WriteError)) throw error
    })
  }

  async #work(): Promise<PredictResult> {
    await this.#begin()
    await this.#beginBroad()
    await using adopted = await this.#folder.adoptedVectors()
    const files = this.#options.keepIntermediate ? await PreparedFiles.create(this.#paths) : undefined
    let parts = 0
    try {
      parts = await this.#compute(files, adopted)
      // Before anything is called a result.
      await this.#inputs.check(this.#signal)
      await files?.commit()
      await this.#records.finish()
    } catch (error) {
      await files?.abandon()
      await this.#records.abandon()
      await this.#broad?.fail(error)
      if (this.#signal?.aborted !== true) await this.#inputs.blameChange(error)
      throw error
    }
    return await this.#finish(parts)
  }

  async #begin(): Promise<void> {
    switch (this.#folder.status) {
      case 'resumed':
        this.#logger.info(`continuing the unfinished run in ${this.#paths.root}`)
        break
      case 'adopting':
        await adoptOldRun(this.#folder, {
          paths: this.#paths,
          stem: this.#paths.stem,
          widths: this.#models.widths,
          logger: this.#logger,
          signal: this.#signal,
        })
        break
      case 'fresh':
        if (this.#options.resume && !this.#options.force)
          this.#logger.info(`nothing to continue in ${this.#paths.root}: this run starts from the beginning`)
    }
  }

  /** The state that Broad's fork knows; one that it wrote itself is left as it is. */
  async #beginBroad(): Promise<void> {
    if (this.#folder.adopted) return
    const { expectedLength, mlp, mlpBatchSize } = this.#options
    const modelPath = mlp ?? `${expectedLength === 300 ? 300 : 500}_model.pth`
    this.#broad = await BroadRun.begin(this.#paths, { expectedLength, modelPath, batchSize: mlpBatchSize })
  }

  /** Stages one to eight, window by window. @returns the number of parts */
  async #compute(files: PreparedFiles | undefined, adopted: AdoptedVectors | undefined): Promise<number> {
    const folder = this.#folder
    await using embedder = new WindowEmbedder({
      backend: this.#models.backend,
      inputs: this.#models.inputs,
      stats: this.#stats,
      memory: { openJournal: (first, visit) => folder.openJournal(first, visit), adopted },
      monitor: this.#monitor,
      logger: this.#logger,
      signal: this.#signal,
    })
    const prepared = prepareParts({
      inputs: this.#options.inputs,
      expectedLength: this.#options.expectedLength,
      sequencesPerFile: this.#options.sequencesPerFile,
      keepEmpty: this.#options.layout === 'broad',
      files,
      stats: this.#stats,
      signal: this.#signal,
      read: await this.#readOptions(),
    })
    let parts = 0
    const compared = this.#compared(this.#monitor.timed('reading', prepared), files, (part) => {
      parts = part.number
    })
    const windows = overlapped(
      windowsOf(compared),
      windowsUnderWay(this.#models.backend.concurrency),
      async (window) => {
        if (window.parts.some(({ done }) => !done)) return await embedder.embed(window)
        const frames = window.parts.reduce((sum, { part }) => sum + part.ids.length, 0)
        this.#stats.framesPlanned += frames
        await folder.removeJournal(window.parts[0]?.part.number ?? 0)
        return undefined
      },
    )
    for await (const window of windows) {
      if (window === undefined) continue
      const whole = await this.#finishWindow(window)
      await embedder.close(window, !whole)
    }
    const { counts, models: work } = this.#stats
    if (counts.frames > 0) this.#logger.info(describeWork(work))
    if (adopted !== undefined)
      this.#logger.info(`${count(counts.adoptedSequences, 'sequence')} had an embedding of the old run`)
    return parts
  }

  async #readOptions(): Promise<ReadOptions> {
    return {
      ...this.#records.readOptions(
        this.#options.onInvalid,
        await this.#folder.makeWorkFolder(),
        this.#signal,
      ),
      allowEmpty: this.#options.allowEmpty,
      duplicateIds: this.#options.duplicateIds,
      onMates: (first, second) =>
        this.#logger.info(
          `${first} and ${second} have the same names throughout, as mates have: their records are called NAME/1 and NAME/2`,
        ),
      onInputRead: (index, read) => {
        this.#inputs.take(index, read)
        this.#folder.compareInputs(this.#inputs.described)
      },
    }
  }

  /** All parts, each with the word whether an earlier run has finished it. */
  async *#compared(
    parts: AsyncIterable<Part>,
    files: PreparedFiles | undefined,
    seen: (part: Part) => void,
  ): AsyncGenerator<WindowPart> {
    let last = 0
    for await (const part of parts) {
      seen(part)
      last = part.number
      this.#stats.frames.prepared += part.ids.length
      await this.#records.drain()
      const done = this.#folder.status === 'resumed' && (await this.#isFinished(part))
      await files?.writePart(part)
      if (done) this.#stats.framesDone(part.ids.length, true)
      yield { part, done }
    }
    if (!this.#folder.inputsProven && (await this.#folder.hasPartsAfter(last)))
      throw this.#otherStream(last + 1)
    await this.#folder.recordInputs(this.#inputs.described)
    this.#stats.inputRead = true
    const { framesDoneBefore } = this.#stats.counts
    if (framesDoneBefore > 0) this.#logger.info(`${framesDoneBefore} frames were already done`)
  }

  async #isFinished(part: Part): Promise<boolean> {
    const found = await this.#folder.finishedPart(part.number, part.ids, contentOf(part))
    if (found === undefined) return false
    if (found === 'other') {
      if (!this.#folder.inputsProven) throw this.#otherStream(part.number)
      this.#logger.warn(
        `part ${part.number} was computed from another content of the input: it is computed again`,
      )
      return false
    }
    if (!this.#options.keepIntermediate) return true
    const damage = await damagedPartFile(this.#paths, part.number, found.files)
    if (damage === undefined) return true
    this.#logger.warn(`${damage.path} ${damage.problem}: part ${part.number} is computed anew`)
    return false
  }

  #otherStream(part: number): UsageError {
    const streams = this.#inputs.described.map(({ path }) => path).join(', ')
    return new UsageError(
      `the unfinished run in ${this.#paths.root} was not over what ${streams} gives now: part ${part} differs. Nothing of it ` +
        'was removed: give it the same bytes, choose another output folder, or start over with --force',
    )
  }

  /** @returns false when a part of it failed */
  async #finishWindow({ parts }: EmbeddedWindow): Promise<boolean> {
    let whole = true
    for (const embedded of parts) {
      const { part } = embedded
      const failure = embedded.failure ?? (await this.#finishPart(embedded))
      if (failure !== undefined) {
        whole = false
        const { step, rows } = failure
        const reason = `${rows.size} of ${count(part.ids.length, 'frame')}; ${failure.reason}`
        this.#failed.push({ part: part.number, step, reason, rows })
        this.#logger.warn(`part ${part.number} failed: ${step}: ${reason}`)
        if (rows.size < part.ids.length) await this.#keepPartially(embedded, rows)
      }
      this.#stats.framesDone(part.ids.length)
    }
    return whole
  }

  /** The frames that could be embedded have their rows in the tables; the part itself stays to be done. */
  async #keepPartially({ part, features }: EmbeddedPart, missing: ReadonlySet<number>): Promise<void> {
    const all = await this.#classify(features)
    const rows = part.ids.flatMap((_, row) => (missing.has(row) ? [] : [row]))
    const ids = rows.map((row) => part.ids[row] as string)
    const scores = Float32Array.from(
      rows.flatMap((row) => [all[2 * row] as number, all[2 * row + 1] as number]),
    )
    await this.#monitor.during('checkpoint', () =>
      this.#folder.keepPartially(part.number, { ids, scores, content: undefined, files: [] }),
    )
    this.#monitor.checkpointWritten()
  }

  #classify(features: Float32Array): Promise<Float32Array> {
    return this.#monitor.during('classifier', () => this.#models.classifier.classify(features))
  }

  /** The order matters: the scores, which say that a part is done, come last. */
  async #finishPart({ part, features }: EmbeddedPart): Promise<EmbeddedPart['failure']> {
    this.#signal?.throwIfAborted()
    await this.#lock.check()
    let scores: Float32Array
    try {
      scores = await this.#classify(features)
    } catch (error) {
      if (error instanceof InferenceError)
        return { step: 'classifier', reason: error.message, rows: new Set(part.ids.keys()) }
      throw error
    }
    await this.#monitor.during('checkpoint', () => this.#keepPart(part, features, scores))
    this.#monitor.checkpointWritten()
    return undefined
  }

  async #keepPart(part: Part, features: Float32Array, scores: Float32Array): Promise<void> {
    const files = this.#options.keepIntermediate
      ? await writePartFiles(this.#paths, part.number, {
          ids: part.ids,
          proteinLengths: part.proteins.map((protein) => protein.length),
          features,
          widths: this.#models.widths,
          stamp: this.#models.stamp,
        })
      : []
    await this.#folder.finishPart(part.number, {
      ids: part.ids,
      scores,
      content: contentOf(part),
      files,
    })
  }

  /** Stage nine: the tables, then the state is closed, unless parts are left for the next run. */
  async #finish(parts: number): Promise<PredictResult> {
    await this.#lock.check()
    const failed = new Set(this.#failed.map(({ part }) => part))
    const tables = await this.#monitor.during('tables', () =>
      writeTables(this.#paths, this.#folder.scores(parts, failed, this.#signal), {
        stamp: this.#models.stamp,
        spillPath: (run) => this.#folder.files.sorted(run),
      }),
    )
    const { stamp } = this.#models
    if (stamp !== undefined)
      await writeAtomically(this.#paths.demonstration, `${basename(this.#paths.mergedFolder)}: ${stamp}\n`)
    await this.#record.share(this.#paths.failed)
    await writeFailedFiles(this.#paths, this.#failed)
    this.#count(parts, tables)
    const { failedFrames } = this.#stats.counts
    const result = resultCounts(this.#stats.counts)
    await this.#monitor.end(failed.size > 0 ? 'failed-parts' : 'finished')
    // Before the report, which holds every warning.
    warnOfEmptyTables(result, this.#logger)
    if (failed.size > 0) {
      this.#logger.warn(
        `${failed.size} of ${count(parts, 'part')} failed, ${count(failedFrames, 'frame')} missing from the tables: ` +
          `${this.#paths.failed} says why. The same command computes only what is missing`,
      )
    }
    await this.#report()
    if (failed.size === 0) await this.#close({ ...result }, parts)
    reportCounts(result, this.#paths.mergedFolder, this.#logger)
    return { ...result, failedParts: failed.size, alreadyFinished: false, paths: this.#paths }
  }

  /** What is known once the tables are written. */
  #count(parts: number, { frames, viralFrames, calledChunks, viralChunks }: TableCounts): void {
    const failedParts = this.#failed.length
    Object.assign(this.#stats.counts, {
      parts,
      failedParts,
      scoredFrames: frames,
      viralFrames,
      calledChunks,
      viralChunks,
    })
    for (const { part, rows } of this.#failed)
      for (const row of rows) this.#stats.frameFailed((part - 1) * this.#options.sequencesPerFile + row)
  }

  /**
   * Before the state is closed: a run that is killed meanwhile is continued, and makes its report then. After the last
   * line of the monitor, from which it has the stages.
   */
  async #report(): Promise<void> {
    if (!this.#options.report) return
    await reportRun(
      {
        options: this.#options,
        paths: this.#paths,
        models: this.#models,
        stats: this.#stats,
        inputs: this.#inputs.described,
        start: this.#start,
        continued: this.#folder.status === 'resumed',
        recordsListed: this.#records.isListed,
        failed: this.#failed,
        warnings: this.#logger.warnings,
      },
      this.#logger,
    )
  }

  async #close(result: Record<string, number>, parts: number): Promise<void> {
    const recognize = recognizer(this.#paths)
    // An earlier start may have had other settings or a longer input. What another program left is not recorded, and stays.
    await this.#record.remove((path) => {
      const found = recognize(path)
      if (found === undefined || FILES[found.file].role !== 'intermediate') return false
      return !this.#options.keepIntermediate || (found.part ?? 0) > parts
    })
    await this.#folder.finish(result, resultFiles(this.#paths))
    await this.#broad?.complete(parts)
  }

  #finishedBefore(): PredictResult {
    this.#logger.info(
      `this run has finished before; its results are in ${this.#paths.mergedFolder}. --force computes them anew`,
    )
    const result = { ...resultCounts(undefined), ...this.#folder.result }
    return { ...result, failedParts: 0, alreadyFinished: true, paths: this.#paths }
  }
}
