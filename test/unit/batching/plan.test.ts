import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  BatchLimitError,
  type BatchOptions,
  balance,
  paddingWaste,
  planBatches,
} from '../../../src/batching/index.ts'

const lengths = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 120 })
const options = fc.record(
  {
    tokenBudget: fc.integer({ min: 1, max: 400 }),
    maxSequences: fc.integer({ min: 1, max: 20 }),
    lengthMultiple: fc.constantFrom(1, 2, 8, 16),
    taper: fc.boolean(),
  },
  { requiredKeys: ['tokenBudget'] },
) as fc.Arbitrary<BatchOptions>

describe('every plan', () => {
  test('holds each sequence once, and values can be put back in order', () => {
    fc.assert(
      fc.property(lengths, options, (lengths, options) => {
        const back = new Array<number>(lengths.length)
        for (const { members } of planBatches(lengths, options)) {
          for (const member of members) {
            expect(back[member]).toBeUndefined()
            back[member] = lengths[member]!
          }
        }
        expect(back).toEqual(lengths)
      }),
    )
  })

  test('stays within the limits; only a sequence too long by itself goes over, alone and flagged', () => {
    fc.assert(
      fc.property(lengths, options, (lengths, options) => {
        for (const batch of planBatches(lengths, options)) {
          const longest = Math.max(...Array.from(batch.members, (member) => lengths[member]!))
          const multiple = options.lengthMultiple ?? 1
          expect(batch.paddedLength).toBe(Math.max(1, Math.ceil(longest / multiple) * multiple))
          expect(batch.tokens).toBe(batch.members.length * batch.paddedLength)
          expect(batch.overBudget).toBe(batch.tokens > options.tokenBudget)
          if (batch.overBudget) expect(batch.members).toHaveLength(1)
          expect(batch.members.length).toBeLessThanOrEqual(options.maxSequences ?? Number.POSITIVE_INFINITY)
        }
      }),
    )
  })

  test('starts with the longest sequence; equal lengths keep their order; the same lengths give the same plan', () => {
    fc.assert(
      fc.property(lengths, options, (lengths, options) => {
        const plan = planBatches(lengths, options)
        const order = plan.flatMap(({ members }) => [...members])
        const sorted = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b)
        expect(order).toEqual(sorted)
        expect(planBatches(Uint32Array.from(lengths), options)).toEqual(plan)
      }),
    )
  })

  test('has the fewest batches and then the least padding of all plans over sorted lengths', () => {
    /** Tries every way to cut the sorted list. */
    const best = (padded: number[], options: BatchOptions, start = 0): [number, number] => {
      if (start === padded.length) return [0, 0]
      let found: [number, number] = [Number.POSITIVE_INFINITY, 0]
      for (let end = start + 1; end <= padded.length; end++) {
        const tokens = (end - start) * padded[start]!
        if (end > start + 1 && (tokens > options.tokenBudget || end - start > (options.maxSequences ?? 99)))
          break
        const [batches, rest] = best(padded, options, end)
        if (batches + 1 < found[0] || (batches + 1 === found[0] && tokens + rest < found[1])) {
          found = [batches + 1, tokens + rest]
        }
      }
      return found
    }
    const few = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 13 })
    const limits = fc.record(
      { tokenBudget: fc.integer({ min: 1, max: 40 }), maxSequences: fc.integer({ min: 1, max: 6 }) },
      { requiredKeys: ['tokenBudget'] },
    ) as fc.Arbitrary<BatchOptions>
    fc.assert(
      fc.property(few, limits, (lengths, options) => {
        const plan = planBatches(lengths, options)
        const tokens = plan.reduce((sum, batch) => sum + batch.tokens, 0)
        expect([plan.length, tokens]).toEqual(
          best(
            lengths.toSorted((a, b) => b - a),
            options,
          ),
        )
      }),
      { numRuns: 300 },
    )
  })
})

test('a plan, in full', () => {
  const plan = planBatches([5, 100, 5, 7, 40], { tokenBudget: 42, lengthMultiple: 4 })
  expect(plan.map((batch) => ({ ...batch, members: [...batch.members] }))).toEqual([
    { members: [1], paddedLength: 100, tokens: 100, overBudget: true },
    { members: [4], paddedLength: 40, tokens: 40, overBudget: false },
    { members: [3, 0, 2], paddedLength: 8, tokens: 24, overBudget: false },
  ])
  expect(paddingWaste(plan, [5, 100, 5, 7, 40])).toBeCloseTo(7 / 164, 12)
})

describe('a tapered plan', () => {
  const lengths = Array.from({ length: 12_000 }, (_, i) => 30 + (i % 70))
  const tokenBudget = 16_384

  test('ends with small batches, each at most an eighth of what is left, and begins like any other', () => {
    const plan = planBatches(lengths, { tokenBudget, taper: true })
    let left = plan.reduce((sum, { tokens }) => sum + tokens, 0)
    for (const { tokens } of plan) {
      expect(tokens).toBeLessThanOrEqual(Math.min(tokenBudget, Math.max(tokenBudget / 8, left / 8)))
      left -= tokens
    }
    const first = planBatches(lengths, { tokenBudget })
    expect(plan.slice(0, 10)).toEqual(first.slice(0, 10))
    expect(plan.at(-1)?.tokens).toBeLessThanOrEqual(tokenBudget / 8)
  })

  test('fills halves of the budget, all but the last batch of a size', () => {
    const waves = 33_792
    const plan = planBatches(lengths, { tokenBudget: waves, taper: true })
    let left = plan.reduce((sum, { tokens }) => sum + tokens, 0)
    const small = plan.filter(({ tokens, paddedLength }) => {
      const parts = [2, 4, 8].find((each) => left > (8 * waves) / each) ?? 8
      const isSmall = left <= 8 * waves && tokens <= waves / parts - 2 * paddedLength
      left -= tokens
      return isSmall
    })
    expect(small.length).toBeLessThanOrEqual(4)
    expect(plan.filter(({ tokens }) => tokens <= waves / 8).length).toBeGreaterThan(10)
  })

  test('lets eight devices end within one small batch of each other', () => {
    const ends = new Array<number>(8).fill(0)
    for (const { tokens } of planBatches(lengths, { tokenBudget, taper: true })) {
      ends[ends.indexOf(Math.min(...ends))]! += tokens
    }
    expect(Math.max(...ends) - Math.min(...ends)).toBeLessThanOrEqual(tokenBudget / 8)
  })

  test('does not cut below 1,024 tokens', () => {
    expect(planBatches([50, 50, 50, 50], { tokenBudget: 1000, taper: true })).toHaveLength(1)
  })
})

test('nothing to plan', () => {
  expect(planBatches([], { tokenBudget: 10 })).toEqual([])
  expect(paddingWaste([], [])).toBe(0)
})

test('limits that make no sense are named', () => {
  expect(() => planBatches([1], { tokenBudget: 0 })).toThrow(BatchLimitError)
  expect(() => planBatches([1], { tokenBudget: 10, maxSequences: 1.5 })).toThrow('maxSequences, got 1.5')
  expect(() => planBatches([1], { tokenBudget: 10, lengthMultiple: -8 })).toThrow('lengthMultiple')
})

describe('balance', () => {
  const batches = fc.array(fc.record({ tokens: fc.integer({ min: 1, max: 1000 }) }), { maxLength: 40 })

  test('gives every batch to one worker and keeps the order within', () => {
    fc.assert(
      fc.property(batches, fc.integer({ min: 1, max: 9 }), (batches, workers) => {
        const shares = balance(batches, workers)
        expect(shares).toHaveLength(workers)
        expect(shares.flat()).toHaveLength(batches.length)
        const place = new Map(batches.map((batch, i) => [batch, i]))
        const places = shares.map((share) => share.map((batch) => place.get(batch)!))
        expect(new Set(places.flat()).size).toBe(batches.length)
        for (const share of places) expect(share).toEqual(share.toSorted((a, b) => a - b))
      }),
    )
  })

  test('no worker has more than its share by more than the largest batch', () => {
    fc.assert(
      fc.property(batches, fc.integer({ min: 1, max: 9 }), (batches, workers) => {
        const loads = balance(batches, workers).map((share) =>
          share.reduce((sum, { tokens }) => sum + tokens, 0),
        )
        const largest = Math.max(0, ...batches.map(({ tokens }) => tokens))
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(largest)
      }),
    )
  })

  test('largest first: 6 5 4 3 2 over two workers is 11 and 9', () => {
    const shares = balance(
      [2, 3, 6, 5, 4].map((tokens) => ({ tokens })),
      2,
    )
    expect(shares.map((share) => share.map(({ tokens }) => tokens))).toEqual([
      [2, 3, 6],
      [5, 4],
    ])
    expect(() => balance([], 0)).toThrow(RangeError)
  })
})
