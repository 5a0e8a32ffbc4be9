import { UsageError } from '../system/errors.ts'

/** Limits of a batch. */
export interface BatchOptions {
  /** Most tokens in a batch, padding included: members times padded length. */
  tokenBudget: number
  /**
   * Most sequences in a batch.
   * @default no limit
   */
  maxSequences?: number
  /**
   * The padded length is rounded up to a multiple of this, for kernels that want it.
   * @default 1
   */
  lengthMultiple?: number
  /**
   * For the end of a run on several devices: from where the rest of the sequences is less than 8 batches, batches
   * shrink with it to a half, a quarter and an eighth of the budget (1,024 tokens at least), so that all devices end
   * together. Halves of a budget of whole waves leave no multiprocessor idle either, see docs/adr/0013-whole-waves.md.
   * @default false
   */
  taper?: boolean
}

/** A batch near the end holds about this part of what is left, at most twice as much: equal shares for 8 devices with two requests each. */
const TAPER = 16
/** Smaller batches would cost a GPU more in speed than they gain in balance. */
const SMALLEST_SHARE = 1 / 8
const SMALLEST_TOKENS = 1024

/** Sequences that are computed together. */
export interface Batch {
  /** Places in the list of lengths, the longest sequence first. */
  members: Uint32Array
  /** Tokens of the longest member, rounded up; 1 at least. */
  paddedLength: number
  /** Tokens computed, padding included: `members.length * paddedLength`. */
  tokens: number
  /** A sequence that is larger than the budget by itself: it goes alone. */
  overBudget: boolean
}

/** A limit that is no whole number of 1 or more. */
export class BatchLimitError extends UsageError {
  readonly limit: keyof BatchOptions
  readonly value: number

  constructor(limit: keyof BatchOptions, value: number) {
    super(`Cannot plan batches: expected a whole number of 1 or more as ${limit}, got ${value}.`)
    this.limit = limit
    this.value = value
  }
}

/**
 * Packs sequences of the given lengths (in tokens) into batches: every sequence once, never over the budget. Of all
 * such plans over the sorted lengths it returns the one with the fewest batches and, among those, the least padding.
 * The longest batch comes first, so that a device runs out of memory at once or not at all. The same lengths give the
 * same plan.
 *
 * Meant for a window of some ten thousand sequences; the time grows with their number, the number of different lengths
 * and that of batches.
 *
 * @throws BatchLimitError
 */
export function planBatches(lengths: ArrayLike<number>, options: BatchOptions): Batch[] {
  const { tokenBudget, maxSequences = Number.MAX_SAFE_INTEGER, lengthMultiple = 1 } = options
  for (const [limit, value] of Object.entries({ tokenBudget, maxSequences, lengthMultiple })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new BatchLimitError(limit as keyof BatchOptions, value)
    }
  }
  const order = longestFirst(lengths)
  const paddedLength = Float64Array.from(order, (i) =>
    Math.max(1, Math.ceil(lengths[i]! / lengthMultiple) * lengthMultiple),
  )
  const capacity = (padded: number, budget = tokenBudget) =>
    Math.max(1, Math.min(maxSequences, Math.floor(budget / padded)))
  const ends = bestEnds(paddedLength, capacity)
  if (options.taper === true) taper(ends, paddedLength, tokenBudget, capacity)
  const batches: Batch[] = []
  for (let start = 0; start < order.length; start = ends[start]!) {
    const members = order.slice(start, ends[start])
    const tokens = members.length * paddedLength[start]!
    batches.push({ members, paddedLength: paddedLength[start]!, tokens, overBudget: tokens > tokenBudget })
  }
  return batches
}

/** Shrinks the batches from where little is left; `ends` is for each start of a batch the place where it ends. */
function taper(
  ends: Uint32Array,
  paddedLength: Float64Array,
  tokenBudget: number,
  capacity: (padded: number, budget: number) => number,
): void {
  const smallest = Math.max(SMALLEST_TOKENS, tokenBudget * SMALLEST_SHARE)
  let left = paddedLength.reduce((sum, tokens) => sum + tokens, 0)
  let budget = tokenBudget
  for (let start = 0; start < paddedLength.length; start = ends[start]!) {
    while (budget / 2 >= Math.max(smallest, left / TAPER)) budget /= 2
    if (budget < tokenBudget) {
      ends[start] = Math.min(paddedLength.length, start + capacity(paddedLength[start]!, budget))
    }
    for (let i = start; i < ends[start]!; i++) left -= paddedLength[i]!
  }
}

/** Indices by length, longest first; of equal lengths the earlier one first. */
function longestFirst(lengths: ArrayLike<number>): Uint32Array {
  let longest = 0
  for (let i = 0; i < lengths.length; i++) longest = Math.max(longest, lengths[i]!)
  // One number that sorts by both; a typed array's sort needs no comparison function.
  const keys = new Float64Array(lengths.length)
  for (let i = 0; i < keys.length; i++) keys[i] = (longest - lengths[i]!) * 2 ** 32 + i
  return Uint32Array.from(keys.sort(), (key) => key % 2 ** 32)
}

/**
 * For each place where a batch of the best plan may start, the place where it ends. Dynamic programming from the short
 * end: a start is worth trying only at the first of a run of equal lengths, or where the batch is exactly full.
 * Between the two, starting one place earlier moves a sequence out of a batch of longer ones at no cost.
 */
function bestEnds(paddedLength: Float64Array, capacity: (padded: number) => number): Uint32Array {
  const count = paddedLength.length
  const runStart = runStarts(paddedLength)
  const ends = new Uint32Array(count)
  // Fewer batches before less padding, in one number: a batch costs more than all tokens together.
  const perBatch = 1 + count * (paddedLength[0] ?? 0)
  const cost = new Float64Array(count + 1).fill(Number.POSITIVE_INFINITY)
  cost[count] = 0
  for (let end = count; end > 0; end--) {
    if (cost[end] === Number.POSITIVE_INFINITY) continue
    for (let last = end - 1; last >= 0; last = runStart[last]! - 1) {
      const padded = paddedLength[last]!
      const start = Math.max(runStart[last]!, end - capacity(padded))
      // A longer run that the batch has no room for: neither has any before it.
      if (start > last) break
      const total = cost[end]! + perBatch + (end - start) * padded
      if (total < cost[start]!) {
        cost[start] = total
        ends[start] = end
      }
      if (start > runStart[last]!) break
    }
  }
  return ends
}

/** For each place, that of the first of as many tokens. */
function runStarts(paddedLength: Float64Array): Uint32Array {
  let first = 0
  return Uint32Array.from(paddedLength, (tokens, i) => {
    if (tokens !== paddedLength[first]) first = i
    return first
  })
}

/** Share of the computed positions that are padding, from 0 to 1; 0 for no batch. */
export function paddingWaste(batches: readonly Batch[], lengths: ArrayLike<number>): number {
  let computed = 0
  let real = 0
  for (const { members, tokens } of batches) {
    computed += tokens
    for (const member of members) real += lengths[member]!
  }
  return computed === 0 ? 0 : 1 - real / computed
}
