import type { ModelName } from '../backends/index.ts'
import type { Profile } from '../repository/index.ts'
import { UsageError } from '../system/index.ts'

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

/** `64,176,1088` as numbers. @throws {UsageError} */
export function boundsOf(text: string): number[] {
  const bounds = text.split(',').map(Number)
  const ascending = bounds.every((bound, i) => Number.isSafeInteger(bound) && bound > (bounds[i - 1] ?? 1))
  if (ascending) return bounds
  throw new UsageError(
    `--profiles: expected the longest lengths of ranges in tokens, ascending, such as 64,176,1088; got ${JSON.stringify(text)}`,
  )
}

/**
 * Ends of ranges for an input: each range gets about the same share of all tokens, since that is what a profile's own
 * tuning is worth, and ends on a multiple of 16, since kernels compute tiles of 16 positions.
 *
 * @param ranges at most; fewer when lengths are few
 * @param longest length that must be covered even when the histogram ends before it
 */
export function chooseBounds(histogram: LengthHistogram, ranges: number, longest = 0): number[] {
  let total = 0
  let last = Math.max(longest, 2)
  for (let t = 0; t < histogram.length; t++) {
    total += t * histogram[t]!
    if (histogram[t]! > 0) last = Math.max(last, t)
  }
  const tile = (t: number) => Math.ceil(t / 16) * 16
  const bounds = new Set<number>()
  const share = total / ranges
  for (let t = 0, seen = 0, next = share; t < histogram.length; t++) {
    if (histogram[t]! === 0) continue
    seen += t * histogram[t]!
    if (seen < next || tile(t) >= tile(last) || bounds.size >= ranges - 1) continue
    bounds.add(tile(t))
    // A length with more than its share leaves fewer ranges to the rest.
    while (next <= seen) next += share
  }
  bounds.add(tile(last))
  return [...bounds].sort((a, b) => a - b)
}
