import type { Int8Inputs } from '../graphs/common.ts'
import { channelsOf } from '../graphs/watch.ts'
import type { Outputs } from './states.ts'

/** A channel counts at least as this share of the mean: one that was silent here may not be in other sequences. */
const LEAST_SHARE = 1 / 16

interface Channels {
  readonly input: Float32Array
  readonly weight: Float32Array
}

/**
 * Largest magnitudes of the channels of every input of products, gathered over batches, and the factors that follow:
 * a channel is divided by the square root of its magnitude over that of its weights, which then are multiplied by it, so that
 * a few large channels do not take the digits of all others (Xiao et al. 2022, arXiv:2211.10438). Exact but for rounding.
 */
export class InputChannels {
  private readonly found = new Map<string, Channels>()

  add(outputs: Outputs): void {
    for (const [name, values] of Object.entries(outputs)) {
      const found = channelsOf(name)
      if (found === undefined) continue
      const largest = this.of(found.input, values.length)[found.of]
      for (let i = 0; i < values.length; i++) largest[i] = Math.max(largest[i]!, values[i]!)
    }
  }

  /** Every number that was gathered, by the product that it is known by. */
  *all(): Generator<[product: string, values: Float32Array]> {
    for (const [product, { input, weight }] of this.found) {
      yield [product, input]
      yield [product, weight]
    }
  }

  readonly divisors: Int8Inputs = (product) => {
    const channels = this.found.get(product)
    if (channels === undefined) return undefined
    const [input, weight] = [atLeastAShare(channels.input), atLeastAShare(channels.weight)]
    const factors = input.map((value, i) => Math.sqrt(value / weight[i]!))
    const typical = Math.exp(mean(factors.map(Math.log)))
    return Number.isFinite(typical) && typical > 0 ? factors.map((factor) => factor / typical) : undefined
  }

  private of(input: string, length: number): Channels {
    const known = this.found.get(input) ?? {
      input: new Float32Array(length),
      weight: new Float32Array(length),
    }
    this.found.set(input, known)
    return known
  }
}

function atLeastAShare(values: Float32Array): Float32Array {
  const least = LEAST_SHARE * mean(values)
  return values.map((value) => Math.max(value, least))
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
