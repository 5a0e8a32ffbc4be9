import type { Fp8Product, Fp8Products } from '../graphs/common.ts'
import { watched } from '../graphs/watch.ts'
import type { Outputs } from './states.ts'

/** What is known of one product of the model. */
export interface ProductCalibration {
  /** Largest magnitudes that were seen. */
  readonly inputMax: number
  readonly weightMax: number
  /**
   * What FP8 changes in the product's result, relative to how much that differs between tokens, after the
   * correction of its mean: both as root mean squares over all tokens.
   */
  readonly error: number
  readonly fp8: Fp8Product
}

/**
 * Room above the largest magnitude that was seen, for sequences to come. It costs nothing but the smallest of
 * E4M3's numbers, see `fp8Scale`; a number cut off would be wrong by any amount.
 */
const HEADROOM = 2

/** Largest magnitudes of every product, gathered over batches. */
export class Ranges {
  readonly largest = new Map<string, { input: number; weight: number }>()
  private readonly names: readonly string[]

  constructor(products: readonly string[]) {
    this.names = products
  }

  add(outputs: Outputs): void {
    for (const name of this.names) {
      const known = this.largest.get(name)?.input ?? 0
      const [input, weight] = [outputs[watched.inputMax(name)]![0]!, outputs[watched.weightMax(name)]![0]!]
      this.largest.set(name, { input: Math.max(input, known), weight })
    }
  }

  /** Every product in FP8 with the scales that follow from what was seen. */
  readonly fp8: Fp8Products = (product) => {
    const found = this.largest.get(product)
    return found && { input: HEADROOM * found.input, weight: found.weight }
  }
}

/** What FP8 changes in every product, gathered over batches. */
export class Errors {
  private readonly sums = new Map<string, Sums>()
  private readonly names: readonly string[]

  constructor(products: readonly string[]) {
    this.names = products
  }

  /** @param tokens of the batch */
  add(outputs: Outputs, tokens: number): void {
    for (const name of this.names) {
      const of = (output: (product: string) => string) => outputs[output(name)]!
      const [difference, product] = [of(watched.meanError), of(watched.mean)]
      const sums = this.sums.get(name) ?? emptySums(product.length)
      sums.tokens += tokens
      sums.squaredError += of(watched.squaredError)[0]!
      sums.squares += of(watched.squares)[0]!
      for (let i = 0; i < product.length; i++) {
        sums.error[i]! += tokens * difference[i]!
        sums.product[i]! += tokens * product[i]!
      }
      this.sums.set(name, sums)
    }
  }

  /** The products with what takes back their mean error. */
  products(ranges: Ranges): Map<string, ProductCalibration> {
    return new Map(
      [...this.sums].map(([name, sums]) => {
        const { input, weight } = ranges.largest.get(name)!
        const correction = Float32Array.from(sums.error, (sum) => -sum / sums.tokens)
        const off = Math.max(0, sums.squaredError - squares(sums.error) / sums.tokens)
        const all = Math.max(0, sums.squares - squares(sums.product) / sums.tokens)
        const error = off === 0 ? 0 : Math.sqrt(off / all)
        return [
          name,
          { inputMax: input, weightMax: weight, error, fp8: { ...ranges.fp8(name)!, correction } },
        ]
      }),
    )
  }
}

interface Sums {
  tokens: number
  squaredError: number
  squares: number
  readonly error: Float64Array
  readonly product: Float64Array
}

function emptySums(outputs: number): Sums {
  const zeros = () => new Float64Array(outputs)
  return { tokens: 0, squaredError: 0, squares: 0, error: zeros(), product: zeros() }
}

function squares(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value * value, 0)
}
