import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { ChunkLengthError, chunkBounds, eachChunk } from '../../../src/sequence/index.ts'

const spans = (length: number, chunkLength: number) =>
  chunkBounds(length, chunkLength).map(({ start, end }) => [start, end])

test('bounds seen in runs of the original', () => {
  expect(spans(501, 500)).toEqual([
    [0, 500],
    [250, 501],
  ])
  expect(spans(999, 500)).toEqual([
    [0, 500],
    [499, 999],
  ])
  expect(spans(1001, 500)).toEqual([
    [0, 500],
    [333, 833],
    [666, 1001],
  ])
  expect(spans(1501, 500).at(-1)).toEqual([1125, 1501])
  expect(spans(2600, 500).map(([start]) => start)).toEqual([0, 433, 866, 1299, 1732, 2165])
  expect(spans(2600, 500).at(-1)).toEqual([2165, 2600])
  expect(spans(1500, 500)).toEqual([
    [0, 500],
    [500, 1000],
    [1000, 1500],
  ])
  expect(chunkBounds(150, 500)).toEqual([{ index: 1, start: 0, end: 150 }])
})

test('a record without bases has no chunk', () => {
  expect(chunkBounds(0, 500)).toEqual([])
})

test('chunks are numbered from 1, follow each other without a gap and cover the record', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50_000 }), fc.integer({ min: 1, max: 5000 }), (length, size) => {
      const chunks = chunkBounds(length, size)
      expect(chunks).toHaveLength(Math.ceil(length / size))
      expect(chunks[0]?.start).toBe(0)
      expect(chunks.at(-1)?.end).toBe(length)
      for (const [i, chunk] of chunks.entries()) {
        expect(chunk.index).toBe(i + 1)
        expect(chunk.end).toBe(Math.min(chunk.start + size, length))
        if (i > 0) expect(chunk.start).toBeLessThanOrEqual(chunks[i - 1]!.end)
        // The original's last chunk may be short, never shorter than half.
        if (chunks.length > 1) expect(2 * (chunk.end - chunk.start)).toBeGreaterThanOrEqual(size)
      }
    }),
    { numRuns: 100 },
  )
})

test('a chromosome is cut one chunk at a time', () => {
  const chunks = eachChunk(3_000_000_001, 500)
  expect(chunks.next().value).toEqual({ index: 1, start: 0, end: 500 })
  expect(chunks.next().value).toEqual({ index: 2, start: 499, end: 999 })
})

test('lengths that make no sense are named', () => {
  expect(() => chunkBounds(100, 0)).toThrow(ChunkLengthError)
  expect(() => chunkBounds(100, 2.5)).toThrow('chunks of 2.5')
  expect(() => chunkBounds(-1, 500)).toThrow('record of -1 bases')
})
