import type { Profile } from '../repository/index.ts'

/** Sequences by token count: `histogram[t]` sequences have t tokens. */
export type LengthHistogram = ArrayLike<number>

export interface ProfileOptions {
  /** Longest length of each range in tokens, special ones included, ascending; ranges begin where the last one ended. */
  readonly bounds: readonly number[]
  /** Tokens of the batches that the plan is tuned for, padding counted. */
  readonly tokenBudget: number
}

/**
 * How far a batch may exceed the budget at the longest length of its range. A batch of full budget then fits where
 * sequences are at least a quarter of that length; shorter ones go in smaller batches.
 */
const SPARE = 4

/**
 * One optimization profile per range. Ranges never overlap: the server's backend picks a profile by a distance that does
 * not look at the length, so that only one may fit.
 */
export function profilesFor({ bounds, tokenBudget }: ProfileOptions): Profile[] {
  return bounds.map((longest, i) => ({
    min: [1, i === 0 ? 2 : bounds[i - 1]! + 1],
    opt: [Math.max(1, Math.floor(tokenBudget / longest)), longest],
    max: [Math.max(1, Math.floor((SPARE * tokenBudget) / longest)), longest],
  }))
}

/** The smallest token budget that gives the profiles; some budget for profiles that {@link profilesFor} has not made. */
export function budgetOf(profiles: readonly Profile[]): number {
  // One row there is of any budget.
  const tokens = ([rows, length]: readonly [number, number]) => (rows === 1 ? 1 : rows * length)
  return Math.max(...profiles.map(({ opt, max }) => Math.max(tokens(opt), Math.ceil(tokens(max) / SPARE))))
}

/** Most profiles of a plan. Each takes build time of its own. */
export const MOST_RANGES = 3

/** Kernels compute tiles of so many positions. */
const TILE = 16

/** Ranges that cover all lengths up to a tile, and how far off their tokens are in all. */
interface Cover {
  readonly cost: number
  /** The last tile of each range. */
  readonly ends: readonly number[]
}

const NO_COVER: Cover = { cost: Number.POSITIVE_INFINITY, ends: [] }

/**
 * Ends of ranges for an input. A plan is tuned for the longest length of each range, so that every token counts as far
 * off as its sequence is shorter than that, as a share of it; the ends are those with the smallest sum. Found by dynamic
 * programming over the multiples of 16.
 *
 * @param ranges at most; fewer when more gain nothing
 * @param longest length that must be covered even when the histogram ends before it
 */
export function chooseBounds(histogram: LengthHistogram, ranges: number, longest = 0): number[] {
  const last = Array.from(histogram).findLastIndex((sequences) => sequences > 0)
  const tiles = Math.ceil(Math.max(longest, last, 2) / TILE)
  const costOf = costOfRanges(histogram, tiles)
  let best = NO_COVER
  // The best cover up to each tile; without a range, of none.
  let covers = Array.from({ length: tiles + 1 }, (_, end) => (end === 0 ? { cost: 0, ends: [] } : NO_COVER))
  for (let n = 1; n <= ranges; n++) {
    const shorter = covers
    covers = shorter.map((_, end) => withRange(shorter, end, costOf))
    const whole = covers[tiles]!
    if (whole.cost < best.cost - 1e-9) best = whole
  }
  return best.ends.map((end) => end * TILE)
}

/** The best cover that is one of `shorter` and a range up to `end`. */
function withRange(
  shorter: readonly Cover[],
  end: number,
  costOf: (begin: number, end: number) => number,
): Cover {
  let [cost, begin] = [Number.POSITIVE_INFINITY, 0]
  for (let at = 0; at < end; at++) {
    const total = shorter[at]!.cost + costOf(at, end)
    if (total < cost) [cost, begin] = [total, at]
  }
  return { cost, ends: [...shorter[begin]!.ends, end] }
}

/** Sum over the tokens of sequences between two tiles of how far off each is; in constant time. */
function costOfRanges(histogram: LengthHistogram, tiles: number): (begin: number, end: number) => number {
  const tokens = new Float64Array(tiles + 1)
  const squares = new Float64Array(tiles + 1)
  for (let t = 0; t < histogram.length; t++) {
    const tile = Math.ceil(t / TILE)
    tokens[tile]! += t * histogram[t]!
    squares[tile]! += t * t * histogram[t]!
  }
  for (let tile = 1; tile <= tiles; tile++) {
    tokens[tile]! += tokens[tile - 1]!
    squares[tile]! += squares[tile - 1]!
  }
  return (begin, end) => tokens[end]! - tokens[begin]! - (squares[end]! - squares[begin]!) / (end * TILE)
}
