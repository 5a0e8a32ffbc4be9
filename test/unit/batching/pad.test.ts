import { expect, test } from 'bun:test'
import { padBatch } from '../../../src/batching/index.ts'

const rows = [
  [1, 5, 2],
  [1, 2],
  [1, 5, 6, 2],
].map((row) => Int32Array.from(row))

test('rows are filled up to the longest', () => {
  expect(padBatch(rows, 3)).toEqual({
    inputIds: Int32Array.from([1, 5, 2, 3, 1, 2, 3, 3, 1, 5, 6, 2]),
    lengths: Int32Array.from([3, 2, 4]),
    rows: 3,
    paddedLength: 4,
  })
})

test('or up to a given width, never cutting a row', () => {
  const wide = padBatch(rows, 1, 6)
  expect(wide.paddedLength).toBe(6)
  expect([...wide.inputIds.subarray(6, 12)]).toEqual([1, 2, 1, 1, 1, 1])
  expect(padBatch(rows, 1, 2).paddedLength).toBe(4)
})
