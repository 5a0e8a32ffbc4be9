/** Token ids of a batch as the models take them. */
export interface PaddedBatch {
  /** Row-major [rows, paddedLength], INT32. */
  inputIds: Int32Array
  /** [rows], INT32: tokens of each row that are not padding. */
  lengths: Int32Array
  rows: number
  paddedLength: number
}

/**
 * Lays rows of token ids under each other and fills them up with `padId`.
 *
 * @param paddedLength width to fill up to; the longest row where it is shorter or not given
 */
export function padBatch(tokenRows: readonly Int32Array[], padId: number, paddedLength = 1): PaddedBatch {
  const width = tokenRows.reduce((longest, row) => Math.max(longest, row.length), paddedLength)
  const inputIds = new Int32Array(tokenRows.length * width).fill(padId)
  const lengths = new Int32Array(tokenRows.length)
  for (const [i, row] of tokenRows.entries()) {
    inputIds.set(row, i * width)
    lengths[i] = row.length
  }
  return { inputIds, lengths, rows: tokenRows.length, paddedLength: width }
}
