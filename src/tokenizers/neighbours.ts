import { type Merge, PairRanks } from './pair-ranks.ts'

const UNBORN = -1
const FOREVER = Number.POSITIVE_INFINITY

/** Two bits for each pair of ids; beyond this size (4 bytes * 2^22) the answer is worked out each time instead. */
const MAX_MEMO_BYTES = 2 ** 24
const YES = 1
const NO = 2

/**
 * Whether two tokens can stand side by side in an encoding, that is, whether encoding their joined text gives the two
 * back. Holds for canonical merge lists only.
 *
 * Time runs along the ranks. The last piece of the left token and the first piece of the right one grow as their own
 * merges come up; the two stay apart unless, while some two pieces face each other, the rank at which those two would
 * merge comes up. Undoing the merges from the latest on visits exactly the facing pieces.
 */
export class Neighbours {
  readonly #pairs: PairRanks
  readonly #rankOf: Int32Array
  readonly #leftOf: Int32Array
  readonly #rightOf: Int32Array
  readonly #memo: Uint8Array | undefined
  readonly #size: number

  constructor(merges: readonly Merge[], vocabularySize: number) {
    this.#pairs = new PairRanks(merges)
    this.#size = vocabularySize
    this.#rankOf = new Int32Array(vocabularySize).fill(UNBORN)
    this.#leftOf = new Int32Array(vocabularySize)
    this.#rightOf = new Int32Array(vocabularySize)
    for (const [rank, { left, right, merged }] of merges.entries()) {
      this.#rankOf[merged] = rank
      this.#leftOf[merged] = left
      this.#rightOf[merged] = right
    }
    const memoBytes = Math.ceil(vocabularySize ** 2 / 4)
    if (memoBytes <= MAX_MEMO_BYTES) this.#memo = new Uint8Array(memoBytes)
  }

  /** True where the two tokens stay two. */
  compatible(left: number, right: number): boolean {
    const memo = this.#memo
    if (memo === undefined) return this.#firstCrossing(left, right) === FOREVER
    const key = left * this.#size + right
    const shift = (key & 3) << 1
    const known = (memo[key >> 2]! >> shift) & 3
    if (known !== 0) return known === YES
    const answer = this.#firstCrossing(left, right) === FOREVER
    memo[key >> 2]! |= (answer ? YES : NO) << shift
    return answer
  }

  /** True where the two parts of a merge, each an encoding of its own text, meet whole: no pieces cross before. */
  mergesWhole({ left, right }: Merge): boolean {
    return this.#firstCrossing(left, right) === this.#pairs.rank(left, right)
  }

  /** The lowest rank at which pieces of the two merge across their seam, {@link FOREVER} where none do. */
  #firstCrossing(left: number, right: number): number {
    let leftUntil = FOREVER
    let rightUntil = FOREVER
    let first = FOREVER
    for (;;) {
      const rank = this.#pairs.rank(left, right)
      // Within one rank the leftmost pair goes first: a left piece that merges at this rank with its own left
      // neighbour is taken; a right piece that would merge at this rank with its right neighbour is still there.
      if (rank >= 0 && rank < leftUntil && rank <= rightUntil) first = rank
      const leftBorn = this.#rankOf[left]!
      const rightBorn = this.#rankOf[right]!
      if (leftBorn === UNBORN && rightBorn === UNBORN) return first
      if (leftBorn > rightBorn) {
        leftUntil = leftBorn
        left = this.#rightOf[left]!
      } else {
        rightUntil = rightBorn
        right = this.#leftOf[right]!
      }
    }
  }
}
