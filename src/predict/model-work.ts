import { dedupe, planBatches } from '../batching/index.ts'
import type { ModelName } from '../bundle/index.ts'
import { type FailedPart, type JournalEntry, KEY_BYTES, REFUSED } from '../checkpoint/index.ts'
import { areFinite } from '../system/finite.ts'
import type { Part } from './part.ts'

/** How one model reads the frames of a part. */
export interface ModelInput {
  model: ModelName
  /** First column of this model's embedding in a row of features. */
  column: number
  tokenBudget: number
  /** Most sequences of a batch; undefined for no limit. */
  maxSequences: number | undefined
  /** Whether the last batches of a run shrink; see `BatchOptions.taper`. */
  tapers: boolean
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
  /** Set when some of its frames could not be embedded: what failed first, and which rows are missing. */
  failure?: Omit<FailedPart, 'part'> & { rows: Set<number> }
}

/** A part of a window; one that an earlier run finished takes part in the planning only. */
export interface WindowPart {
  part: Part
  done: boolean
}

/** Where one sequence's embedding goes. */
interface Slot {
  target: EmbeddedPart
  row: number
}

/** Sequences of a window that are computed together. */
export interface PlannedBatch {
  /** The group of equal sequences that each row is of. */
  readonly groups: readonly number[]
  /** Token ids of each row. */
  readonly rows: readonly Int32Array[]
}

/**
 * The different sequences of a window that one model embeds, what is known of them already, and where each
 * embedding goes.
 *
 * The last digits of an embedding depend on the batch it was computed in, and a run that was interrupted must end with the
 * very bytes of one that was not. So the batches depend on what does not change from one start to the next: the window, less
 * what was taken over from an old run before this one began. What a model has refused is tried again by the next start, in
 * batches of those that were refused together, without the others of the batch that they were in.
 */
export class ModelWork {
  readonly input: ModelInput
  readonly dimension: number
  readonly #width: number
  readonly #sequences: readonly Uint8Array[]
  /** For each group of equal sequences, the place of the first. */
  readonly #unique: Uint32Array
  /** Empty for a sequence that only finished parts have. */
  readonly #owners: Slot[][]
  readonly #known: Uint8Array
  /** Taken over from an old run. */
  readonly #adopted: Uint8Array
  /** What an earlier start had refused, together as it was in one batch. */
  readonly #refusals: number[][] = []
  /** 1 for what is in `#refusals`. */
  readonly #refused: Uint8Array
  readonly #keys: Uint8Array
  #groupOfKey: Map<string, number> | undefined

  constructor(
    input: ModelInput,
    dimension: number,
    width: number,
    window: readonly { part: Part; target: EmbeddedPart | undefined }[],
  ) {
    this.input = input
    this.dimension = dimension
    this.#width = width
    this.#sequences = window.flatMap(({ part }) => input.sequences(part))
    const { unique, groupOf } = dedupe(this.#sequences)
    this.#unique = unique
    this.#owners = Array.from(unique, () => [])
    let place = 0
    for (const { part, target } of window) {
      for (let row = 0; row < part.ids.length; row++, place++) {
        if (target !== undefined) this.#owners[groupOf[place] as number]?.push({ target, row })
      }
    }
    this.#known = new Uint8Array(unique.length)
    this.#adopted = new Uint8Array(unique.length)
    this.#refused = new Uint8Array(unique.length)
    this.#keys = new Uint8Array(unique.length * KEY_BYTES)
    for (let group = 0; group < unique.length; group++) {
      Bun.SHA256.hash(this.#sequence(group), this.keyOf(group))
      if (this.#isEmpty(group)) this.fill(group, new Float32Array(dimension).fill(Number.NaN))
      else if (this.#owners[group]?.length === 0) this.#known[group] = 1
    }
  }

  #sequence(group: number): Uint8Array {
    return this.#sequences[this.#unique[group] as number] as Uint8Array
  }

  /** A frame without residues has no mean: NaN, as in Broad's fork. */
  #isEmpty(group: number): boolean {
    return this.input.model === 'esm2' && this.#sequence(group).length === 0
  }

  /** SHA-256 of a group's sequence. */
  keyOf(group: number): Uint8Array {
    return this.#keys.subarray(group * KEY_BYTES, (group + 1) * KEY_BYTES)
  }

  /** Takes what an earlier start has computed, or what its model has refused. */
  recall({ keys, vectors, dimension }: JournalEntry): void {
    if (dimension !== this.dimension && dimension !== REFUSED) return
    this.#groupOfKey ??= new Map(this.#owners.map((_, group) => [text(this.keyOf(group)), group]))
    const refused: number[] = []
    for (let i = 0; i < keys.length / KEY_BYTES; i++) {
      const group = this.#groupOfKey.get(text(keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES)))
      if (group === undefined) continue
      if (dimension === REFUSED) {
        if (this.#refused[group] === 0) refused.push(group)
        this.#refused[group] = 1
        continue
      }
      const vector = vectors.subarray(i * dimension, (i + 1) * dimension)
      // Earlier versions kept what is not finite, too.
      if (areFinite(vector)) this.fill(group, vector)
    }
    if (refused.length > 0) this.#refusals.push(refused)
  }

  /** Whether an earlier start has left word that the model refused the sequence. */
  wasRefused(group: number): boolean {
    return this.#refused[group] === 1
  }

  /** Every group that has an embedding, whether it is known or not. */
  *groups(): Generator<number> {
    for (let group = 0; group < this.#unique.length; group++) if (!this.#isEmpty(group)) yield group
  }

  /** Takes an embedding of an old run. @returns whether a row of this start needs it */
  adopt(group: number, vector: Float32Array): boolean {
    this.#adopted[group] = 1
    if (this.#known[group] === 1) return false
    this.fill(group, vector)
    return true
  }

  /** Whether an embedding is wanted and not known. */
  get isIncomplete(): boolean {
    return this.#known.includes(0)
  }

  /** Puts an embedding wherever its sequence occurs. */
  fill(group: number, vector: Float32Array): void {
    this.#known[group] = 1
    for (const { target, row } of this.#owners[group] as Slot[])
      target.features.set(vector, row * this.#width + this.input.column)
  }

  /** Gives up the frames that have the sequence. */
  fail(group: number, step: FailedPart['step'], reason: string): void {
    for (const { target, row } of this.#owners[group] as Slot[]) {
      target.failure ??= { step, reason: `${target.part.ids[row]}: ${reason}`, rows: new Set() }
      target.failure.rows.add(row)
    }
  }

  /**
   * The batches in which something is missing, and after them what an earlier start had refused, less what is computed
   * or in another batch.
   *
   * @param last - whether the window is the last one of the run
   */
  plan(last: boolean): PlannedBatch[] {
    const { tokenBudget, maxSequences, tapers } = this.input
    const options = { tokenBudget, ...(maxSequences !== undefined && { maxSequences }) }
    const tokens = new Map<number, Int32Array>()
    for (const group of this.groups())
      if (this.#adopted[group] === 0) tokens.set(group, this.input.encode(this.#sequence(group)))
    const pack = (groups: readonly number[], taper: boolean) => {
      const lengths = groups.map((group) => tokens.get(group)!.length)
      return planBatches(lengths, { ...options, taper }).map(({ members }) =>
        Array.from(members, (at) => groups[at]!),
      )
    }
    const isMissing = (group: number) => this.#known[group] === 0
    const batches = pack([...tokens.keys()], tapers && last).filter((groups) =>
      groups.some((group) => isMissing(group) && !this.wasRefused(group)),
    )
    const planned = new Set(batches.flat())
    for (const refused of this.#refusals) {
      for (const groups of pack(
        refused.filter((group) => tokens.has(group)),
        false,
      )) {
        const left = groups.filter((group) => isMissing(group) && !planned.has(group))
        if (left.length > 0) batches.push(left)
      }
    }
    return batches.map((groups) => ({ groups, rows: groups.map((group) => tokens.get(group)!) }))
  }
}

function text(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}
