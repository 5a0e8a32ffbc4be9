import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { Bounds, countFlips, differencesOf, recheckTrial, type Trial } from '../../../src/recheck/index.ts'
import { ruleOf } from '../../../src/results/index.ts'

const DECISIONS = { rule: ruleOf({}), minScore: 0, viralGap: 1 }
const unit = fc.double({ min: -1, max: 1, noNaN: true })

const trials = fc
  .array(
    fc.record({
      z: unit,
      error: unit,
      step: fc.integer({ min: 0, max: 3 }),
      isLong: fc.boolean(),
      audited: unit,
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((frames): Trial => {
    const softmax = (z: number) => [1 / (1 + Math.exp(z)), 1 / (1 + Math.exp(-z))]
    let [record, chunk] = [0, 1]
    const places = frames.map(({ step }) => {
      if (step === 3) [record, chunk] = [record + 1, 1]
      else if (step > 0) chunk++
      return { record, chunk }
    })
    return {
      records: places.map((place) => place.record),
      chunks: places.map((place) => place.chunk),
      tokens: frames.map(({ isLong }) => (isLong ? 100 : 50)),
      audited: frames.map(({ audited }) => audited > 0.9),
      quantized: Float32Array.from(frames.flatMap(({ z, error }) => softmax(4 * z + error / 4))),
      exact: Float32Array.from(frames.flatMap(({ z }) => softmax(4 * z))),
    }
  })

/** Bounds so many times as large as the differences of the trial. */
function boundsOf(trial: Trial, factor: number): Bounds {
  const classes = [50, 100].map((upTo) => ({ upTo, bound: 1 }))
  const found = differencesOf(trial, new Bounds({ frames: 1, factor, classes }))
  return new Bounds({
    frames: 1,
    factor,
    classes: found.map(({ upTo, largest }) => ({ upTo, bound: factor * largest + 1e-9 })),
  })
}

describe('a recheck of frames of which both scores are known', () => {
  test('leaves no call that differs, where logits are within the bounds', () => {
    fc.assert(
      fc.property(trials, (trial) => {
        const { scores, rechecked } = recheckTrial(trial, boundsOf(trial, 1), DECISIONS)
        expect(countFlips(trial, scores, DECISIONS).flips).toEqual({
          frames: 0,
          chunks: 0,
          records: 0,
          tiers: 0,
        })
        for (const i of trial.tokens.keys()) {
          const from = rechecked.has(i) ? trial.exact : trial.quantized
          expect(scores.subarray(2 * i, 2 * i + 2)).toEqual(from.subarray(2 * i, 2 * i + 2))
          if (trial.audited[i]) expect(rechecked.has(i)).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('does all of a length class in which one of them is off by more', () => {
    fc.assert(
      fc.property(trials, (trial) => {
        const bounds = boundsOf(trial, 0.5)
        const { rechecked } = recheckTrial(trial, bounds, DECISIONS)
        for (const [i, tokens] of trial.tokens.entries())
          if (bounds.violated.has(bounds.classOf(tokens)!)) expect(rechecked.has(i)).toBe(true)
        const seen = differencesOf(trial, new Bounds(bounds.measured))
        for (const place of bounds.violated) expect(seen[place]!.largest).toBeGreaterThan(seen[place]!.bound)
      }),
      { numRuns: 300 },
    )
  })

  test('computes what is longer than all that was measured', () => {
    const trial: Trial = {
      ...{ records: [1], chunks: [1], tokens: [200], audited: [false] },
      ...{ quantized: Float32Array.of(0.01, 0.99), exact: Float32Array.of(0.02, 0.98) },
    }
    const bounds = new Bounds({ frames: 1, factor: 1.25, classes: [{ upTo: 100, bound: 0.1 }] })
    expect(recheckTrial(trial, bounds, DECISIONS).rechecked.size).toBe(1)
  })
})
