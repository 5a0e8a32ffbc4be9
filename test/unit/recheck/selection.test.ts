import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { logit, Selection } from '../../../src/recheck/index.ts'
import { Evidence } from '../../../src/results/call.ts'
import { type CallRule, ruleOf } from '../../../src/results/index.ts'

/** Scores of a frame, float32: of the class `others`, of `virus`. */
type Scores = readonly [others: number, virus: number]
/** Frames of the chunks of a record, by the number of the chunk; both precisions of each. */
interface Frame {
  exact: Scores
  quantized: Scores
}
type Chunks = ReadonlyMap<number, readonly Frame[]>

function softmax(z: number): Scores {
  const small = Math.fround(Math.exp(-Math.abs(z)))
  const sum = Math.fround(1 + small)
  const [low, high] = [Math.fround(small / sum), Math.fround(1 / sum)]
  return z > 0 ? [low, high] : [high, low]
}

interface Options {
  rule: CallRule
  minScore: number
  viralGap: number
}

/** Everything that the results decide about a record, worked out frame by frame and chunk by chunk. */
function decisions(
  chunks: ReadonlyMap<number, readonly Scores[]>,
  { rule, minScore, viralGap }: Options,
): unknown {
  const evidence = new Evidence(rule)
  const frames: boolean[] = []
  const calls: boolean[] = []
  const shown: boolean[] = []
  const stretches: { first: number; last: number; scores: number[] }[] = []
  for (const [index, scores] of chunks) {
    const virus = Math.max(...scores.map(([, score]) => score))
    const others = Math.max(...scores.map(([score]) => score))
    frames.push(...scores.map(([other, score]) => score > other))
    calls.push(virus >= others)
    shown.push(virus >= minScore)
    evidence.add(virus, others)
    if (virus < others) continue
    const open = stretches.at(-1)
    if (open === undefined || index - open.last - 1 > viralGap)
      stretches.push({ first: index, last: index, scores: [virus] })
    else {
      open.last = index
      open.scores.push(virus)
    }
  }
  const isPrinted = ({ scores }: { scores: number[] }) =>
    scores.reduce((sum, score) => sum + score, 0) / scores.length >= minScore
  return {
    frames,
    calls,
    shown,
    stretches: stretches.filter(isPrinted).map(({ first, last }) => [first, last]),
    call: evidence.call,
    tier: evidence.tier,
    inFasta: evidence.call === 'viral' && evidence.virus >= minScore,
  }
}

/** Rechecks a record until nothing is left to select. */
function recheck(
  chunks: Chunks,
  bound: number,
  options: Options,
): { scores: Map<number, Scores[]>; rounds: number } {
  const exact = new Set<Frame>()
  for (let rounds = 1; ; rounds++) {
    const before = exact.size
    const selection = new Selection(options, rounds > 3)
    const frames: Frame[] = []
    const known = new Set(exact)
    for (const [index, all] of chunks) {
      selection.chunk(index)
      for (const frame of all) {
        const [others, virus] = scoresOf(frame, known)
        selection.frame(frames.push(frame) - 1, others, virus, known.has(frame) ? 0 : bound)
      }
    }
    selection.endRecord((number) => exact.add(frames[number] as Frame))
    const scores = new Map(
      [...chunks].map(([index, all]) => [index, all.map((frame) => scoresOf(frame, exact))]),
    )
    if (!selection.isOpen) return { scores, rounds }
    // A record that stays open has had something selected: it cannot stay so for ever.
    expect(exact.size).toBeGreaterThan(before)
  }
}

function scoresOf(frame: Frame, exact: ReadonlySet<Frame>): Scores {
  return exact.has(frame) ? frame.exact : frame.quantized
}

const share = fc.double({ min: 0, max: 1, noNaN: true })
const options = fc
  .record({
    call: fc.constantFrom('weighted' as const, 'majority' as const, 'any' as const),
    callDelta: fc.oneof(fc.constantFrom(0, 0.1), share),
    tiers: fc.tuple(share, share, share),
    callChunks: fc.integer({ min: 0, max: 6 }),
    callConfident: share,
    callOpposing: share,
    callBoth: share,
    callShare: fc.oneof(fc.constant(0), share),
    minScore: fc.oneof(fc.constant(0), share),
    viralGap: fc.integer({ min: 0, max: 2 }),
  })
  .map(({ tiers, minScore, viralGap, ...rule }): Options => {
    const [callLow, callModerate, callHigh] = tiers.toSorted((a, b) => a - b) as [number, number, number]
    return { rule: { ...rule, callLow, callModerate, callHigh }, minScore, viralGap }
  })

/** Logits of a classifier: near 0, spread, or so large that scores are 0 and 1. */
const logits = fc.oneof(
  fc.double({ min: -0.5, max: 0.5, noNaN: true }),
  fc.double({ min: -4, max: 4, noNaN: true }),
  fc.double({ min: -22, max: 22, noNaN: true }),
  fc.constantFrom(0, -0, 17.3, -17.3, 120, -120),
)

const records = fc
  .record({
    error: fc.oneof(fc.constantFrom(0, 0.01, 0.2), fc.double({ min: 0, max: 2, noNaN: true })),
    chunks: fc.array(
      fc.record({
        step: fc.integer({ min: 1, max: 3 }),
        frames: fc.array(fc.tuple(logits, fc.double({ min: -1, max: 1, noNaN: true })), {
          minLength: 1,
          maxLength: 4,
        }),
      }),
      { minLength: 1, maxLength: 24 },
    ),
    // Errors of many frames add up where they all go one way.
    isBiased: fc.boolean(),
  })
  .map(({ error, chunks, isBiased }) => {
    const of = new Map<number, Frame[]>()
    let index = 0
    for (const { step, frames } of chunks) {
      index += step
      of.set(
        index,
        frames.map(([z, share]) => ({
          exact: softmax(z),
          quantized: softmax(z + (isBiased ? 0.5 + share / 2 : share) * error),
        })),
      )
    }
    // As measured on what is printed.
    const all = [...of.values()].flat()
    const differences = all.map(({ exact, quantized }) => Math.abs(logit(...exact) - logit(...quantized)))
    return { chunks: of as Chunks, bound: Math.max(Number.MIN_VALUE, ...differences) }
  })

function highest(frames: readonly Frame[], which: keyof Frame): Scores {
  return [
    Math.max(...frames.map((frame) => frame[which][0])),
    Math.max(...frames.map((frame) => frame[which][1])),
  ]
}

/** Thresholds that lie between what the one precision and the other come to, so that they are sure to tell them apart. */
function between(chunks: Chunks, options: Options, pick: number): Options {
  const of = (which: keyof Frame) => {
    const evidence = new Evidence(options.rule)
    const scores = [...chunks.values()].map((frames) => highest(frames, which))
    for (const [others, virus] of scores) evidence.add(virus, others)
    return { weighted: Math.abs(evidence.weightedDelta), virus: evidence.virus, scores }
  }
  const [exact, quantized] = [of('exact'), of('quantized')]
  const weighted = (exact.weighted + quantized.weighted) / 2
  const chunk = pick % chunks.size
  const score = ((exact.scores[chunk]?.[1] ?? 0) + (quantized.scores[chunk]?.[1] ?? 0)) / 2
  const plain = { ...options.rule, call: 'weighted' as const, callDelta: 0, callShare: 0, callChunks: 0 }
  const clear = {
    callLow: 0,
    callModerate: 0,
    callHigh: 1,
    callConfident: score,
    callOpposing: 1,
    callBoth: 1,
  }
  const clearOnes = exact.scores.filter(([, virus], at) => at !== chunk && virus > score).length
  const clearest =
    (Math.max(...exact.scores.map(([, virus]) => virus)) +
      Math.max(...quantized.scores.map(([, virus]) => virus))) /
    2
  const stretch = (which: keyof Frame) => {
    const all = (which === 'exact' ? exact : quantized).scores
    const from = all.findIndex(([others, virus]) => virus >= others)
    const end = all.findIndex(([others, virus], at) => at > from && virus < others)
    const scores = all.slice(Math.max(0, from), end < 0 ? undefined : end)
    return scores.length === 0 ? 0 : scores.reduce((sum, [, virus]) => sum + virus, 0) / scores.length
  }
  const kinds: Options[] = [
    options,
    { ...options, rule: { ...plain, callDelta: weighted } },
    { ...options, rule: { ...plain, callLow: weighted, callModerate: weighted, callHigh: 1 } },
    { ...options, rule: { ...plain, callLow: 0, callModerate: 0, callHigh: weighted } },
    { ...options, rule: plain, minScore: (exact.virus + quantized.virus) / 2 },
    { ...options, rule: plain, minScore: score },
    { rule: plain, minScore: score, viralGap: 0 },
    { rule: plain, minScore: (stretch('exact') + stretch('quantized')) / 2, viralGap: 0 },
    { ...options, rule: { ...plain, ...clear, callShare: (clearOnes + 0.5) / chunks.size } },
    { ...options, rule: { ...plain, ...clear, callConfident: clearest, callShare: 1e-9 } },
  ]
  return kinds[Math.floor(pick / 100) % kinds.length] as Options
}

describe('what is decided after a recheck', () => {
  test('is what exact scores decide, whatever the errors within the bound and the options', () => {
    fc.assert(
      fc.property(records, options, fc.nat(999), ({ chunks, bound }, given, pick) => {
        const options = between(chunks, given, pick)
        const exact = new Map([...chunks].map(([index, frames]) => [index, frames.map(({ exact }) => exact)]))
        const { scores, rounds } = recheck(chunks, bound, options)
        expect(decisions(scores, options)).toEqual(decisions(exact, options))
        expect(rounds).toBeLessThan(6)
      }),
      { numRuns: 10000 },
    )
  })

  /** Numbers of the frames that are selected in a record of so many chunks, of one frame each. */
  function selectedOf(options: Options, chunks: number, virusOf: (chunk: number) => number) {
    const selection = new Selection(options)
    for (let chunk = 0; chunk < chunks; chunk++) {
      const virus = virusOf(chunk)
      selection.chunk(chunk + 1)
      selection.frame(chunk, 1 - virus, virus, 0.5)
    }
    const selected: number[] = []
    selection.endRecord((number) => selected.push(number))
    return { selected, isOpen: selection.isOpen }
  }

  test('is found at once for a chromosome of which much is open', () => {
    const chunks = 50_000
    const { selected, isOpen } = selectedOf(
      { rule: { ...ruleOf({}), call: 'weighted' }, minScore: 0, viralGap: 1 },
      chunks,
      (chunk) => (chunk % 10 < 7 ? 0.85 : 0.05) + 0.1 * ((chunk * 0.618) % 1),
    )
    expect(isOpen).toBe(true)
    expect(selected.length).toBeWithin(chunks / 10, chunks)
  })

  test('is found at once for a chromosome with thousands of viral stretches that are open', () => {
    // Two chunks in three: the one is below the least score and the other above, and their mean may be either.
    const { selected, isOpen } = selectedOf(
      { rule: ruleOf({}), minScore: 0.8, viralGap: 0 },
      60_000,
      (chunk) => ([0.7, 0.9, 0.05][chunk % 3] ?? 0) + 0.01 * ((chunk * 0.618) % 1),
    )
    expect(isOpen).toBe(true)
    const places = new Set(selected.map((number) => number % 3))
    expect(places.has(2)).toBe(false)
    expect(places.size).toBeGreaterThan(0)
  })
})
