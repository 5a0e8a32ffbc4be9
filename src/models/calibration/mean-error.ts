import type { Rounded } from './accuracy.ts'

/** With the mean error taken back. */
export interface Corrected extends Rounded {
  /** Added to every embedding, [width]. */
  readonly offset: Float32Array
}

/**
 * The mean error of the first rows, and the other rows with it taken back: rounding moves most embeddings alike.
 *
 * @param both row-major [rows, width]
 * @param known how many rows it is found with
 */
export function takeBackMean(both: Rounded, known: number, width: number): Corrected {
  const sums = new Float64Array(width)
  for (let i = 0; i < known * width; i++) sums[i % width]! += both.exact[i]! - both.rounded[i]!
  const offset = Float32Array.from(sums, (sum) => sum / known)
  return {
    offset,
    exact: both.exact.subarray(known * width),
    rounded: both.rounded.subarray(known * width).map((value, i) => value + offset[i % width]!),
  }
}
