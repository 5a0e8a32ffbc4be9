/** How near embeddings are to their reference. */
export interface Comparison {
  readonly rows: number
  readonly maxAbsDifference: number
  readonly cosineMin: number
  readonly cosineMean: number
  /** Place of the row with the lowest cosine. */
  readonly worst: number
  /** Rows that hold NaN or infinity and should not. */
  readonly notFinite: number
}

/**
 * Compares row by row.
 *
 * @param ours row-major [rows, dimension], as is `theirs`
 * @param ofOriginal whether the reference is the original's: the mean of a sequence without residues is NaN there, and
 * rows that are not finite in both count as equal
 */
export function compareRows(
  ours: Float32Array,
  theirs: Float32Array,
  dimension: number,
  { ofOriginal = false } = {},
): Comparison {
  if (ours.length !== theirs.length || ours.length % dimension !== 0) {
    throw new RangeError(`${ours.length} numbers against ${theirs.length}, in rows of ${dimension}`)
  }
  const rows = ours.length / dimension
  let [maxAbsDifference, cosineMin, sum, worst, notFinite] = [0, 1, 0, 0, 0]
  for (let row = 0; row < rows; row++) {
    const { cosine, difference, own, other } = compareRow(ours, theirs, row * dimension, dimension)
    if (ofOriginal ? !own && other : !own || !other) notFinite++
    maxAbsDifference = Math.max(maxAbsDifference, difference)
    sum += cosine
    if (cosine < cosineMin) [cosineMin, worst] = [cosine, row]
  }
  return { rows, maxAbsDifference, cosineMin, cosineMean: rows === 0 ? 1 : sum / rows, worst, notFinite }
}

function compareRow(ours: Float32Array, theirs: Float32Array, at: number, dimension: number) {
  let [product, squares, others, difference, own, other] = [0, 0, 0, 0, true, true]
  for (let i = at; i < at + dimension; i++) {
    const [a, b] = [ours[i]!, theirs[i]!]
    own &&= Number.isFinite(a)
    other &&= Number.isFinite(b)
    product += a * b
    squares += a * a
    others += b * b
    difference = Math.max(difference, Math.abs(a - b))
  }
  if (!own || !other) {
    const same = own === other
    return { cosine: same ? 1 : -1, difference: same ? 0 : Number.POSITIVE_INFINITY, own, other }
  }
  const norm = Math.sqrt(squares * others)
  return { cosine: norm === 0 ? Number(squares === others) : product / norm, difference, own, other }
}
