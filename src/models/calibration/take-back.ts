import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import type { Correction } from '../graphs/correction.ts'
import type { Rounded } from './accuracy.ts'

/** With what is known of the error taken back. */
export interface Corrected extends Rounded {
  readonly correction: Correction
}

/** Rows beyond these improve the mean alone: the rest gains little and would grow the graph. */
const MOST_DIRECTIONS = 128
/** Strengths of the penalty to choose from, strongest first, in mean sums of squares along a direction. */
const PENALTIES = [10, 3, 1, 0.3, 0.1, 0.03]
/** Directions with a smaller share of the largest one's sum of squares are rounding errors. */
const SMALLEST_SHARE = 1e-9
/** What the linear part must leave at most of the mean's squared error: less may be luck. */
const WORTHWHILE = 0.98

/**
 * Learns from the first rows what rounding does to embeddings, and takes it back from the other rows. Two parts of the error
 * can be told from an embedding itself: what is the same for all, and what grows with the directions in which embeddings
 * differ. The second is found by ridge regression; the penalty is that with the smallest error of rows left out of it one
 * at a time, and without a gain worth it nothing but the mean is taken back.
 *
 * Source: Hoerl & Kennard 1970, doi:10.1080/00401706.1970.10488634; errors of left-out rows after Allen 1974,
 * doi:10.1080/00401706.1974.10489157.
 *
 * @param both row-major [rows, width]
 * @param known how many rows it is found with
 */
export function takeBack(both: Rounded, known: number, width: number): Corrected {
  const error = both.exact.map((value, i) => value - both.rounded[i]!)
  const mean = { x: meanOf(both.rounded, known, width), error: meanOf(error, known, width) }
  const { from, to } = linearPart(both.rounded, error, mean, known, width)
  const rank = from.length / width
  // (x - mean) from to = x from to - (mean from) to
  const atMean = applied(mean.x, { from, to }, width, rank)
  const offset = Float32Array.from(mean.error, (value, i) => value - atMean[i]!)
  const correction = { offset, from, to }
  const others = both.rounded.slice(known * width)
  for (let start = 0; start < others.length; start += width) {
    const row = others.subarray(start, start + width)
    const own = applied(row, correction, width, rank)
    for (let i = 0; i < width; i++) row[i]! += offset[i]! + own[i]!
  }
  return { correction, exact: both.exact.subarray(known * width), rounded: others }
}

/** (x from) to */
function applied(
  x: ArrayLike<number>,
  { from, to }: Pick<Correction, 'from' | 'to'>,
  width: number,
  rank: number,
): Float64Array {
  const along = new Float64Array(rank)
  for (let i = 0; i < width; i++) for (let k = 0; k < rank; k++) along[k]! += x[i]! * from[i * rank + k]!
  const result = new Float64Array(width)
  for (let k = 0; k < rank; k++) for (let i = 0; i < width; i++) result[i]! += along[k]! * to[k * width + i]!
  return result
}

function meanOf(values: Float32Array, rows: number, width: number): Float64Array {
  const sums = new Float64Array(width)
  for (let i = 0; i < rows * width; i++) sums[i % width]! += values[i]!
  return sums.map((sum) => sum / rows)
}

/** Rows evenly from all, less their mean, as a matrix. */
function centred(values: Float32Array, mean: Float64Array, rows: readonly number[], width: number): Matrix {
  return new Matrix(rows.map((row) => mean.map((value, i) => values[row * width + i]! - value)))
}

const NOTHING = { from: new Float32Array(0), to: new Float32Array(0) }

/** In the directions of the rows themselves, since there are fewer of them than numbers in one. */
function linearPart(
  rounded: Float32Array,
  error: Float32Array,
  mean: { readonly x: Float64Array; readonly error: Float64Array },
  known: number,
  width: number,
): Pick<Correction, 'from' | 'to'> {
  const count = Math.min(known, MOST_DIRECTIONS)
  const rows = Array.from({ length: count }, (_, i) => Math.floor((i * known) / count))
  const x = centred(rounded, mean.x, rows, width)
  const y = centred(error, mean.error, rows, width)
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(x.mmul(x.transpose()), {
    assumeSymmetric: true,
  })
  const largest = Math.max(...realEigenvalues)
  const kept = realEigenvalues.flatMap((value, k) => (value > SMALLEST_SHARE * largest ? [k] : []))
  if (kept.length === 0) return NOTHING
  const squares = kept.map((k) => realEigenvalues[k]!)
  const directions = eigenvectorMatrix.subMatrixColumn(kept)
  const along = directions.transpose().mmul(y)
  const unit = squares.reduce((sum, value) => sum + value, 0) / count
  const penalty = bestPenalty(
    PENALTIES.map((strength) => strength * unit),
    { y, directions, along, squares },
  )
  if (penalty === undefined) return NOTHING
  // Columns of unit length, so that little is lost where the product is rounded.
  const from = x.transpose().mmul(directions)
  for (const [k, value] of squares.entries()) {
    from.mulColumn(k, value ** -0.5)
    along.mulRow(k, value ** 0.5 / (value + penalty))
  }
  return { from: Float32Array.from(from.to1DArray()), to: Float32Array.from(along.to1DArray()) }
}

interface Fit {
  /** Errors of the rows, less their mean: [rows, width]. */
  readonly y: Matrix
  /** Eigenvectors of the rows' products with each other, as columns: [rows, rank]. */
  readonly directions: Matrix
  /** `y` in these: [rank, width]. */
  readonly along: Matrix
  readonly squares: readonly number[]
}

/** Undefined where the mean alone does best. */
function bestPenalty(penalties: readonly number[], fit: Fit): number | undefined {
  let best = {
    penalty: undefined as number | undefined,
    error: WORTHWHILE * leftOut(Number.POSITIVE_INFINITY, fit),
  }
  for (const penalty of penalties) {
    const error = leftOut(penalty, fit)
    if (error < best.error) best = { penalty, error }
  }
  return best.penalty
}

/** Squared error of all rows, each as the others tell it: what is left of it, divided by what it had no say in. */
function leftOut(penalty: number, { y, directions, along, squares }: Fit): number {
  const shares = squares.map((value) => value / (value + penalty))
  const weighted = directions.clone()
  for (const [k, share] of shares.entries()) weighted.mulColumn(k, share)
  const left = Matrix.sub(y, weighted.mmul(along))
  let sum = 0
  for (let row = 0; row < y.rows; row++) {
    const own = shares.reduce((all, share, k) => all + share * directions.get(row, k) ** 2, 1 / y.rows)
    sum += left.getRow(row).reduce((all, value) => all + value ** 2, 0) / (1 - own) ** 2
  }
  return sum
}
