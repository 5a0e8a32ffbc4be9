import { type TokenBatch, takeRows } from '../batching/index.ts'
import { HOSTED_NAMES, type HostedName } from '../bundle/index.ts'
import type { ModelCounts } from '../monitor/index.ts'
import { InferenceError } from '../onnx/index.ts'
import { areFinite } from '../system/finite.ts'
import type { Logger } from '../system/logger.ts'
import { settleWithin } from '../system/settle-within.ts'
import type { EmbeddingBackend } from './backend.ts'
import { Limiter } from './limiter.ts'

/** What computes, and who hears of it. */
export interface DispatcherOptions {
  backend: EmbeddingBackend
  monitor: {
    /** @returns what ends the batch; without an argument it was given up */
    batchStarted(model: HostedName, plannedTokens: number): (done?: ModelCounts) => void
  }
  logger: Logger
  signal?: AbortSignal | undefined
}

/** Sequences to be computed together, padded when their turn comes. */
export interface BatchRequest {
  readonly model: HostedName
  /** Real tokens of the batch, special ones included. */
  readonly tokens: number
  /** Makes the arrays, [rows, longest]. */
  pad(): TokenBatch
}

/** What became of a batch. */
export interface Computed {
  /** Row-major [rows, dimension]; undefined where the model has taken no row. */
  readonly vectors: Float32Array | undefined
  /** Rows that have no embedding, and why. */
  readonly refused: ReadonlyMap<number, string>
  /** `HOST:PORT` of the server that has computed it; undefined for this process. */
  readonly server?: string | undefined
}

/** A batch is tried so often before it is taken apart. */
const ATTEMPTS = 3
/** After so many refused sequences without one that was taken, the model is what is wrong: nothing is taken apart. */
const HOPELESS = 8
/** Before the second attempt; four times as long before each further one. */
const FIRST_PAUSE_MS = 50

const NOT_FINITE =
  'the embedding has NaN or infinity, and will have it again: the weights are damaged, or numbers inside the model are too large for its precision'

/**
 * Has batches computed, as many at once as the backend wants, and is the one place that decides what happens to a
 * batch that fails, in this process and on servers alike:
 *
 * - an `InferenceError` is tried again; a batch that fails each time is halved down to the sequences that the model
 *   refuses, and those alone have no embedding;
 * - an embedding that is not finite counts as refused;
 * - any other error, and an abort, ends everything: batches that wait are not begun.
 *
 * Below it, `BatchFit` has a batch computed in pieces where memory or a plan does not take it whole, and `PullQueue` moves a batch from a
 * server that fails to another.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #limiters: Record<HostedName, Limiter>
  /** Sequences refused since the last one that was taken. */
  readonly #refused = forHosted(() => 0)
  readonly #warned = new Set<HostedName>()
  #failure: { readonly error: unknown } | undefined

  constructor(options: DispatcherOptions) {
    const { concurrency } = options.backend
    this.#options = options
    this.#limiters = forHosted(() => new Limiter(concurrency))
  }

  /** Begins no further batch, since something else of the run has failed. */
  stop(error: unknown): void {
    this.#failure ??= { error }
  }

  /** @throws what has ended the batches */
  throwIfStopped(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /**
   * @param take - gets the result, still within the batch's turn
   * @throws anything but `InferenceError`
   */
  compute(request: BatchRequest, take: (computed: Computed) => void): Promise<void> {
    const { model, tokens } = request
    return this.#limiters[model].run(async () => {
      this.throwIfStopped()
      const end = this.#options.monitor.batchStarted(model, tokens)
      let done: ModelCounts | undefined
      try {
        const batch = request.pad()
        const computed = await this.#embed(model, batch)
        take(computed)
        done = this.#count(model, batch, computed)
      } catch (error) {
        this.stop(error)
        throw error
      } finally {
        end(done)
      }
    })
  }

  #count(model: HostedName, batch: TokenBatch, { vectors, refused }: Computed): ModelCounts | undefined {
    if (vectors === undefined) return undefined
    const taken = batch.lengths.filter((_, row) => !refused.has(row))
    this.#options.logger.debug(`computed ${model}: ${taken.length} sequences`)
    return {
      sequences: taken.length,
      tokens: taken.reduce((sum, length) => sum + length, 0),
      paddedTokens: batch.rows * batch.paddedLength,
    }
  }

  async #embed(model: HostedName, batch: TokenBatch): Promise<Computed> {
    const rows = Array.from({ length: batch.rows }, (_, row) => row)
    const refused = new Map<number, string>()
    let server: string | undefined
    const whole = (rows: TokenBatch) =>
      this.#attempt(model, rows, ATTEMPTS, (name) => {
        server = name
      })
    let vectors = await whole(batch)
    if (typeof vectors === 'string' && rows.length > 1) {
      await this.#halve(rows, (half) => this.#findRefused(model, batch, half, refused))
      const stand = rows.find((row) => !refused.has(row))
      if (stand === undefined) return { vectors: undefined, refused }
      // With another of its sequences in the places of the refused ones, so that the embeddings of the others are to the
      // last digit those of the whole batch.
      const places = rows.map((row) => (refused.has(row) ? stand : row))
      vectors = await whole(takeRows(batch, places))
    }
    if (typeof vectors === 'string') {
      for (const row of rows) refused.set(row, vectors)
      return { vectors: undefined, refused }
    }
    this.#refuseNotFinite(model, vectors, rows, refused)
    return { vectors, refused, server }
  }

  /** Adds to `refused` those of some rows that the model does not take: tries them by themselves, and then each half. */
  async #findRefused(
    model: HostedName,
    batch: TokenBatch,
    rows: readonly number[],
    refused: Map<number, string>,
  ): Promise<void> {
    // As narrow as these rows by themselves: their reasons do not depend on the batch that they were in.
    const width = rows.reduce((longest, row) => Math.max(longest, batch.lengths[row]!), 1)
    const found = await this.#attempt(model, takeRows(batch, rows, width), 1)
    if (typeof found !== 'string') this.#refused[model] = 0
    else if (rows.length === 1 || this.#refused[model] >= HOPELESS) {
      this.#refused[model]++
      for (const row of rows) refused.set(row, found)
    } else await this.#halve(rows, (half) => this.#findRefused(model, batch, half, refused))
  }

  async #halve(rows: readonly number[], search: (half: readonly number[]) => Promise<void>): Promise<void> {
    await search(rows.slice(0, rows.length >> 1))
    await search(rows.slice(rows.length >> 1))
  }

  /** @returns the vectors, or why the model refuses the batch */
  async #attempt(
    model: HostedName,
    batch: TokenBatch,
    attempts: number,
    onServer?: (server: string) => void,
  ): Promise<Float32Array | string> {
    const { backend, logger, signal } = this.#options
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted()
      try {
        return await settleWithin(backend.embed(model, batch, signal, onServer), signal)
      } catch (error) {
        if (!(error instanceof InferenceError)) throw error
        if (attempt === attempts) return error.message
        logger.note?.(`attempt ${attempt} failed: ${error.message}`)
        await Bun.sleep(FIRST_PAUSE_MS * 4 ** (attempt - 1))
      }
    }
  }

  /**
   * Numbers that overflow inside a model, or damaged weights, come out as an embedding that would be called all the same. No
   * second attempt: a model gives the same again.
   */
  #refuseNotFinite(
    model: HostedName,
    vectors: Float32Array,
    rows: readonly number[],
    refused: Map<number, string>,
  ): void {
    const dimension = vectors.length / rows.length
    for (const row of rows) {
      if (refused.has(row) || areFinite(vectors.subarray(row * dimension, (row + 1) * dimension))) continue
      refused.set(row, NOT_FINITE)
      if (this.#warned.has(model)) continue
      this.#warned.add(model)
      this.#options.logger.warn(`${model} makes embeddings with NaN or infinity, which are not used`, {
        code: 'not-finite',
        data: {},
      })
    }
  }
}

function forHosted<T>(make: () => T): Record<HostedName, T> {
  return Object.fromEntries(HOSTED_NAMES.map((name) => [name, make()])) as Record<HostedName, T>
}
