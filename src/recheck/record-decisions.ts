import type { Call, CallRule } from '../results/index.ts'
import type { Decisions } from './decisions.ts'
import type { ChunkRange, FrameRanges } from './frame-ranges.ts'

/** Where a number may lie, and where it is now. */
interface Range {
  low: number
  high: number
  now: number
}

/** A sum over chunks whose sign decides something: what each adds. */
export interface Doubt {
  readonly chunks: readonly number[]
  of(range: ChunkRange): Range
}

type Answer = boolean | Doubt

/** Rounding of sums, as a share of what was added. */
const ROUNDING = 1e-12
/** The same of sums that many differences were added to. */
const NEAR = 1e-9

/** What is decided about a record from its chunks: its call, its tier, and what the minimal score lets pass. */
export class RecordDecisions {
  readonly #rule: CallRule
  readonly #minScore: number
  readonly #gap: number
  #frames: FrameRanges | undefined
  readonly #ranges: ChunkRange[] = []
  readonly #all: number[] = []
  /** Whether the answers are those if what is selected came out where it is now. */
  #isAssumed = false

  constructor({ rule, minScore, viralGap }: Decisions) {
    this.#rule = rule
    this.#minScore = minScore
    this.#gap = viralGap
  }

  /** Looks at the next record, and selects the frames of chunks whose own decisions are open. */
  take(frames: FrameRanges): void {
    this.#frames = frames
    this.#ranges.length = this.#all.length = 0
    for (let chunk = 0; chunk < frames.chunks; chunk++) {
      const range = frames.chunkRange(chunk)
      this.#ranges.push(range)
      this.#all.push(chunk)
      if (!this.#isChunkDecided(range)) frames.choose(chunk, range)
    }
  }

  /** Its call, and whether its score is above the minimum. */
  #isChunkDecided({ lowVirus, highVirus, lowOthers, highOthers }: ChunkRange): boolean {
    const least = this.#minScore
    if (lowVirus < least && highVirus >= least) return false
    return lowVirus >= highOthers || highVirus < lowOthers
  }

  get chunks(): number {
    return this.#ranges.length
  }

  /** Whether all scores that matter will be exact. */
  get isComplete(): boolean {
    return this.#all.every((chunk) => this.#isChosen(chunk))
  }

  #isChosen(chunk: number): boolean {
    return this.#frames?.isChosen(chunk, this.#ranges[chunk] as ChunkRange) ?? true
  }

  /** Selects the frames of a chunk that matter to its scores. */
  choose(chunk: number): void {
    this.#frames?.choose(chunk, this.#ranges[chunk] as ChunkRange)
  }

  /**
   * What about the record is not decided, as far as it can be told yet: its tier depends on its call, and what the minimal score
   * lets pass on both.
   *
   * @param assumed - as if all that is selected came out where it is now
   */
  undecided(assumed: boolean): readonly Doubt[] {
    this.#isAssumed = assumed
    const call = this.#call()
    if (typeof call !== 'string') return [call]
    const tier = this.#tierDoubt(call)
    return tier === undefined ? this.#scoreDoubts(call) : [tier]
  }

  /** Selects the fewest chunks that settle a doubt, if they come out where they are now; none where what is selected does. */
  settle(doubt: Doubt): void {
    if (typeof this.#answer(doubt) === 'boolean') return
    const all = doubt.chunks.map((chunk) => ({ chunk, range: doubt.of(this.#range(chunk)) }))
    const isAbove = all.reduce((sum, { range }) => sum + range.now, 0) > 0
    let [low, high, size] = [0, 0, 0]
    for (const { range } of all) {
      low += range.low
      high += range.high
      size += Math.max(Math.abs(range.low), Math.abs(range.high))
    }
    const widest = all
      .filter(({ chunk }) => !this.#isChosen(chunk))
      .map((each) => ({
        ...each,
        width: isAbove ? each.range.now - each.range.low : each.range.high - each.range.now,
      }))
      .sort((a, b) => b.width - a.width)
    for (const { chunk, range } of widest) {
      this.choose(chunk)
      low += range.now - range.low
      high += range.now - range.high
      // A sum over all chunks after each would take hours for a chromosome. One that goes on loses digits: it does not decide.
      const isNear = low > -NEAR * size || high < NEAR * size
      if (isNear && typeof this.#answer(doubt) === 'boolean') return
    }
    // What is left has no say in the doubt, but in the record.
    if (widest.length === 0) for (const chunk of this.#all) this.choose(chunk)
  }

  /** Of a chunk, as far as it is known. */
  #range(chunk: number): ChunkRange {
    const range = this.#ranges[chunk] as ChunkRange
    if (!this.#isAssumed || !this.#isChosen(chunk)) return range
    const { virus, others } = range
    return { lowVirus: virus, highVirus: virus, lowOthers: others, highOthers: others, virus, others }
  }

  /** Whether the sum is above 0. */
  #answer(doubt: Doubt): Answer {
    let [low, high, size, isFree] = [0, 0, 0, false]
    let now = 0
    for (const chunk of doubt.chunks) {
      const range = doubt.of(this.#range(chunk))
      low += range.low
      high += range.high
      now += range.now
      isFree ||= range.high > range.low
      size += Math.max(Math.abs(range.low), Math.abs(range.high))
    }
    if (!isFree) return now > 0
    const rounding = ROUNDING * size
    if (low > rounding) return true
    return high < -rounding ? false : doubt
  }

  /** Whether the weighted difference is above a threshold: the sign of a sum over the chunks, each by itself. */
  #isAbove(threshold: number): Answer {
    return this.#answer({ chunks: this.#all, of: (range) => weightedRange(range, threshold) })
  }

  #call(): Call | Doubt {
    const { call, callDelta } = this.#rule
    if (call === 'weighted') return this.#callAt(this.#isAbove(callDelta), () => this.#isAbove(-callDelta))
    const votes = (of: (isViral: number) => number): Answer =>
      this.#answer({ chunks: this.#all, of: (range) => mapped(viralRange(range), of) })
    if (call === 'any') {
      const some = votes((isViral) => isViral)
      return typeof some === 'boolean' ? (some ? 'viral' : 'non_viral') : some
    }
    return this.#callAt(
      votes((isViral) => 2 * isViral - 1),
      () => votes((isViral) => 2 * isViral - 1 + 1 / (this.chunks + 1)),
    )
  }

  /** @param isAbove - the balance is above the threshold @param isNotBelow - and not below its negative */
  #callAt(isAbove: Answer, isNotBelow: () => Answer): Call | Doubt {
    if (isAbove === true) return 'viral'
    if (isAbove !== false) return isAbove
    const rest = isNotBelow()
    return typeof rest === 'boolean' ? (rest ? 'ambiguous' : 'non_viral') : rest
  }

  #tierDoubt(call: Call): Doubt | undefined {
    if (call === 'ambiguous') return undefined
    const { callHigh, callModerate, callLow } = this.#rule
    const isViral = call === 'viral'
    // Whether the support of a non-viral record is at least a threshold is the same as its difference being at most the negative.
    const reaches = (least: number): Answer => {
      const answer = this.#isAbove(isViral ? least : -least)
      return typeof answer === 'boolean' ? answer === isViral : answer
    }
    const levels = [callLow, callModerate, callHigh].map(reaches)
    const doubt = levels.find((level) => typeof level !== 'boolean')
    if (doubt !== undefined) return doubt as Doubt
    return levels[0] === true && levels[1] === true ? this.#clearDoubt(isViral) : undefined
  }

  /** Whether enough chunks speak clearly for the call. */
  #clearDoubt(isViral: boolean): Doubt | undefined {
    const { callConfident, callOpposing, callBoth, callShare } = this.#rule
    const clear = (virus: number, others: number) => {
      const [own, other] = isViral ? [virus, others] : [others, virus]
      return own > callConfident && other < callOpposing ? 1 : 0
    }
    const both = (virus: number, others: number) => (virus > callBoth && others > callBoth ? 1 : 0)
    const known = this.#all.every((chunk) => {
      const range = this.#range(chunk)
      return isSame(range, clear) && isSame(range, both)
    })
    if (known) return undefined
    // Any chunk of which it is not known may decide it: counted as if it could add 1 or take it away.
    const of = (range: ChunkRange): Range => {
      const [sure, may] = ends(range, clear)
      const [sureBoth, mayBoth] = ends(range, both)
      const now = clear(range.virus, range.others) - callShare * (1 - both(range.virus, range.others))
      return { low: sure - callShare * (1 - sureBoth), high: may - callShare * (1 - mayBoth), now }
    }
    const share = this.#answer({ chunks: this.#all, of })
    if (typeof share !== 'boolean') return share
    if (callShare === 0) return undefined
    const some = this.#answer({
      chunks: this.#all,
      of: (range) => {
        const [low, high] = ends(range, clear)
        return { low, high, now: clear(range.virus, range.others) }
      },
    })
    return typeof some === 'boolean' ? undefined : some
  }

  /** What the minimal score lets pass. All at once: a chromosome may have thousands of stretches in doubt. */
  #scoreDoubts(call: Call): Doubt[] {
    const least = this.#minScore
    if (least === 0) return []
    const of = ({ lowVirus, highVirus, virus }: ChunkRange): Range => ({
      low: lowVirus - least,
      high: highVirus - least,
      now: virus - least,
    })
    const doubts = [...(call === 'viral' ? [{ chunks: this.#all, of }] : []), ...this.#stretches(of)]
    return doubts.filter((doubt) => typeof this.#answer(doubt) !== 'boolean')
  }

  /** The viral stretches of the record, once the calls of all its chunks are known; before that the chunk that is not. */
  #stretches(of: Doubt['of']): Doubt[] {
    const stretches: number[][] = []
    let last = Number.NEGATIVE_INFINITY
    for (const chunk of this.#all) {
      const { low, high } = viralRange(this.#range(chunk))
      if (low !== high)
        return [{ chunks: [chunk], of: (range) => mapped(viralRange(range), (is) => is - 0.5) }]
      if (low === 0) continue
      const index = this.#frames?.indexOf(chunk) ?? 0
      if (index - last - 1 > this.#gap) stretches.push([])
      stretches.at(-1)?.push(chunk)
      last = index
    }
    return stretches.map((chunks) => ({ chunks, of }))
  }
}

/** 1 for a viral chunk, else 0: a tie is viral. */
function viralRange({ lowVirus, highVirus, lowOthers, highOthers, virus, others }: ChunkRange): Range {
  return {
    low: lowVirus >= highOthers ? 1 : 0,
    high: highVirus >= lowOthers ? 1 : 0,
    now: virus >= others ? 1 : 0,
  }
}

function mapped({ low, high, now }: Range, of: (value: number) => number): Range {
  return { low: of(low), high: of(high), now: of(now) }
}

/**
 * The weighted difference of chunks, sum(d * sqrt|d|) / sum(sqrt|d|), is above t where sum(sqrt|d| * (d - t)) is above 0.
 * Between the ends of a range that has its extremes at 0 and at t / 3.
 */
function weightedRange(
  { lowVirus, highVirus, lowOthers, highOthers, virus, others }: ChunkRange,
  t: number,
): Range {
  const at = (difference: number) => Math.sqrt(Math.abs(difference)) * (difference - t)
  const [low, high] = [lowVirus - highOthers, highVirus - lowOthers]
  const [one, other] = [at(low), at(high)]
  const range = { low: Math.min(one, other), high: Math.max(one, other), now: at(virus - others) }
  for (const turn of [0, t / 3]) {
    if (turn <= low || turn >= high) continue
    const value = at(turn)
    range.low = Math.min(range.low, value)
    range.high = Math.max(range.high, value)
  }
  return range
}

type OfScores = (virus: number, others: number) => number

/** The least and the most of what is 0 or 1 at the corners of a range, and steps but once on each of its edges. */
function ends({ lowVirus, highVirus, lowOthers, highOthers }: ChunkRange, of: OfScores): [number, number] {
  const corners = [
    of(lowVirus, lowOthers),
    of(lowVirus, highOthers),
    of(highVirus, lowOthers),
    of(highVirus, highOthers),
  ]
  return [Math.min(...corners), Math.max(...corners)]
}

function isSame(range: ChunkRange, of: OfScores): boolean {
  const [low, high] = ends(range, of)
  return low === high
}
