import { dedupe, planBatches } from '../batching/index.ts'
import { MODELS, modelOf } from '../bundle/index.ts'
import { type FailedPart, type JournalEntry, KEY_BYTES, REFUSED } from '../checkpoint/index.ts'
import { areFinite } from '../system/finite.ts'
import type { FailedFrame } from './failures.ts'
import type { ModelInput } from './model-input.ts'
import type { BatchJournal, Owner } from './owner.ts'
import type { Part } from './part.ts'

/** A part whose features are being filled in. */
export interface EmbeddedPart<Of = Owner<BatchJournal>> {
  /** Whose it is. */
  of: Of
  part: Part
  /** Row-major [frames, width]: DNABERT-S then ESM-2. */
  features: Float32Array
  /** Frames that could not be embedded; one that both models refuse is there twice. */
  readonly failed: FailedFrame[]
  /** When its first batch was begun, by the clock of the process; undefined before. */
  begun: number | undefined
  /** Batches with a sequence of it, by where they were computed. */
  readonly batches: Map<string, number>
}

/** Equal sequences of a window: computed once, for all frames that have them. */
interface Group {
  readonly sequence: Uint8Array
  /** SHA-256 of the sequence. */
  readonly key: Uint8Array
  /** Where its embedding goes; empty for a sequence that only finished parts have. */
  readonly slots: { readonly target: EmbeddedPart; readonly row: number }[]
  /** Whether nothing is to be computed any more. */
  known: boolean
  /** Taken over from an old run. */
  adopted: boolean
  /** Whether an earlier start has left word that the model refused it. */
  refused: boolean
}

/** Sequences of a window that are computed together. */
export interface PlannedBatch {
  readonly groups: readonly Group[]
  /** Token ids of each group. */
  readonly rows: readonly Int32Array[]
  /** Whose frames have the sequences. */
  readonly parts: ReadonlySet<EmbeddedPart>
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
  /** All that have an embedding, whether it is known or not. */
  readonly groups: readonly Group[]
  /** What an earlier start had refused, together as it was in one batch. */
  readonly #refusals: Group[][] = []
  #tokens: Map<Group, Int32Array> | undefined
  #groupOfKey: Map<string, Group> | undefined

  constructor(
    input: ModelInput,
    dimension: number,
    width: number,
    window: readonly { part: Part; target: EmbeddedPart | undefined }[],
  ) {
    this.input = input
    this.dimension = dimension
    this.#width = width
    const sequences = window.flatMap(({ part }) => input.sequences(part))
    const { unique, groupOf } = dedupe(sequences)
    const groups = Array.from(unique, (place): Group => {
      const sequence = sequences[place]!
      const key = new Uint8Array(KEY_BYTES)
      Bun.SHA256.hash(sequence, key)
      return { sequence, key, slots: [], known: false, adopted: false, refused: false }
    })
    let place = 0
    for (const { part, target } of window) {
      for (let row = 0; row < part.ids.length; row++, place++) {
        if (target !== undefined) groups[groupOf[place]!]!.slots.push({ target, row })
      }
    }
    for (const group of groups) {
      if (this.#isEmpty(group)) this.fill(group, new Float32Array(dimension).fill(Number.NaN))
      else if (group.slots.length === 0) group.known = true
    }
    this.groups = groups.filter((group) => !this.#isEmpty(group))
  }

  /** A frame without residues has no mean: NaN, as in Broad's fork. */
  #isEmpty({ sequence }: Group): boolean {
    return MODELS[modelOf(this.input.model)].sequence === 'protein' && sequence.length === 0
  }

  /** Takes what an earlier start has computed, or what its model has refused. */
  recall({ keys, vectors, dimension }: JournalEntry): void {
    if (dimension !== this.dimension && dimension !== REFUSED) return
    this.#groupOfKey ??= new Map(this.groups.map((group) => [text(group.key), group]))
    const refused: Group[] = []
    for (let i = 0; i < keys.length / KEY_BYTES; i++) {
      const group = this.#groupOfKey.get(text(keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES)))
      if (group === undefined) continue
      if (dimension === REFUSED) {
        if (!group.refused) refused.push(group)
        group.refused = true
        continue
      }
      const vector = vectors.subarray(i * dimension, (i + 1) * dimension)
      // Earlier versions kept what is not finite, too.
      if (areFinite(vector)) this.fill(group, vector)
    }
    if (refused.length > 0) this.#refusals.push(refused)
  }

  /** Takes an embedding of an old run. @returns whether a row of this start needs it */
  adopt(group: Group, vector: Float32Array): boolean {
    group.adopted = true
    if (group.known) return false
    this.fill(group, vector)
    return true
  }

  /** Whether an embedding is wanted and not known. */
  get isIncomplete(): boolean {
    return this.groups.some(({ known }) => !known)
  }

  /** Puts an embedding wherever its sequence occurs. */
  fill(group: Group, vector: Float32Array): void {
    group.known = true
    for (const { target, row } of group.slots)
      target.features.set(vector, row * this.#width + this.input.column)
  }

  /** Gives up the frames that have the sequence. */
  fail({ slots }: Group, step: FailedPart['step'], reason: string): void {
    for (const { target, row } of slots) target.failed.push({ row, step, reason })
  }

  /** Encodes all sequences that {@link plan} will need, where there is time before it. */
  encode(): void {
    this.#tokens = this.#encoded(this.groups)
  }

  #encoded(groups: readonly Group[]): Map<Group, Int32Array> {
    return new Map(groups.map((group) => [group, this.input.encode(group.sequence)]))
  }

  /**
   * The batches in which something is missing, and after them what an earlier start had refused, less what is computed
   * or in another batch.
   *
   * @param last - whether the window is the last one of the run
   */
  plan(last: boolean): PlannedBatch[] {
    const { tokenBudget, maxSequences, tapers } = this.input.limits()
    const options = { tokenBudget, ...(maxSequences !== undefined && { maxSequences }) }
    const ours = this.groups.filter(({ adopted }) => !adopted)
    const tokens = this.#tokens ?? this.#encoded(ours)
    this.#tokens = undefined
    const pack = (groups: readonly Group[], taper: boolean) => {
      const lengths = groups.map((group) => tokens.get(group)!.length)
      const batches = planBatches(lengths, { ...options, taper })
      return batches.map(({ members }) => Array.from(members, (at) => groups[at]!))
    }
    const batches = pack(ours, tapers && last).filter((groups) =>
      groups.some(({ known, refused }) => !known && !refused),
    )
    const planned = new Set(batches.flat())
    const again = this.#refusals
      .flatMap((groups) =>
        pack(
          groups.filter(({ adopted }) => !adopted),
          false,
        ),
      )
      .map((groups) => groups.filter((group) => !group.known && !planned.has(group)))
      .filter((groups) => groups.length > 0)
    return [...batches, ...again].map((groups) => ({
      groups,
      rows: groups.map((group) => tokens.get(group)!),
      parts: new Set(groups.flatMap(({ slots }) => slots.map(({ target }) => target))),
    }))
  }
}

function text(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}
