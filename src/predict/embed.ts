import { padBatch } from '../batching/index.ts'
import type { ModelName } from '../bundle/index.ts'
import {
  type AdoptedVectors,
  type Journal,
  type JournalEntry,
  KEY_BYTES,
  REFUSED,
} from '../checkpoint/index.ts'
import { type Computed, Dispatcher, type EmbeddingBackend } from '../dispatch/index.ts'
import type { RunMonitor, RunStats } from '../monitor/index.ts'
import { areFinite } from '../system/finite.ts'
import type { Logger } from '../system/logger.ts'
import { type EmbeddedPart, type ModelInput, ModelWork, type PlannedBatch } from './model-work.ts'
import type { Window } from './windows.ts'

/** What is known before anything is computed, and where it is kept once it is. */
export interface EmbeddingMemory {
  /** Opens the journal of a window, by the number of its first part; see `RunFolder.openJournal`. */
  openJournal(first: number, visit: (entry: JournalEntry) => void): Promise<Journal>
  /** Embeddings of another program's run. */
  adopted: AdoptedVectors | undefined
}

export interface EmbedderOptions {
  backend: EmbeddingBackend
  inputs: readonly ModelInput[]
  memory: EmbeddingMemory
  stats: RunStats
  monitor: RunMonitor
  logger: Logger
  signal?: AbortSignal | undefined
}

/** The parts of a window that were not done, and the journal to remove once they are. */
export interface EmbeddedWindow {
  parts: readonly EmbeddedPart[]
  journal: Journal
}

const STEPS: Record<ModelName, 'DNABERT-S' | 'ESM-2'> = { dnabert_s: 'DNABERT-S', esm2: 'ESM-2' }

/**
 * Stages four to six: embeds every frame with both models and lays the two vectors side by side.
 *
 * Sorting by length and sharing identical sequences need a view over many frames, so that parts are taken in
 * windows; a second window is prepared and sent while the first is computed, so that the backend never waits.
 */
export class WindowEmbedder implements AsyncDisposable {
  readonly #options: EmbedderOptions
  readonly #width: number
  readonly #dispatcher: Dispatcher
  readonly #journals = new Set<Journal>()

  constructor(options: EmbedderOptions) {
    const { backend, inputs } = options
    this.#options = options
    this.#width = inputs.reduce((sum, { model }) => sum + backend.dimension(model), 0)
    this.#dispatcher = new Dispatcher(options)
  }

  /**
   * Embeds a window of parts; resolves when every row is there or its part has failed.
   *
   * A sequence that the model refuses again and again fails alone; its part is computed once more by the next run.
   * @throws anything but `InferenceError`: a full disk, a stopped run or a lost server ends the run
   */
  async embed({ parts: window, last }: Window): Promise<EmbeddedWindow> {
    const { backend, inputs, memory } = this.#options
    const targets = window.map(({ part, done }) => ({
      part,
      target: done ? undefined : { part, features: new Float32Array(part.ids.length * this.#width) },
    }))
    const works = inputs.map(
      (input) => new ModelWork(input, backend.dimension(input.model), this.#width, targets),
    )
    const journal = await memory.openJournal(window[0]?.part.number ?? 0, (entry) =>
      works.find(({ input }) => input.model === entry.model)?.recall(entry),
    )
    this.#journals.add(journal)
    // It waits for the other model's batch under way too: nothing may run on behind the caller's back.
    let unplanned = works.length
    const planned = () => {
      if (--unplanned === 0) this.#tellFrames(window)
    }
    await Promise.all(works.map((work) => this.#embedModel(work, last, journal, planned)))
    this.#dispatcher.throwIfStopped()
    return { parts: targets.flatMap(({ target }) => target ?? []), journal }
  }

  #tellFrames(window: Window['parts']): void {
    const count = (parts: Window['parts']) => parts.reduce((sum, { part }) => sum + part.ids.length, 0)
    this.#options.stats.framesPlanned += count(window)
    this.#options.stats.framesToCompute += count(window.filter(({ done }) => !done))
  }

  async #embedModel(work: ModelWork, last: boolean, journal: Journal, planned: () => void): Promise<void> {
    try {
      await this.#adopt(work)
      if (!work.isIncomplete) {
        planned()
        return
      }
      const { model, padId } = work.input
      const plan = work.plan(last)
      this.#options.stats.models[model].planned(plan.map(tokensOf))
      planned()
      const batches = plan.map((batch) => {
        const request = { model, tokens: tokensOf(batch), pad: () => padBatch(batch.rows, padId) }
        return this.#dispatcher.compute(request, (computed) => this.#keep(work, batch, journal, computed))
      })
      await Promise.allSettled(batches)
    } catch (error) {
      this.#dispatcher.stop(error)
    }
  }

  async #adopt(work: ModelWork): Promise<void> {
    const { adopted } = this.#options.memory
    if (adopted === undefined) return
    for (const group of work.groups()) {
      const vector = await adopted.find(work.input.model, work.keyOf(group))
      if (vector?.length === work.dimension && areFinite(vector) && work.adopt(group, vector))
        this.#options.stats.counts.adoptedSequences++
    }
  }

  #keep(work: ModelWork, { groups }: PlannedBatch, journal: Journal, { vectors, refused }: Computed): void {
    const { input, dimension } = work
    for (const [row, reason] of refused) work.fail(groups[row] as number, STEPS[input.model], reason)
    this.#keepRefused(work, groups, refused, journal)
    if (vectors === undefined) return
    const taken = Array.from(groups.keys()).filter((row) => !refused.has(row))
    const keys = new Uint8Array(taken.length * KEY_BYTES)
    const kept = new Float32Array(taken.length * dimension)
    for (const [to, row] of taken.entries()) {
      const group = groups[row] as number
      const vector = vectors.subarray(row * dimension, (row + 1) * dimension)
      work.fill(group, vector)
      keys.set(work.keyOf(group), to * KEY_BYTES)
      kept.set(vector, to * dimension)
    }
    journal.append({ model: input.model, keys, vectors: kept, dimension })
    this.#options.monitor.checkpointWritten()
  }

  /**
   * Leaves word of what was refused, for the next start to try by itself. Before the embeddings of the batch: killed in
   * between, the whole batch is computed once more.
   */
  #keepRefused(
    work: ModelWork,
    groups: readonly number[],
    refused: ReadonlyMap<number, string>,
    journal: Journal,
  ): void {
    const found = Array.from(refused.keys(), (row) => groups[row] as number)
    const keys = found.filter((group) => !work.wasRefused(group)).map((group) => work.keyOf(group))
    if (keys.length === 0) return
    const none = new Float32Array()
    journal.append({ model: work.input.model, keys: Buffer.concat(keys), vectors: none, dimension: REFUSED })
  }

  /**
   * Ends a window.
   * @param keep - some of its parts are not done: what was computed for them stays for the next run
   */
  async close({ journal }: EmbeddedWindow, keep: boolean): Promise<void> {
    this.#journals.delete(journal)
    if (keep) await journal[Symbol.asyncDispose]()
    else await journal.remove()
  }

  /** Closes the journals of windows that were not ended; they stay for the next run. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const journal of this.#journals) await journal[Symbol.asyncDispose]()
  }
}

function tokensOf({ rows }: PlannedBatch): number {
  return rows.reduce((sum, row) => sum + row.length, 0)
}
