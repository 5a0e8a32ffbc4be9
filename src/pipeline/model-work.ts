import type { ModelName } from '../backends/index.ts'
import { type Batch, dedupe, planBatches } from '../batching/index.ts'
import { type FailedPart, type JournalEntry, KEY_BYTES } from '../checkpoint/index.ts'
import { areFinite } from '../system/index.ts'
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

/** Tokens of every sequence that is planned, and the batches. */
export interface Plan {
  rows: readonly Int32Array[]
  /** For each row, its group of equal sequences. */
  groups: readonly number[]
  batches: readonly Batch[]
}

/**
 * The different sequences of a window that one model embeds, what is known of them already, and where each
 * embedding goes.
 *
 * The batches depend on the window alone and not on what is known: the last digits of an embedding depend on the
 * batch it was computed in, and a run that was interrupted must end with the very bytes of one that was not.
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

  /** Takes what an earlier run has computed. */
  recall({ keys, vectors, dimension }: JournalEntry): void {
    if (dimension !== this.dimension) return
    this.#groupOfKey ??= new Map(this.#owners.map((_, group) => [text(this.keyOf(group)), group]))
    for (let i = 0; i < keys.length / KEY_BYTES; i++) {
      const group = this.#groupOfKey.get(text(keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES)))
      const vector = vectors.subarray(i * dimension, (i + 1) * dimension)
      // Earlier versions kept what is not finite, too.
      if (group !== undefined && areFinite(vector)) this.fill(group, vector)
    }
  }

  /** Groups whose embedding is wanted and not known. */
  unknown(): number[] {
    return this.#owners.flatMap((_, group) => (this.#known[group] === 0 ? [group] : []))
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

  /** @param last - whether the window is the last one of the run */
  plan(last: boolean): Plan {
    const rows: Int32Array[] = []
    const groups: number[] = []
    for (let group = 0; group < this.#unique.length; group++) {
      if (this.#isEmpty(group)) continue
      rows.push(this.input.encode(this.#sequence(group)))
      groups.push(group)
    }
    const lengths = Uint32Array.from(rows, (row) => row.length)
    const { tokenBudget, maxSequences, tapers } = this.input
    const batches = planBatches(lengths, {
      tokenBudget,
      taper: tapers && last,
      ...(maxSequences !== undefined && { maxSequences }),
    })
    const needed = ({ members }: Batch) =>
      members.some((member) => this.#known[groups[member] as number] === 0)
    return { rows, groups, batches: batches.filter(needed) }
  }
}

function text(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}
