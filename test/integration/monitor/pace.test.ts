import { expect, test } from 'bun:test'
import { RunStats } from '../../../src/monitor/index.ts'
import { Pace } from '../../../src/monitor/pace.ts'

const newStats = () => new RunStats(['in.fa'], 500)

/** 400 frames of which 100 have been read and planned, 10 tokens each for both models; half of those are computed. */
function halfOfAQuarter(known = 0): { stats: RunStats; pace: Pace } {
  const stats = newStats()
  const pace = new Pace(stats)
  pace.note(0)
  stats.frames.prepared = 100 + known
  stats.framesPlanned = 100 + known
  stats.framesToCompute = 100
  const { esm2, dnabert_s } = stats.models
  const [one, other] = [esm2, dnabert_s].map((model) => {
    model.planned([500, 500])
    return model.started(500)
  })
  pace.note(5)
  one?.({ sequences: 50, tokens: 500, paddedTokens: 600 })
  other?.({ sequences: 40, tokens: 500, paddedTokens: 500 })
  pace.note(15)
  return { stats, pace }
}

test('the time left follows from the tokens left, estimated while the input is being read', () => {
  const { stats, pace } = halfOfAQuarter()
  expect(pace.framesExpected(0.25)).toBe(400)
  expect(pace.tokensLeft('esm2', 0.25)).toBe(500 + 300 * 10)
  // 500 tokens in the 10 s of computing: the wait before does not count.
  expect(pace.speed('esm2')).toEqual({ sequencesPerSecond: 5, tokensPerSecond: 50 })
  expect(pace.secondsLeft(0.25)).toBe(70)
  stats.inputRead = true
  expect(pace.secondsLeft(0.25)).toBe(10)
})

test('frames of an earlier start do not make the others look short', () => {
  const { pace } = halfOfAQuarter(100)
  expect(pace.tokensLeft('esm2', 0.5)).toBe(500 + 200 * 10)
})

test('nothing is claimed where nothing is known, and a batch that was given up is not waited for', () => {
  const { stats, pace } = halfOfAQuarter()
  expect(pace.secondsLeft(undefined)).toBeUndefined()
  expect(new Pace(newStats()).secondsLeft(0.5)).toBeUndefined()
  stats.inputRead = true
  for (const model of Object.values(stats.models)) model.started(500)()
  expect(pace.secondsLeft(1)).toBe(0)
})

test('until both models have computed something, earlier runs say how fast they are', () => {
  const stats = newStats()
  const pace = new Pace(stats, { esm2: 10, dnabert_s: 100 })
  pace.note(0)
  expect(pace.secondsLeft(0.25)).toBeUndefined()
  stats.frames.prepared = stats.framesPlanned = stats.framesToCompute = 100
  const { esm2, dnabert_s } = stats.models
  for (const model of [esm2, dnabert_s]) model.planned([500, 500])
  // One after the other: four times a thousand tokens for each.
  expect(pace.secondsLeft(0.25)).toBe(4000 / 10 + 4000 / 100)
  esm2.started(500)({ sequences: 50, tokens: 500, paddedTokens: 500 })
  pace.note(10)
  expect(pace.secondsLeft(0.25)).toBe(3500 / 10 + 4000 / 100)
  dnabert_s.started(500)({ sequences: 50, tokens: 500, paddedTokens: 500 })
  pace.note(20)
  expect(pace.secondsLeft(0.25)).not.toBe(3500 / 10 + 3500 / 100)
})
