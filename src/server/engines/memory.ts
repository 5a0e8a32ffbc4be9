import { type HostedName, hostedModel, hostedNames, type Manifest, modelOf } from '../../bundle/index.ts'

/** What decides how much of a GPU's memory the batches of a model take. */
export interface Dimensions {
  readonly width: number
  readonly hidden: number
}

/** Copies of a batch's activations alive at once: input and sum of a layer, and what goes between its products. */
const LIVE = 2

/** Left to the driver, the server and other models. */
const USABLE = 0.8

/** What a GPU holds for a model: its own plan, and that of the partner that is hosted beside it. */
export interface Holding {
  readonly weightBytes: number
  /** Each has memory of its own for its batches. */
  readonly plans: number
}

export function holdingOf(manifest: Manifest, hosted: HostedName): Holding {
  const names = hostedNames(manifest).filter((name) => modelOf(name) === modelOf(hosted))
  const weightBytes = names.reduce((sum, name) => sum + hostedModel(manifest, name).weights.bytes, 0)
  return { weightBytes, plans: names.length }
}

/** Bytes of a batch at its largest, estimated: the widest intermediate results of one layer in BF16. */
export function activationBytes({ width, hidden }: Dimensions, batchTokens: number): number {
  return LIVE * 2 * (hidden + 6 * width) * batchTokens
}

/** Bytes that the plans take on a GPU with batches of so many tokens, estimated. */
export function gpuBytes(dimensions: Dimensions, { weightBytes, plans }: Holding, budget: number): number {
  return weightBytes + plans * activationBytes(dimensions, 4 * budget)
}

/** Fewer tokens in a batch are no use. */
export const LEAST_BUDGET = 512

/**
 * The token budget that fits a GPU: the one wanted, halved as often as needed.
 *
 * @param memoryBytes of the GPU
 * @returns undefined when not even the weights fit
 */
export function budgetFor(
  dimensions: Dimensions,
  holding: Holding,
  wanted: number,
  memoryBytes: number,
): number | undefined {
  for (let budget = wanted; budget >= LEAST_BUDGET; budget = Math.floor(budget / 2))
    if (gpuBytes(dimensions, holding, budget) <= USABLE * memoryBytes) return budget
  return undefined
}
