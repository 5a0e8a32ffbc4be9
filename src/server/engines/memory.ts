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

/** Weights that a GPU holds for a model: its own, and those of the partner that is hosted beside it. */
export function weightBytesOf(manifest: Manifest, hosted: HostedName): number {
  return hostedNames(manifest)
    .filter((name) => modelOf(name) === modelOf(hosted))
    .reduce((sum, name) => sum + hostedModel(manifest, name).weights.bytes, 0)
}

/** Bytes of a batch at its largest, estimated: the widest intermediate results of one layer in BF16. */
export function activationBytes({ width, hidden }: Dimensions, batchTokens: number): number {
  return LIVE * 2 * (hidden + 6 * width) * batchTokens
}

/**
 * The token budget that fits a GPU: the one wanted, halved as often as needed.
 *
 * @param weightBytes size of the bundle's weights, which those of a plan have too
 * @param memoryBytes of the GPU
 * @returns undefined when not even the weights fit
 */
export function budgetFor(
  dimensions: Dimensions,
  weightBytes: number,
  wanted: number,
  memoryBytes: number,
): number | undefined {
  for (let budget = wanted; budget >= 512; budget = Math.floor(budget / 2))
    if (weightBytes + activationBytes(dimensions, 4 * budget) <= USABLE * memoryBytes) return budget
  return undefined
}
