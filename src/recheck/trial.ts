import { type Call, Evidence, type Tier } from '../results/index.ts'
import { BitSet } from './bit-set.ts'
import type { Bounds } from './bounds.ts'
import type { Decisions } from './decisions.ts'
import { logit } from './logit.ts'
import { Selection } from './selection.ts'

/** Frames in the order of an input, with what both precisions give for each. */
export interface Trial {
  /** The record that each frame is of, and the chunk of it: whole numbers that do not fall. */
  readonly records: readonly number[]
  readonly chunks: readonly number[]
  /** Tokens of each protein. */
  readonly tokens: readonly number[]
  /** Whether every run compares the frame. */
  readonly audited: readonly boolean[]
  /** Row-major [n, 2] float32: score of `others`, of `virus`; NaN for a frame without a score. */
  readonly quantized: Float32Array
  readonly exact: Float32Array
}

/** After so many rounds all of a record is rechecked that is not decided. */
export const PATIENT_ROUNDS = 3

/** What a recheck of a trial comes to. */
export interface TrialResult {
  /** Frames that were rechecked. */
  readonly rechecked: BitSet
  /** Row-major [n, 2]: what the tables print. */
  readonly scores: Float32Array
}

/** Rechecks a trial as a run does. Length classes that are off by more than their bounds are marked in these. */
export function recheckTrial(trial: Trial, bounds: Bounds, decisions: Decisions): TrialResult {
  const rechecked = new BitSet()
  const scores = trial.quantized.slice()
  for (let round = 1; ; round++) {
    const selection = new Selection(decisions, round > PATIENT_ROUNDS)
    const frames = new BitSet()
    followRecords(trial, {
      chunk: (number) => selection.chunk(number),
      frame(i) {
        const bound = rechecked.has(i) ? 0 : bounds.of(trial.tokens[i] as number)
        selection.frame(i, scores[2 * i] as number, scores[2 * i + 1] as number, bound)
      },
      endRecord: () => selection.endRecord((i) => frames.add(i)),
    })
    if (round === 1) addAudited(trial, frames)
    const violated = bounds.violated.size
    for (const i of frames.between(0, trial.tokens.length)) takeExact(i)
    rechecked.addAll(frames)
    if (!selection.isOpen && bounds.violated.size === violated) return { rechecked, scores }
  }

  function takeExact(i: number): void {
    const [before, now] = [logitAt(trial.quantized, i), logitAt(trial.exact, i)]
    scores.set(trial.exact.subarray(2 * i, 2 * i + 2), 2 * i)
    const place = bounds.classOf(trial.tokens[i] as number)
    if (place === undefined) return
    if (Math.abs(before - now) > (bounds.measured.classes[place]?.bound ?? 0)) bounds.violated.add(place)
  }
}

/** A length class, and how far logits of its frames are apart. */
export interface ClassDifference {
  /** Tokens of its longest sequence. */
  readonly upTo: number
  /** What a logit may be off. */
  readonly bound: number
  frames: number
  largest: number
}

/** The largest difference of logits of each length class, over all frames of a trial. */
export function differencesOf(trial: Trial, bounds: Bounds): ClassDifference[] {
  const classes = bounds.measured.classes.map(({ upTo, bound }) => ({ upTo, bound, frames: 0, largest: 0 }))
  for (const [i, tokens] of trial.tokens.entries()) {
    const found = classes[bounds.classOf(tokens) ?? -1]
    if (found === undefined || Number.isNaN(trial.quantized[2 * i])) continue
    const difference = Math.abs(logitAt(trial.quantized, i) - logitAt(trial.exact, i))
    found.frames++
    found.largest = Math.max(found.largest, difference)
  }
  return classes
}

function logitAt(scores: Float32Array, i: number): number {
  return logit(scores[2 * i] as number, scores[2 * i + 1] as number)
}

function addAudited({ audited, quantized }: Trial, frames: BitSet): void {
  for (const [i, isAudited] of audited.entries())
    if (isAudited && !Number.isNaN(quantized[2 * i])) frames.add(i)
}

/** Visits the frames of a trial, record by record and chunk by chunk. */
function followRecords(
  { records, chunks }: Pick<Trial, 'records' | 'chunks'>,
  visit: { chunk(number: number): void; frame(i: number): void; endRecord(): void },
): void {
  for (const [i, record] of records.entries()) {
    const isNew = record !== records[i - 1]
    if (isNew && i > 0) visit.endRecord()
    if (isNew || chunks[i] !== chunks[i - 1]) visit.chunk(chunks[i] as number)
    visit.frame(i)
  }
  if (records.length > 0) visit.endRecord()
}

/** How many frames, chunks and records there are, or are called otherwise; of records also those of another tier. @interface */
export type CallCounts = Record<'frames' | 'chunks' | 'records' | 'tiers', number>

/** The calls that follow from scores, in order. */
interface Calls {
  frames: boolean[]
  chunks: boolean[]
  records: Call[]
  tiers: Tier[]
}

function callsOf(trial: Trial, scores: Float32Array, { rule }: Decisions): Calls {
  const calls: Calls = { frames: [], chunks: [], records: [], tiers: [] }
  const evidence = new Evidence(rule)
  let [virus, others] = [-1, -1]
  const endChunk = () => {
    if (virus >= 0) {
      evidence.add(virus, others)
      calls.chunks.push(virus >= others)
    }
    virus = others = -1
  }
  followRecords(trial, {
    chunk: endChunk,
    frame(i) {
      const [other, own] = [scores[2 * i] as number, scores[2 * i + 1] as number]
      calls.frames.push(own > other)
      if (own > virus) virus = own
      if (other > others) others = other
    },
    endRecord() {
      endChunk()
      if (evidence.chunks > 0) {
        calls.records.push(evidence.call)
        calls.tiers.push(evidence.tier)
      }
      evidence.clear()
    },
  })
  return calls
}

/** Compares the calls that follow from scores with those of the exact ones. */
export function countFlips(
  trial: Trial,
  scores: Float32Array,
  decisions: Decisions,
): { compared: CallCounts; flips: CallCounts } {
  const [ours, exact] = [callsOf(trial, scores, decisions), callsOf(trial, trial.exact, decisions)]
  const of = (count: (name: keyof Calls) => number): CallCounts => ({
    frames: count('frames'),
    chunks: count('chunks'),
    records: count('records'),
    tiers: count('tiers'),
  })
  return {
    compared: of((name) => exact[name].length),
    flips: of((name) => exact[name].filter((call, i) => call !== ours[name][i]).length),
  }
}
