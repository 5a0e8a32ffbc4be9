import { type Batch, padBatch } from '../batching/index.ts'
import type { ModelName } from '../bundle/index.ts'
import {
  type AdoptedVectors,
  type Journal,
  type JournalEntry,
  KEY_BYTES,
  REFUSED,
} from '../checkpoint/index.ts'
import type { EmbeddingBackend, TokenBatch } from '../dispatch/index.ts'
import type { RunMonitor } from '../monitor/index.ts'
import { InferenceError } from '../onnx/index.ts'
import { areFinite } from '../system/finite.ts'
import type { Logger } from '../system/logger.ts'
import { withGrace } from './grace.ts'
import { type Halt, Lane } from './lane.ts'
import { type EmbeddedPart, type ModelInput, ModelWork, type Plan } from './model-work.ts'
import type { Window } from './windows.ts'

/** What the models were given, for the closing lines and the report. */
export interface EmbedCounts {
  /** Real tokens computed, special ones included. */
  tokens: number
  /** Tokens computed including padding. */
  paddedTokens: number
  /** Sequences computed; identical ones of a window only once. */
  sequences: number
}

export type WorkCounts = Record<ModelName, EmbedCounts>

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
  monitor: RunMonitor
  logger: Logger
  signal?: AbortSignal | undefined
}

/** The parts of a window that were not done, and the journal to remove once they are. */
export interface EmbeddedWindow {
  parts: readonly EmbeddedPart[]
  journal: Journal
}

/** A batch is tried so often before it is taken apart. */
const ATTEMPTS = 3
/** After so many refused sequences without one that was taken, the model is what is wrong: nothing is taken apart. */
const HOPELESS = 8
/** Before the second attempt; four times as long before each further one. */
const FIRST_PAUSE_MS = 50

const NOT_FINITE =
  'the embedding has NaN or infinity, and will have it again: the weights are damaged (virnucpro models verify), or numbers ' +
  'inside the model are too large for its precision (virnucpro models import --precision bf16)'

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
  readonly #lanes: Map<ModelName, Lane>
  readonly #halt: Halt = {}
  readonly #journals = new Set<Journal>()
  readonly counts: WorkCounts = {
    esm2: { tokens: 0, paddedTokens: 0, sequences: 0 },
    dnabert_s: { tokens: 0, paddedTokens: 0, sequences: 0 },
  }
  readonly #refused: Record<ModelName, number> = { esm2: 0, dnabert_s: 0 }
  /** Frames' sequences whose embedding was taken over from an old run. */
  adopted = 0

  constructor(options: EmbedderOptions) {
    const { backend, inputs } = options
    this.#options = options
    this.#width = inputs.reduce((sum, { model }) => sum + backend.dimension(model), 0)
    this.#lanes = new Map(inputs.map(({ model }) => [model, new Lane(backend.concurrency, this.#halt)]))
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
    if (this.#halt.failure !== undefined) throw this.#halt.failure.error
    return { parts: targets.flatMap(({ target }) => target ?? []), journal }
  }

  #tellFrames(window: Window['parts']): void {
    const count = (parts: Window['parts']) => parts.reduce((sum, { part }) => sum + part.ids.length, 0)
    this.#options.monitor.framesPlanned(count(window), count(window.filter(({ done }) => done)))
  }

  async #embedModel(work: ModelWork, last: boolean, journal: Journal, planned: () => void): Promise<void> {
    try {
      await this.#adopt(work)
      if (!work.isIncomplete) {
        planned()
        return
      }
      const plan = work.plan(last)
      this.#options.monitor.batchesPlanned(
        work.input.model,
        plan.batches.map((batch) => tokensOf(plan, batch)),
      )
      planned()
      const lane = this.#lanes.get(work.input.model) as Lane
      const batches = plan.batches.map((batch) =>
        lane.run(() => this.#watchBatch(work, plan, batch, journal)),
      )
      await Promise.allSettled(batches)
    } catch (error) {
      this.#halt.failure ??= { error }
    }
  }

  async #adopt(work: ModelWork): Promise<void> {
    const { adopted } = this.#options.memory
    if (adopted === undefined) return
    for (const group of work.groups()) {
      const vector = await adopted.find(work.input.model, work.keyOf(group))
      if (vector?.length === work.dimension && areFinite(vector) && work.adopt(group, vector)) this.adopted++
    }
  }

  async #watchBatch(work: ModelWork, plan: Plan, batch: Batch, journal: Journal): Promise<void> {
    const end = this.#options.monitor.batchStarted(work.input.model, tokensOf(plan, batch))
    let done: EmbedCounts | undefined
    try {
      done = await this.#embedBatch(work, plan, batch, journal)
    } finally {
      end(done)
    }
  }

  /** @returns what was computed; undefined when it had to be given up */
  async #embedBatch(
    work: ModelWork,
    plan: Plan,
    batch: Batch,
    journal: Journal,
  ): Promise<EmbedCounts | undefined> {
    const { input, dimension } = work
    const members = Array.from(batch.members)
    const refused = new Map<number, string>()
    let vectors = await this.#tryMembers(input, plan, members, members, ATTEMPTS, refused)
    if (vectors === undefined && members.length > 1) {
      vectors = await this.#withoutRefused(input, plan, members, refused)
    }
    if (vectors !== undefined) refuseNotFinite(vectors, dimension, members, refused)
    for (const [member, reason] of refused)
      work.fail(plan.groups[member] as number, STEPS[input.model], reason)
    this.#keepRefused(work, plan, refused, journal)
    if (vectors === undefined) return undefined
    const taken = members.flatMap((member, at) => (refused.has(member) ? [] : [{ member, at }]))
    const keys = new Uint8Array(taken.length * KEY_BYTES)
    const kept = new Float32Array(taken.length * dimension)
    let tokens = 0
    for (const [to, { member, at }] of taken.entries()) {
      const group = plan.groups[member] as number
      const vector = vectors.subarray(at * dimension, (at + 1) * dimension)
      work.fill(group, vector)
      keys.set(work.keyOf(group), to * KEY_BYTES)
      kept.set(vector, to * dimension)
      tokens += (plan.rows[member] as Int32Array).length
    }
    this.#options.logger.debug(`computed ${input.model}: ${taken.length} sequences`)
    journal.append({ model: input.model, keys, vectors: kept, dimension })
    this.#options.monitor.checkpointWritten()
    const done = { tokens, sequences: taken.length, paddedTokens: members.length * batch.paddedLength }
    const counts = this.counts[input.model]
    counts.tokens += done.tokens
    counts.sequences += done.sequences
    counts.paddedTokens += done.paddedTokens
    return done
  }

  /**
   * Leaves word of what was refused, for the next start to try by itself. Before the embeddings of the batch: killed in
   * between, the whole batch is computed once more.
   */
  #keepRefused(work: ModelWork, plan: Plan, refused: ReadonlyMap<number, string>, journal: Journal): void {
    const groups = Array.from(refused.keys(), (member) => plan.groups[member] as number)
    const keys = groups.filter((group) => !work.wasRefused(group)).map((group) => work.keyOf(group))
    if (keys.length === 0) return
    const none = new Float32Array()
    journal.append({ model: work.input.model, keys: Buffer.concat(keys), vectors: none, dimension: REFUSED })
  }

  /**
   * A batch of which the model does not take some sequences: each half is tried by itself, down to those. Then the
   * batch is computed with another of its sequences in their places, so that the embeddings of the others are to the
   * last digit those of the whole batch.
   */
  async #withoutRefused(
    input: ModelInput,
    plan: Plan,
    members: readonly number[],
    refused: Map<number, string>,
  ): Promise<Float32Array | undefined> {
    refused.clear()
    const search = async (some: readonly number[]): Promise<void> => {
      const found = new Map<number, string>()
      const taken = await this.#tryMembers(input, plan, some, some, 1, found)
      if (taken !== undefined) this.#refused[input.model] = 0
      else if (some.length === 1 || this.#refused[input.model] >= HOPELESS) {
        this.#refused[input.model]++
        for (const [member, reason] of found) refused.set(member, reason)
      } else {
        await search(some.slice(0, some.length >> 1))
        await search(some.slice(some.length >> 1))
      }
    }
    await search(members.slice(0, members.length >> 1))
    await search(members.slice(members.length >> 1))
    const stand = members.find((member) => !refused.has(member))
    if (stand === undefined) return undefined
    const replaced = members.map((member) => (refused.has(member) ? stand : member))
    return await this.#tryMembers(input, plan, members, replaced, ATTEMPTS, refused)
  }

  /** @returns the vectors; undefined, and every one of `members` in `refused` with the reason, when it fails */
  async #tryMembers(
    input: ModelInput,
    plan: Plan,
    members: readonly number[],
    computed: readonly number[],
    attempts: number,
    refused: Map<number, string>,
  ): Promise<Float32Array | undefined> {
    this.#options.signal?.throwIfAborted()
    const rows = computed.map((member) => plan.rows[member] as Int32Array)
    const width = members.reduce(
      (most, member) => Math.max(most, (plan.rows[member] as Int32Array).length),
      1,
    )
    try {
      return await this.#compute(input.model, padBatch(rows, input.padId, width), attempts)
    } catch (error) {
      if (!(error instanceof InferenceError)) throw error
      for (const member of members) refused.set(member, error.message)
      return undefined
    }
  }

  async #compute(model: ModelName, batch: TokenBatch, attempts: number): Promise<Float32Array> {
    const { backend, logger, signal } = this.#options
    for (let attempt = 1; ; attempt++) {
      try {
        return await withGrace(backend.embed(model, batch, signal), signal)
      } catch (error) {
        if (!(error instanceof InferenceError)) throw error
        this.#options.monitor.batchFailed(model, error.message, batch.rows * batch.paddedLength)
        if (attempt === attempts) throw error
        logger.debug(`attempt ${attempt} failed: ${error.message}`)
        await Bun.sleep(FIRST_PAUSE_MS * 4 ** (attempt - 1))
        signal?.throwIfAborted()
      }
    }
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

/**
 * Numbers that overflow inside a model, or damaged weights, come out as an embedding that would be called all the same. No
 * second attempt: a model gives the same again.
 */
function refuseNotFinite(
  vectors: Float32Array,
  dimension: number,
  members: readonly number[],
  refused: Map<number, string>,
): void {
  for (const [at, member] of members.entries()) {
    if (refused.has(member) || areFinite(vectors.subarray(at * dimension, (at + 1) * dimension))) continue
    refused.set(member, NOT_FINITE)
  }
}

/** Real tokens of a batch. */
function tokensOf({ rows }: Plan, { members }: Batch): number {
  return members.reduce((sum, member) => sum + (rows[member] as Int32Array).length, 0)
}
