import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { MODELS, type ModelName } from '../../bundle/index.ts'
import type { Correction } from '../graphs/common.ts'
import { checkFinite, type Rounded } from './accuracy.ts'

/** Embeddings after the correction, of rows that it was not found with. */
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
 * Learns from the first rows what rounding does to embeddings, and corrects the other rows. Two parts of the error follow
 * from an embedding itself: what is the same for all, and what grows with the directions in which embeddings
 * differ. The second is found by ridge regression; the penalty is that with the smallest error of rows left out of it one
 * at a time, and without a gain worth it nothing but the mean is corrected.
 *
 * Source: Hoerl & Kennard 1970, doi:10.1080/00401706.1970.10488634; errors of left-out rows after Allen 1974,
 * doi:10.1080/00401706.1974.10489157.
 *
 * @param both row-major [rows, width]
 * @param known how many rows it is found with
 * @param model whose embeddings they are, and `how` the rounded ones were computed, as errors say it
 * @throws ModelError when there is NaN or infinity among the embeddings
 */
export function fitCorrection(
  both: Rounded,
  known: number,
  { name, shape: { width } }: { name: ModelName; shape: { width: number } },
  how: string,
): Corrected {
  const { label } = MODELS[name]
  checkFinite(both.exact, 'its last layer', label)
  checkFinite(both.rounded, `its last layer ${how}`, label)

  const rows = (values: Float32Array) => Matrix.from1DArray(values.length / width, width, values)
  const x = rows(both.rounded.subarray(0, known * width))
  const error = Matrix.sub(rows(both.exact.subarray(0, known * width)), x)
  const mean = { x: x.mean('column'), error: error.mean('column') }
  const { from, to } = linearPart(x.subRowVector(mean.x), error.subRowVector(mean.error))
  const rank = from.length / width
  const linear = (some: Matrix) =>
    some.mmul(Matrix.from1DArray(width, rank, from)).mmul(Matrix.from1DArray(rank, width, to))
  // (x - mean) from to = x from to - (mean from) to
  const offset = Matrix.rowVector(mean.error)
    .sub(linear(Matrix.rowVector(mean.x)))
    .to1DArray()
  const others = rows(both.rounded.subarray(known * width))
  const corrected = Matrix.add(others, linear(others)).addRowVector(offset)
  return {
    correction: { offset: Float32Array.from(offset), from, to },
    exact: both.exact.subarray(known * width),
    rounded: Float32Array.from(corrected.to1DArray()),
  }
}

const NOTHING = { from: new Float32Array(0), to: new Float32Array(0) }

/**
 * In the directions of the rows themselves, since there are fewer of them than numbers in one.
 *
 * @param embeddings less their mean: [rows, width], as are `errors`
 */
function linearPart(embeddings: Matrix, errors: Matrix): Pick<Correction, 'from' | 'to'> {
  const count = Math.min(embeddings.rows, MOST_DIRECTIONS)
  const evenly = Array.from({ length: count }, (_, i) => Math.floor((i * embeddings.rows) / count))
  const [x, y] = [embeddings.subMatrixRow(evenly), errors.subMatrixRow(evenly)]
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

/** Squared error of all rows, each as the others predict it: what is left of it, divided by what it had no say in. */
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
