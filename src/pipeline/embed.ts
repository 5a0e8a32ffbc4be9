import type { EmbeddingBackend, ModelName } from '../backends/index.ts'
import { type Batch, dedupe, padBatch, planBatches } from '../batching/index.ts'
import type { Part } from './part.ts'

/** How one model reads the frames of a part. */
export interface ModelInput {
  model: ModelName
  /** First column of this model's embedding in a row of features. */
  column: number
  tokenBudget: number
  padId: number
  /** The sequence of a frame that this model embeds. An empty one gets a row of NaN. */
  sequences(part: Part): readonly Uint8Array[]
  encode(sequence: Uint8Array): Int32Array
}

/** A part whose features are being filled in. */
export interface EmbeddedPart {
  part: Part
  /** Row-major [frames, width]: DNABERT-S then ESM-2. */
  features: Float32Array
}

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

/** Where one sequence's embedding goes. */
interface Slot {
  features: Float32Array
  row: number
}

/**
 * Stages four to six: embeds every frame with both models and lays the two vectors side by side.
 *
 * Sorting by length and sharing identical sequences need a view over many frames, so that parts are taken in
 * windows; a second window is prepared and sent while the first is computed, so that the backend never waits.
 */
export class WindowEmbedder {
  readonly #backend: EmbeddingBackend
  readonly #inputs: readonly ModelInput[]
  readonly #width: number
  readonly #lanes: Map<ModelName, Lane>
  readonly #signal: AbortSignal | undefined
  readonly counts: WorkCounts = {
    esm2: { tokens: 0, paddedTokens: 0, sequences: 0 },
    dnabert_s: { tokens: 0, paddedTokens: 0, sequences: 0 },
  }

  constructor(backend: EmbeddingBackend, inputs: readonly ModelInput[], signal?: AbortSignal) {
    this.#backend = backend
    this.#inputs = inputs
    this.#width = inputs.reduce((sum, { model }) => sum + backend.dimension(model), 0)
    this.#lanes = new Map(inputs.map(({ model }) => [model, new Lane(backend.concurrency)]))
    this.#signal = signal
  }

  /** Embeds a window of parts; resolves when every row is there. */
  async embed(parts: readonly Part[]): Promise<EmbeddedPart[]> {
    const embedded = parts.map((part) => ({
      part,
      features: new Float32Array(part.ids.length * this.#width),
    }))
    const slots: Slot[] = embedded.flatMap(({ part, features }) =>
      part.ids.map((_, row) => ({ features, row })),
    )
    await Promise.all(this.#inputs.map((input) => this.#embedModel(input, parts, slots)))
    return embedded
  }

  async #embedModel(input: ModelInput, parts: readonly Part[], slots: readonly Slot[]): Promise<void> {
    const sequences = parts.flatMap((part) => input.sequences(part))
    const { unique, groupOf } = dedupe(sequences)
    const owners: Slot[][] = Array.from(unique, () => [])
    for (const [i, group] of groupOf.entries()) owners[group]?.push(slots[i] as Slot)

    const rows: Int32Array[] = []
    const rowOwners: Slot[][] = []
    for (const [group, first] of unique.entries()) {
      const sequence = sequences[first] as Uint8Array
      const slotsOfGroup = owners[group] as Slot[]
      if (sequence.length === 0 && input.model === 'esm2') this.#fill(input, slotsOfGroup)
      else {
        rows.push(input.encode(sequence))
        rowOwners.push(slotsOfGroup)
      }
    }
    const lengths = Uint32Array.from(rows, (row) => row.length)
    const batches = planBatches(lengths, { tokenBudget: input.tokenBudget })
    const lane = this.#lanes.get(input.model) as Lane
    await Promise.all(batches.map((batch) => lane.run(() => this.#embedBatch(input, batch, rows, rowOwners))))
  }

  /** A frame without residues has no mean: NaN, as in Broad's fork. */
  #fill(input: ModelInput, slots: readonly Slot[]): void {
    const dimension = this.#backend.dimension(input.model)
    for (const { features, row } of slots) {
      const start = row * this.#width + input.column
      features.fill(Number.NaN, start, start + dimension)
    }
  }

  async #embedBatch(
    input: ModelInput,
    batch: Batch,
    rows: readonly Int32Array[],
    owners: readonly Slot[][],
  ): Promise<void> {
    this.#signal?.throwIfAborted()
    const padded = padBatch(
      Array.from(batch.members, (member) => rows[member] as Int32Array),
      input.padId,
    )
    const dimension = this.#backend.dimension(input.model)
    const vectors = await this.#backend.embed(input.model, padded, this.#signal)
    for (const [at, member] of batch.members.entries()) {
      const vector = vectors.subarray(at * dimension, (at + 1) * dimension)
      for (const { features, row } of owners[member] as Slot[])
        features.set(vector, row * this.#width + input.column)
    }
    const counts = this.counts[input.model]
    counts.sequences += batch.members.length
    counts.paddedTokens += padded.rows * padded.paddedLength
    for (const length of padded.lengths) counts.tokens += length
  }
}

/** Runs tasks in the order they come, a fixed number at once; after a failure the waiting ones are dropped. */
class Lane {
  #free: number
  readonly #waiting: (() => void)[] = []
  #failure: { error: unknown } | undefined

  constructor(concurrency: number) {
    this.#free = concurrency
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      if (this.#failure !== undefined) throw this.#failure.error
      return await task()
    } catch (error) {
      this.#failure ??= { error }
      throw error
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}
