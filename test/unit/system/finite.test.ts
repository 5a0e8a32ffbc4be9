import { expect, test } from 'bun:test'
import { areFinite } from '../../../src/system/finite.ts'

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  '%p is found at every place of embeddings of every width',
  (odd) => {
    for (let width = 1; width <= 9; width++) {
      const values = Float32Array.from({ length: width }, (_, i) => (i % 2 === 0 ? 3e38 : -0))
      expect(areFinite(values)).toBe(true)
      for (let at = 0; at < width; at++) expect(areFinite(values.with(at, odd))).toBe(false)
    }
  },
)
