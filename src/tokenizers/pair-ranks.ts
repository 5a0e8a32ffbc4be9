/** One line of the merge list: where tokens `left` and `right` stand side by side they become `merged`. */
export interface Merge {
  left: number
  right: number
  merged: number
}

/** Spreads the low bits of a product over the high ones: 2^32 divided by the golden ratio. */
const GOLDEN = 0x9e3779b1

/**
 * Rank of a pair of token ids in the merge list. An open-addressing table in typed arrays: at 4,087 merges its 96 kB
 * stay in the second-level cache, where a Map of numbers costs several times as much per look.
 */
export class PairRanks {
  readonly #lefts: Int32Array
  readonly #rights: Int32Array
  readonly #ranks: Int32Array
  readonly #mask: number
  readonly #shift: number

  constructor(merges: readonly Merge[]) {
    // At most half full, so that a miss is found within a step or two.
    const bits = Math.max(4, Math.ceil(Math.log2(2 * merges.length + 1)))
    this.#mask = 2 ** bits - 1
    this.#shift = 32 - bits
    this.#lefts = new Int32Array(2 ** bits).fill(-1)
    this.#rights = new Int32Array(2 ** bits)
    this.#ranks = new Int32Array(2 ** bits)
    for (const [rank, { left, right }] of merges.entries()) {
      let slot = this.#home(left, right)
      while (this.#lefts[slot] !== -1) slot = (slot + 1) & this.#mask
      this.#lefts[slot] = left
      this.#rights[slot] = right
      this.#ranks[slot] = rank
    }
  }

  /** Rank from 0, or -1 where the two do not merge. */
  rank(left: number, right: number): number {
    let slot = this.#home(left, right)
    for (;;) {
      const found = this.#lefts[slot]!
      if (found === left && this.#rights[slot] === right) return this.#ranks[slot]!
      if (found === -1) return -1
      slot = (slot + 1) & this.#mask
    }
  }

  #home(left: number, right: number): number {
    return Math.imul(Math.imul(left, GOLDEN) ^ right, GOLDEN) >>> this.#shift
  }
}
