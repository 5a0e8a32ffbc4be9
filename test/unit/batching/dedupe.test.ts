import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { dedupe } from '../../../src/batching/index.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

test('equal sequences form a group, named by its first one', () => {
  const { unique, groupOf } = dedupe(['ACGT', 'AC', 'ACGT', '', 'AC', 'acgt', ''].map(bytes))
  expect([...unique]).toEqual([0, 1, 3, 5])
  expect([...groupOf]).toEqual([0, 1, 0, 2, 1, 3, 2])
})

test('nothing at all', () => {
  expect(dedupe([])).toEqual({ unique: new Uint32Array(0), groupOf: new Uint32Array(0) })
})

test('groups are exactly those of equal text', () => {
  const texts = fc.array(fc.string({ unit: fc.constantFrom('A', 'C'), maxLength: 6 }), { maxLength: 300 })
  fc.assert(
    fc.property(texts, (texts) => {
      const firsts = new Map<string, number>()
      for (const [i, text] of texts.entries()) if (!firsts.has(text)) firsts.set(text, i)
      const { unique, groupOf } = dedupe(texts.map(bytes))
      expect([...unique]).toEqual([...firsts.values()])
      expect(Array.from(groupOf, (group) => texts[unique[group]!]!)).toEqual(texts)
    }),
  )
})

test('sequences whose hashes collide stay apart', () => {
  // Among 200,000 sequences some five pairs share their 32-bit hash.
  const count = 200_000
  const sequences = Array.from({ length: count }, (_, i) => bytes(i.toString(36)))
  const hashes = new Set(sequences.map((sequence) => Bun.hash.xxHash32(sequence)))
  expect(hashes.size).toBeLessThan(count)
  expect(dedupe(sequences).unique).toHaveLength(count)
})

test('a view into a longer buffer is compared by its own bytes', () => {
  const buffer = bytes('xACGTyACGTz')
  expect([...dedupe([buffer.subarray(1, 5), buffer.subarray(6, 10), buffer.subarray(0, 4)]).groupOf]).toEqual(
    [0, 0, 1],
  )
})
