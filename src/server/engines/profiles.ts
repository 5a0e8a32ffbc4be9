import type { ModelName } from '../../dispatch/index.ts'
import { UsageError } from '../../system/errors.ts'
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
 * Ends of ranges where nothing is known of the input: reads of 150 bp and less, chunks of 300 and 500 bp, the longest
 * proteins that enter the mean whole. DNABERT-S needs 1 token for about 4.6 bp, and 1 per base at worst.
 */
export const defaultBounds: Record<ModelName, readonly number[]> = {
  esm2: [64, 176, 1088],
  dnabert_s: [64, 160, 512],
}

/**
 * How far a batch may exceed the budget at the longest length of its range. A batch of full budget then fits where
 * sequences are at least a quarter of that length; shorter ones go in smaller batches (`mostRows`).
 */
const SPARE = 4

/**
 * One profile per range. Ranges never overlap: the server's backend picks a profile by a distance that does not look at
 * the length, so that only one may fit.
 */
export function profilesFor({ bounds, tokenBudget }: ProfileOptions): Profile[] {
  return bounds.map((longest, i) => ({
    min: [1, i === 0 ? 2 : bounds[i - 1]! + 1],
    opt: [Math.max(1, Math.floor(tokenBudget / longest)), longest],
    max: [Math.max(1, Math.floor((SPARE * tokenBudget) / longest)), longest],
  }))
}

/** Most rows of a batch padded to `length` that a plan takes; undefined for a length it has no profile for. */
export function mostRows(profiles: readonly Profile[], length: number): number | undefined {
  return profiles.find(({ min, max }) => min[1] <= length && length <= max[1])?.max[0]
}

/** Profiles of a plan where the builder is told nothing else. Each takes build time of its own. */
export const MOST_RANGES = 3

/** `64,176,1088` as numbers. @throws {UsageError} */
export function boundsOf(text: string): number[] {
  const bounds = text.split(',').map(Number)
  const ascending = bounds.every((bound, i) => Number.isSafeInteger(bound) && bound > (bounds[i - 1] ?? 1))
  if (ascending) return bounds
  throw new UsageError(
    `--profiles: expected the longest lengths of ranges in tokens, ascending, such as 64,176,1088; got ${JSON.stringify(text)}`,
  )
}

/** Kernels compute tiles of so many positions. */
const TILE = 16

/**
 * Ends of ranges for an input. A plan is tuned for the longest length of each range, so that every token counts as far
 * off as its sequence is shorter than that, as a share of it; the ends are those with the smallest sum. Found by dynamic
 * programming over the multiples of 16.
 *
 * @param ranges at most; fewer when more gain nothing
 * @param longest length that must be covered even when the histogram ends before it
 */
export function chooseBounds(histogram: LengthHistogram, ranges: number, longest = 0): number[] {
  let last = Math.max(longest, 2)
  for (let t = 0; t < histogram.length; t++) if (histogram[t]! > 0) last = Math.max(last, t)
  const tiles = Math.ceil(last / TILE)
  const cost = costOfRanges(histogram, tiles)
  // least[n][end]: smallest cost of covering lengths up to that tile with n ranges, and where the last one begins.
  const least = [Array.from({ length: tiles + 1 }, (_, end) => (end === 0 ? 0 : Number.POSITIVE_INFINITY))]
  const begins: number[][] = [[]]
  for (let n = 1; n <= ranges; n++) {
    const costs = new Array<number>(tiles + 1).fill(Number.POSITIVE_INFINITY)
    const from = new Array<number>(tiles + 1).fill(0)
    for (let end = 1; end <= tiles; end++) {
      for (let begin = 0; begin < end; begin++) {
        const total = least[n - 1]![begin]! + cost(begin, end)
        if (total < costs[end]!) [costs[end], from[end]] = [total, begin]
      }
    }
    least.push(costs)
    begins.push(from)
  }
  let best = 1
  for (let n = 2; n <= ranges; n++) if (least[n]![tiles]! < least[best]![tiles]! - 1e-9) best = n
  const bounds: number[] = []
  for (let n = best, end = tiles; n > 0; n--) {
    bounds.unshift(end * TILE)
    end = begins[n]![end]!
  }
  return bounds
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
