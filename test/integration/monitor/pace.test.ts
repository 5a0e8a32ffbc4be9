import { expect, test } from 'bun:test'
import { Pace } from '../../../src/monitor/pace.ts'
import { Work } from '../../../src/monitor/work.ts'

/** 400 frames of which 100 have been read and planned, 10 tokens each for both models; half of those are computed. */
function halfOfAQuarter(known = 0): { work: Work; pace: Pace } {
  const work = new Work()
  const pace = new Pace(work)
  pace.note(0)
  work.frames.prepared = 100 + known
  work.framesPlanned = 100 + known
  work.framesPlannedAnew = 100
  for (const model of ['esm2', 'dnabert_s'] as const) {
    work.planned(model, 2, 1000)
    work.batchStarted(model)
  }
  pace.note(5)
  work.batchEnded('esm2', 500, { sequences: 50, tokens: 500, paddedTokens: 600 })
  work.batchEnded('dnabert_s', 500, { sequences: 40, tokens: 500, paddedTokens: 500 })
  pace.note(15)
  return { work, pace }
}

test('the time left follows from the tokens left, estimated while the input is being read', () => {
  const { work, pace } = halfOfAQuarter()
  expect(pace.framesExpected(0.25)).toBe(400)
  expect(pace.tokensLeft('esm2', 0.25)).toBe(500 + 300 * 10)
  // 500 tokens in the 10 s of computing: the wait before does not count.
  expect(pace.speed('esm2')).toEqual({ sequencesPerSecond: 5, tokensPerSecond: 50 })
  expect(pace.secondsLeft(0.25)).toBe(70)
  work.inputRead = true
  expect(pace.secondsLeft(0.25)).toBe(10)
})

test('frames of an earlier start do not make the others look short', () => {
  const { pace } = halfOfAQuarter(100)
  expect(pace.tokensLeft('esm2', 0.5)).toBe(500 + 200 * 10)
})

test('nothing is claimed where nothing is known, and a batch that was given up is not waited for', () => {
  const { work, pace } = halfOfAQuarter()
  expect(pace.secondsLeft(undefined)).toBeUndefined()
  expect(new Pace(new Work()).secondsLeft(0.5)).toBeUndefined()
  work.inputRead = true
  for (const model of ['esm2', 'dnabert_s'] as const) {
    work.batchStarted(model)
    work.batchEnded(model, 500, undefined)
  }
  expect(pace.secondsLeft(1)).toBe(0)
})
