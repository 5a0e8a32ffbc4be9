/** Token ids of some sequences as the models take them. */
export interface TokenBatch {
  /** Row-major [rows, paddedLength], INT32. */
  inputIds: Int32Array
  /** [rows], INT32: tokens of each row, special ones included; what follows them is padding. */
  lengths: Int32Array
  rows: number
  paddedLength: number
}

/**
 * Lays rows of token ids under each other and fills them up with `padId`.
 *
 * @param paddedLength width to fill up to; the longest row where it is shorter or not given
 */
export function padBatch(tokenRows: readonly Int32Array[], padId: number, paddedLength = 1): TokenBatch {
  const width = tokenRows.reduce((longest, row) => Math.max(longest, row.length), paddedLength)
  const inputIds = new Int32Array(tokenRows.length * width).fill(padId)
  const lengths = new Int32Array(tokenRows.length)
  for (const [i, row] of tokenRows.entries()) {
    inputIds.set(row, i * width)
    lengths[i] = row.length
  }
  return { inputIds, lengths, rows: tokenRows.length, paddedLength: width }
}

/**
 * The rows at these places; a place may occur more than once.
 *
 * @param paddedLength at least the longest of the rows; by default as wide as the batch they come from
 */
export function takeRows(
  { inputIds, lengths, paddedLength: width }: TokenBatch,
  places: readonly number[],
  paddedLength = width,
): TokenBatch {
  const taken = new Int32Array(places.length * paddedLength)
  for (const [to, from] of places.entries())
    taken.set(inputIds.subarray(from * width, from * width + paddedLength), to * paddedLength)
  return {
    inputIds: taken,
    lengths: Int32Array.from(places, (place) => lengths[place]!),
    rows: places.length,
    paddedLength,
  }
}
