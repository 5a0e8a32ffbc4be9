import { expect, test } from 'bun:test'
import { resolve } from 'node:path'
import fc from 'fast-check'
import { openBundle } from '../../../src/bundle/index.ts'
import {
  activationBytes,
  budgetFor,
  budgetOf,
  chooseBounds,
  countLengths,
  describeLengths,
  profilesFor,
  wholeWaves,
} from '../../../src/server/engines/index.ts'
import { virnucpro } from '../../support/cli.ts'

const bounds = fc
  .uniqueArray(fc.integer({ min: 2, max: 2000 }), { minLength: 1, maxLength: 5 })
  .map((list) => list.sort((a, b) => a - b))

test('every length has one profile, which takes a batch of full budget down to a quarter of its longest', () => {
  fc.assert(
    fc.property(
      bounds,
      fc.integer({ min: 2000, max: 100_000 }),
      fc.integer({ min: 2, max: 2000 }),
      (ends, tokenBudget, length) => {
        const profiles = profilesFor({ bounds: ends, tokenBudget })
        const fitting = profiles.filter(({ min, max }) => min[1] <= length && length <= max[1])
        expect(fitting.length).toBe(length <= ends.at(-1)! ? 1 : 0)
        const [profile] = fitting
        if (profile !== undefined && 4 * length >= profile.max[1]) {
          expect(profile.max[0]).toBeGreaterThanOrEqual(Math.floor(tokenBudget / length) - 1)
        }
        for (const { min, opt, max } of profiles) {
          for (const i of [0, 1] as const) {
            expect(min[i]).toBeLessThanOrEqual(opt[i])
            expect(opt[i]).toBeLessThanOrEqual(max[i])
          }
        }
      },
    ),
  )
})

test('profiles say which budget they are for', () => {
  fc.assert(
    fc.property(bounds, fc.integer({ min: 512, max: 100_000 }), (ends, tokenBudget) => {
      const profiles = profilesFor({ bounds: ends, tokenBudget })
      const own = budgetOf(profiles)
      expect(own).toBeLessThanOrEqual(tokenBudget)
      expect(profilesFor({ bounds: ends, tokenBudget: own })).toEqual(profiles)
    }),
  )
})

test.each([
  [132, [4224, 8448, 16_896, 33_792, 67_584]],
  [108, [3456, 6912, 13_824, 27_648, 69_120]],
  [58, [3712, 7424, 14_848, 29_696, 66_816]],
  [undefined, [4096, 8192, 16_384, 32_768, 65_536]],
])('budgets on a GPU with %p multiprocessors are whole waves or halves of one', (multiprocessors, waves) => {
  expect([4096, 8192, 16_384, 32_768, 65_536].map((each) => wholeWaves(each, multiprocessors))).toEqual(waves)
})

test('bounds of an input end where its sequences do, and cover the longest', () => {
  const histogram = new Array(170).fill(0)
  histogram[51] = 1000
  histogram[102] = 1000
  histogram[168] = 1000
  expect(chooseBounds(histogram, 3)).toEqual([64, 112, 176])
  // With one bound to choose, the one that spares the most.
  expect(chooseBounds(histogram, 2)).toEqual([112, 176])
  expect(chooseBounds(histogram, 3, 1088)).toEqual([112, 176, 1088])
  expect(chooseBounds(histogram, 8)).toEqual([64, 112, 176])
  expect(chooseBounds(histogram, 1)).toEqual([176])
  expect(chooseBounds(histogram, 1, 1026)).toEqual([1040])
  expect(chooseBounds([], 3, 100)).toEqual([112])
})

test('no other bounds are nearer to the sequences of an input', () => {
  const off = (histogram: readonly number[], ends: readonly number[]) =>
    histogram.reduce((sum, count, t) => {
      const end = ends.find((each) => t <= each)!
      return sum + (count * t * (end - t)) / end
    }, 0)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 20, maxLength: 97 }), (counts) => {
      const histogram = [0, 0, ...counts, 1]
      const last = Math.ceil((histogram.length - 1) / 16) * 16
      const chosen = off(histogram, chooseBounds(histogram, 3))
      for (let a = 16; a < last; a += 16) {
        for (let b = a + 16; b < last; b += 16) {
          expect(chosen).toBeLessThanOrEqual(off(histogram, [a, b, last]) + 1e-6)
        }
      }
    }),
  )
})

test('the lengths of an input are those that the models get', async () => {
  const bundle = await openBundle('demo')
  const inputs = [resolve(import.meta.dir, '../../../examples/contigs.fasta')]
  const { histograms, frames, whole } = await countLengths(bundle, { inputs, expectedLength: 300 })
  // What a run of the same input says: 58 frames, 5,596 tokens for ESM-2 and 5,143 for DNABERT-S.
  const sums = (histogram: ArrayLike<number>) =>
    Array.from(histogram).reduce(([n, tokens], count, t) => [n! + count, tokens! + t * count], [0, 0])
  expect([frames, whole]).toEqual([58, true])
  expect(sums(histograms.esm2)).toEqual([58, 5596])
  expect(sums(histograms.dnabert_s)).toEqual([58, 5143])
  expect(describeLengths(histograms.esm2).split('\n')).toHaveLength(4)
  const part = await countLengths(bundle, { inputs, expectedLength: 300, frames: 10 })
  expect([part.frames, part.whole]).toEqual([10, false])
})

test('bounds are read strictly', async () => {
  for (const text of ['64,64', '176,64', '64,x', '1', '64.5']) {
    const words = ['engines', 'build', '--bundle', 'demo', '-o', 'x', '--model', 'esm2', '--profiles', text]
    const { code, stderr } = await virnucpro(words)
    expect(stderr).toContain('--profiles: expected the longest lengths')
    expect(code).toBe(64)
  }
})

test('the budget is halved until weights and activations fit', () => {
  const t36 = { width: 2560, hidden: 10240 }
  const held = (weightBytes: number, plans = 1) => ({ weightBytes, plans })
  expect(budgetFor(t36, held(5.68e9), 16_384, 80e9)).toBe(16_384)
  expect(budgetFor(t36, held(5.68e9), 16_384, 12e9)).toBe(8192)
  expect(budgetFor(t36, held(5.68e9), 16_384, 6e9)).toBeUndefined()
  // In FP8 with 16 bits beside it, both plans hold the activations of a batch.
  expect(budgetFor(t36, held(8.6e9), 16_384, 24e9)).toBe(16_384)
  expect(budgetFor(t36, held(8.6e9, 2), 16_384, 24e9)).toBe(8192)
  // The 15-billion-parameter model wants 30 GB for its weights alone.
  expect(budgetFor({ width: 5120, hidden: 20_480 }, held(30e9), 16_384, 24e9)).toBeUndefined()
  expect(activationBytes(t36, 65_536)).toBeCloseTo(6.7e9, -9)
})
