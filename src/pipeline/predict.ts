import { version } from '../../package.json' with { type: 'json' }
import {
  describeInput,
  partFilesPresent,
  RunFolder,
  type RunManifest,
  writePartFiles,
} from '../checkpoint/index.ts'
import type { Classifier } from '../classify/index.ts'
import type { PredictOptions } from '../config/index.ts'
import { type OutputPaths, outputPaths, type TableCounts, writeTables } from '../outputs/index.ts'
import type { Logger } from '../system/index.ts'
import { removeIntermediates, stampFolder } from './cleanup.ts'
import { type EmbeddedPart, WindowEmbedder } from './embed.ts'
import { PreparedFiles } from './intermediates.ts'
import { describeWork, openModels, type RunModels } from './models.ts'
import type { Part } from './part.ts'
import { type PrepareCounts, prepareParts } from './prepare.ts'
import { Heartbeat } from './progress.ts'
import { RecordReport } from './records.ts'
import { overlapped, windowsOf } from './windows.ts'

export interface PredictContext {
  logger: Logger
  signal?: AbortSignal
}

/** What a run did. */
export interface PredictResult extends PrepareCounts, TableCounts {
  /** Parts that could not be computed; their frames are in no table. */
  failedParts: number
  /** Records that were left out as invalid. */
  skippedRecords: number
  /** True when an earlier run had already finished: nothing was computed. */
  alreadyFinished: boolean
  paths: OutputPaths
}

/** Two windows at once: the second is read, tokenized and queued while the first is computed. */
const WINDOWS_UNDER_WAY = 2

/**
 * The whole pipeline: chunks, six frames, parts, DNABERT-S, ESM-2, features, classifier, tables of frames and of
 * chunks. Memory does not grow with the input; every finished part is safe on disk, and the same call continues
 * an interrupted run.
 *
 * @throws VirnucproError with a message for the user; the output folder then holds a state that can be continued
 */
export async function predict(
  options: PredictOptions,
  { logger, signal }: PredictContext,
): Promise<PredictResult> {
  const paths = outputPaths({ ...options, input: options.inputs[0] ?? '-' })
  await using models = await openModels(options, logger)
  const folder = await RunFolder.open({
    path: paths.state,
    results: [paths.predictions, paths.consensus],
    manifest: await describeRun(options, models, signal),
    force: options.force,
  })
  return await new Run(options, paths, models, folder, logger, signal).execute()
}

/** What decides whether an interrupted run may be continued. Speed settings are left out: they change no result. */
async function describeRun(
  options: PredictOptions,
  models: RunModels,
  signal?: AbortSignal,
): Promise<RunManifest> {
  const inputs = []
  for (const input of options.inputs) inputs.push(await describeInput(input, signal))
  return {
    format: 1,
    version,
    status: 'unfinished',
    inputs,
    settings: {
      expectedLength: options.expectedLength,
      sequencesPerFile: options.sequencesPerFile,
      layout: options.layout,
      keepIntermediate: options.keepIntermediate,
      onInvalid: options.onInvalid,
    },
    models: models.digest,
  }
}

class Run {
  readonly #options: PredictOptions
  readonly #paths: OutputPaths
  readonly #models: RunModels
  readonly #folder: RunFolder
  readonly #logger: Logger
  readonly #signal: AbortSignal | undefined
  readonly #records: RecordReport
  readonly #counts: PrepareCounts = { records: 0, bases: 0, chunks: 0, chunksWithoutFrame: 0, frames: 0 }

  constructor(
    options: PredictOptions,
    paths: OutputPaths,
    models: RunModels,
    folder: RunFolder,
    logger: Logger,
    signal: AbortSignal | undefined,
  ) {
    this.#options = options
    this.#paths = paths
    this.#models = models
    this.#folder = folder
    this.#logger = logger
    this.#signal = signal
    this.#records = new RecordReport(paths.invalidRecords, logger)
  }

  async execute(): Promise<PredictResult> {
    if (this.#folder.status === 'finished') return this.#finishedBefore()
    if (this.#folder.status === 'resumed')
      this.#logger.info(`continuing the unfinished run in ${this.#paths.root}`)
    const files = this.#options.keepIntermediate ? await PreparedFiles.create(this.#paths) : undefined
    let parts = 0
    try {
      parts = await this.#compute(files)
      await files?.commit()
      await this.#records.finish()
    } catch (error) {
      await files?.abandon()
      await this.#records.abandon()
      throw error
    }
    return await this.#finish(parts)
  }

  /** Stages one to eight, part by part. @returns the number of parts */
  async #compute(files: PreparedFiles | undefined): Promise<number> {
    const { classifier, backend } = this.#models
    const embedder = new WindowEmbedder(backend, this.#models.inputs, this.#signal)
    const heartbeat = new Heartbeat(this.#logger, this.#options.progress)
    const prepared = prepareParts(
      {
        inputs: this.#options.inputs,
        expectedLength: this.#options.expectedLength,
        sequencesPerFile: this.#options.sequencesPerFile,
        keepEmpty: this.#options.layout === 'broad',
        files,
        signal: this.#signal,
        read: this.#records.readOptions(
          this.#options.onInvalid,
          await this.#folder.makeWorkFolder(),
          this.#signal,
        ),
      },
      this.#counts,
    )
    let parts = 0
    try {
      const unfinished = this.#unfinished(prepared, (part) => {
        parts = part.number
        heartbeat.prepared(part.ids.length)
      })
      const windows = overlapped(windowsOf(unfinished), WINDOWS_UNDER_WAY, (window) => embedder.embed(window))
      for await (const window of windows) {
        for (const embedded of window) {
          await this.#finishPart(embedded, classifier)
          heartbeat.finished(embedded.part.ids.length)
        }
      }
    } finally {
      heartbeat.stop()
    }
    if (this.#counts.frames > 0) this.#logger.info(describeWork(embedder.counts))
    return parts
  }

  /** The parts that still need computing. */
  async *#unfinished(parts: AsyncIterable<Part>, seen: (part: Part) => void): AsyncGenerator<Part> {
    let done = 0
    for await (const part of parts) {
      seen(part)
      await this.#records.drain()
      if (this.#folder.status === 'resumed' && (await this.#isFinished(part))) done += part.ids.length
      else yield part
    }
    if (done > 0) this.#logger.info(`${done} frames were already done`)
  }

  async #isFinished(part: Part): Promise<boolean> {
    if ((await this.#folder.finishedPart(part.number, part.ids)) === undefined) return false
    return !this.#options.keepIntermediate || (await partFilesPresent(this.#paths, part.number))
  }

  async #finishPart({ part, features }: EmbeddedPart, classifier: Classifier): Promise<void> {
    this.#signal?.throwIfAborted()
    if (this.#options.keepIntermediate) {
      await writePartFiles(this.#paths, part.number, {
        ids: part.ids,
        proteinLengths: part.proteins.map((protein) => protein.length),
        features,
        widths: this.#models.widths,
        stamp: this.#models.stamp,
      })
    }
    await this.#folder.finishPart(part.number, { ids: part.ids, scores: await classifier.classify(features) })
  }

  /** Stage nine: the tables, then the state is closed. */
  async #finish(parts: number): Promise<PredictResult> {
    const counts = await writeTables(this.#paths, this.#folder.scores(parts), {
      stamp: this.#models.stamp,
      spillPath: (run) => this.#folder.file(`sort_${run}.tsv`),
    })
    if (this.#models.stamp !== undefined) await stampFolder(this.#paths, this.#models.stamp)
    if (!this.#options.keepIntermediate) await removeIntermediates(this.#paths)
    const result = { ...this.#counts, ...counts, skippedRecords: this.#records.skipped }
    await this.#folder.finish(result)
    this.#report(result)
    return { ...result, failedParts: 0, alreadyFinished: false, paths: this.#paths }
  }

  #finishedBefore(): PredictResult {
    this.#logger.info(
      `this run has finished before; its results are in ${this.#paths.mergedFolder}. --force computes them anew`,
    )
    const result = { ...this.#counts, ...emptyCounts(), skippedRecords: 0, ...this.#folder.result }
    return { ...result, failedParts: 0, alreadyFinished: true, paths: this.#paths }
  }

  #report(result: PrepareCounts & TableCounts): void {
    const { records, chunks, chunksWithoutFrame, frames, viralFrames, calledChunks, viralChunks } = result
    this.#logger.info(
      `${count(records, 'record')}, ${count(chunks, 'chunk')}; ${chunksWithoutFrame} without an open frame (no row in any table)`,
    )
    if (frames === 0)
      this.#logger.warn('no chunk has an open reading frame: the tables hold their headers only')
    this.#logger.info(
      `${viralFrames} of ${count(frames, 'frame')} and ${viralChunks} of ${count(calledChunks, 'chunk')} viral: ${this.#paths.mergedFolder}`,
    )
  }
}

function emptyCounts(): TableCounts {
  return { frames: 0, viralFrames: 0, calledChunks: 0, viralChunks: 0 }
}

function count(n: number, noun: string): string {
  return `${n} ${n === 1 ? noun : `${noun}s`}`
}
