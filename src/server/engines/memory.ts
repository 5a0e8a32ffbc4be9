/** What decides how much of a GPU's memory a plan takes. */
export interface Dimensions {
  readonly layers: number
  readonly width: number
  readonly hidden: number
  readonly heads: number
}

export interface MemoryEstimate {
  readonly weightBytes: number
  /** Of one batch at its largest. */
  readonly activationBytes: number
}

/** Copies of a batch's activations alive at once: input and sum of a layer, and what goes between its products. */
const LIVE = 2

/** Left to the driver, the server and other models. */
const USABLE = 0.8

/**
 * Memory of a plan, estimated: weights as the bundle has them, and the widest intermediate results of one layer in BF16.
 *
 * @param weightBytes size of the bundle's weights
 */
export function memoryOf(
  { width, hidden }: Dimensions,
  weightBytes: number,
  batchTokens: number,
): MemoryEstimate {
  return { weightBytes, activationBytes: LIVE * 2 * (hidden + 6 * width) * batchTokens }
}

/**
 * The token budget that fits a GPU: the one wanted, halved as often as needed.
 *
 * @param memoryBytes of the GPU
 * @returns undefined when not even the weights fit
 */
export function budgetFor(
  dimensions: Dimensions,
  weightBytes: number,
  wanted: number,
  memoryBytes: number,
): number | undefined {
  const usable = USABLE * memoryBytes
  for (let budget = wanted; budget >= 512; budget = Math.floor(budget / 2)) {
    const needed = memoryOf(dimensions, weightBytes, 4 * budget)
    if (needed.weightBytes + needed.activationBytes <= usable) return budget
  }
  return undefined
}
