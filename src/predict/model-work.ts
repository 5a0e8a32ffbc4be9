import { dedupe, planBatches } from '../batching/index.ts'
import { MODELS, modelOf } from '../bundle/index.ts'
import { type JournalEntry, KEY_BYTES, keyText, REFUSED } from '../checkpoint/index.ts'
import type { SparedCounts } from '../monitor/index.ts'
import { areFinite } from '../system/finite.ts'
import type { FailedFrame } from './failures.ts'
import type { ModelInput } from './model-input.ts'
import type { BatchJournal, Owner } from './owner.ts'
import type { Part } from './part.ts'
import type { Turn } from './reuse.ts'

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

/** Embeddings that are read from the disk at the same time. */
const READS_AT_ONCE = 64

/** A row that an embedding goes to. */
interface Slot {
  readonly target: EmbeddedPart
  readonly row: number
  /** What the window has to do with others of the same run. */
  readonly turn: Turn | undefined
}

/** Equal sequences of a window: computed once, for all frames that have them. */
interface Group {
  readonly sequence: Uint8Array
  /** SHA-256 of the sequence. */
  readonly key: Uint8Array
  /** Where its embedding goes; empty for a sequence that only finished parts have. */
  readonly slots: Slot[]
  /** Whether nothing is to be computed any more. */
  known: boolean
  /** Taken over from an old run. */
  adopted: boolean
  /** Whether an earlier start has left word that the model refused it. */
  refused: boolean
  /** Runs whose earlier windows compute it, where all that have it are among them: then it is not computed here. */
  lenders: readonly Lender[] | undefined
  /** Runs whose later windows may need it. */
  keepers: Turn[] | undefined
  /** Its embedding, where no slot has it and later windows may need it. */
  vector: Float32Array | undefined
  /** Why there is none. */
  reason: string | undefined
}

/** A run, and the window of it that computes a sequence. */
interface Lender {
  readonly turn: Turn
  readonly window: number
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
 * what earlier windows of the run compute (see {@link Turn}) and what was taken over from an old run before this one began. What
 * a model has refused is tried again by the next start, in batches of those that were refused together, without the others of the
 * batch that they were in.
 */
export class ModelWork {
  readonly input: ModelInput
  readonly dimension: number
  readonly #width: number
  /** All that have an embedding, whether it is known or not. */
  readonly groups: readonly Group[]
  /** What an earlier start had refused, together as it was in one batch. */
  readonly #refusals: Group[][] = []
  /** What each run of the window has of them. */
  readonly #ofTurns: ReadonlyMap<Turn | undefined, readonly Group[]>
  #tokens: Map<Group, Int32Array> | undefined
  #groupOfKey: Map<string, Group> | undefined

  constructor(
    input: ModelInput,
    dimension: number,
    width: number,
    window: readonly { part: Part; target: EmbeddedPart | undefined; turn: Turn | undefined }[],
  ) {
    this.input = input
    this.dimension = dimension
    this.#width = width
    const sequences = window.flatMap(({ part }) => input.sequences(part))
    const { unique, groupOf } = dedupe(sequences)
    const groups = Array.from(unique, (place) => newGroup(sequences[place]!))
    const ofTurns = new Map<Turn | undefined, Set<Group>>()
    let place = 0
    for (const { part, target, turn } of window) {
      const its = ofTurns.get(turn) ?? new Set()
      ofTurns.set(turn, its)
      for (let row = 0; row < part.ids.length; row++, place++) {
        const group = groups[groupOf[place]!]!
        if (!this.#isEmpty(group)) its.add(group)
        if (target !== undefined) group.slots.push({ target, row, turn })
      }
    }
    for (const group of groups) {
      if (this.#isEmpty(group)) this.fill(group, new Float32Array(dimension).fill(Number.NaN))
      else if (group.slots.length === 0) group.known = true
    }
    this.groups = groups.filter((group) => !this.#isEmpty(group))
    this.#ofTurns = new Map(Array.from(ofTurns, ([turn, its]) => [turn, [...its]]))
  }

  /**
   * Finds out what earlier windows compute, and what later ones need. To be called before anything is awaited, window by window;
   * nothing else may be asked before it has resolved.
   */
  async claim(): Promise<void> {
    const { model } = this.input
    const claims = Array.from(this.#ofTurns, async ([turn, groups]) => {
      const keys = groups.map(({ key }) => key)
      return { turn, groups, windows: await turn?.claim(model, keys) }
    })
    const own = new Set<Group>()
    for (const { turn, groups, windows } of await Promise.all(claims)) {
      for (const [i, group] of groups.entries()) if (!lend(group, turn, windows?.[i] ?? 0)) own.add(group)
    }
    for (const group of this.groups) {
      // Computed for one run, it is there for all.
      if (own.has(group)) group.lenders = undefined
      else group.known = true
      if (group.slots.length > 0 || group.lenders !== undefined) continue
      // Done by an earlier start, and its embedding was lost: it is computed again, in the batch that it was in.
      group.known = group.keepers?.some((turn) => turn.lacks(model, group.key)) !== true
    }
  }

  /** What is computed in this window. */
  get #own(): readonly Group[] {
    return this.groups.filter(({ lenders }) => lenders === undefined)
  }

  /** A frame without residues has no mean: NaN, as in Broad's fork. */
  #isEmpty({ sequence }: Group): boolean {
    return MODELS[modelOf(this.input.model)].sequence === 'protein' && sequence.length === 0
  }

  /** Takes what an earlier start has computed, or what its model has refused. */
  recall({ keys, vectors, dimension }: JournalEntry): void {
    if (dimension !== this.dimension && dimension !== REFUSED) return
    this.#groupOfKey ??= new Map(this.groups.map((group) => [keyText(group.key), group]))
    const refused: Group[] = []
    for (let i = 0; i < keys.length / KEY_BYTES; i++) {
      const group = this.#groupOfKey.get(keyText(keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES)))
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
    const isBorrowed = group.lenders !== undefined && group.slots.length > 0
    if (group.known && !isBorrowed) return false
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
    for (const slot of group.slots) this.#set(slot, vector)
    if (group.slots.length === 0 && group.keepers !== undefined) group.vector = vector.slice()
  }

  #set({ target, row }: Slot, vector: Float32Array): void {
    target.features.set(vector, row * this.#width + this.input.column)
  }

  /** Gives up the frames that have the sequence. */
  fail(group: Group, reason: string): void {
    group.reason = reason
    for (const slot of group.slots) this.#miss(slot, reason)
  }

  #miss({ target, row }: Slot, reason: string): void {
    target.failed.push({ row, step: MODELS[modelOf(this.input.model)].label, reason })
  }

  /** Keeps what later windows need, once all batches are over. @throws WriteError */
  keep(): void {
    const { model } = this.input
    for (const group of this.groups) {
      const vector = this.#vectorOf(group)
      for (const turn of group.keepers ?? []) {
        if (group.reason !== undefined) turn.refuse(model, group.key, group.reason)
        else if (vector !== undefined) turn.keep(model, group.key, vector)
      }
    }
  }

  #vectorOf({ slots: [slot], vector }: Group): Float32Array | undefined {
    if (slot === undefined) return vector
    const start = slot.row * this.#width + this.input.column
    return slot.target.features.subarray(start, start + this.dimension)
  }

  /** Fills in what earlier windows have computed, as soon as they have. */
  async borrow(): Promise<void> {
    const borrowed = this.groups.filter(
      ({ lenders, slots, adopted }) => lenders !== undefined && slots.length > 0 && !adopted,
    )
    for (let from = 0; from < borrowed.length; from += READS_AT_ONCE)
      await Promise.all(borrowed.slice(from, from + READS_AT_ONCE).map((group) => this.#borrowOne(group)))
  }

  async #borrowOne({ key, slots, lenders = [] }: Group): Promise<void> {
    for (const { turn, window } of lenders) {
      const its = slots.filter((slot) => slot.turn === turn)
      if (its.length === 0) continue
      const taken = await turn.take(window, this.input.model, key)
      for (const slot of its) {
        if (taken instanceof Float32Array) this.#set(slot, taken)
        else this.#miss(slot, taken.reason)
      }
    }
  }

  /** Of each run, how many of its sequences need no computing, since they equal another of the window or of an earlier one. */
  get spared(): ReadonlyMap<EmbeddedPart['of'], SparedCounts> {
    const counts = new Map<EmbeddedPart['of'], SparedCounts>()
    for (const { slots, lenders, adopted } of this.groups) {
      if (adopted) continue
      for (const [i, { target }] of slots.entries()) {
        const its = counts.get(target.of) ?? { sharedSequences: 0, reusedSequences: 0 }
        counts.set(target.of, its)
        if (lenders !== undefined) its.reusedSequences++
        else if (i > 0) its.sharedSequences++
      }
    }
    return counts
  }

  /** Encodes all sequences that {@link plan} will need, where there is time before it. */
  encode(): void {
    this.#tokens = this.#encoded(this.#own)
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
    const ours = this.#own.filter(({ adopted }) => !adopted)
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

/** Notes which window of a run computes a sequence. @returns whether an earlier one does */
function lend(group: Group, turn: Turn | undefined, window: number): boolean {
  if (turn === undefined || window === 0) return false
  if (window < turn.number) {
    group.lenders = [...(group.lenders ?? []), { turn, window }]
    return true
  }
  group.keepers = [...(group.keepers ?? []), turn]
  return false
}

function newGroup(sequence: Uint8Array): Group {
  const key = new Uint8Array(KEY_BYTES)
  Bun.SHA256.hash(sequence, key)
  const nothing = { lenders: undefined, keepers: undefined, vector: undefined, reason: undefined }
  return { sequence, key, slots: [], known: false, adopted: false, refused: false, ...nothing }
}
