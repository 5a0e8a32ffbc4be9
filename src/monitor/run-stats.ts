import {
  FEATURE_ORDER,
  forModels,
  type HostedName,
  MODELS,
  type ModelName,
  modelOf,
} from '../bundle/index.ts'
import { sourceName } from '../system/same-file.ts'
import { LengthCounter } from './lengths.ts'

/** Stages in the order of the pipeline, as people read them. */
export const STAGES: ReadonlyMap<StageName, string> = new Map<StageName, string>([
  ['reading', 'reading'],
  ...FEATURE_ORDER.map((model) => [model, MODELS[model].label] as const),
  ['classifier', 'classifier'],
  ['checkpoint', 'checkpoints'],
  ['tables', 'tables'],
])
export type StageName = 'reading' | ModelName | 'classifier' | 'checkpoint' | 'tables'

/** What is counted of each input. */
export const INPUT_COUNTS = [
  'records',
  'filteredRecords',
  'bases',
  'chunks',
  'chunksWithoutFrame',
  'frames',
  'failedFrames',
] as const

/** What is counted of a run. */
export const RUN_COUNTS = [
  'records',
  'filteredRecords',
  'bases',
  'chunks',
  'chunksWithoutFrame',
  'frames',
  'skippedRecords',
  'framesDoneBefore',
  'failedFrames',
  'scoredFrames',
  'viralFrames',
  'calledChunks',
  'viralChunks',
  'parts',
  'failedParts',
  'adoptedSequences',
] as const

/** What is counted of the work of each model; the report has it too. */
export const MODEL_COUNTS = ['tokens', 'paddedTokens', 'sequences'] as const

/** What a model need not compute: the report has it, too. */
export const SPARED_COUNTS = ['sharedSequences', 'reusedSequences'] as const

/** What each count is: Markdown, without the last full stop. Links start in docs/. */
export const COUNT_MEANINGS: Readonly<
  Record<keyof (InputCounts & RunCounts & ModelCounts & SparedCounts), string>
> = {
  records: 'records read',
  filteredRecords: 'of these, left out by [a filter](reference/input.md#filters)',
  bases: 'bases read',
  chunks: 'chunks cut from the records',
  chunksWithoutFrame: 'of these, without an open frame: in no table of the original',
  frames: 'open frames',
  skippedRecords: 'records left out as invalid; `files.invalidRecords` lists them',
  framesDoneBefore: 'of `frames`, finished by an earlier start',
  failedFrames: 'of `frames`, not computed',
  scoredFrames: 'rows of the table of frames',
  viralFrames: 'of these, called `virus`',
  calledChunks: 'rows of the table of chunks',
  viralChunks: 'of these, `True`',
  parts: 'parts of the run',
  failedParts: 'of these, with frames that could not be computed',
  adoptedSequences: 'sequences whose embedding was taken over from an old run, both models together',
  tokens: 'their tokens, special ones included',
  paddedTokens: 'the same with padding',
  sequences: 'different sequences computed; equal ones count once',
  sharedSequences: 'sequences that were not computed, since another frame of their window has the same',
  reusedSequences:
    'the same of an earlier window: [sequences that come again](explanation/reliability.md#sequences-that-come-again)',
}

export type InputCounts = Record<(typeof INPUT_COUNTS)[number], number>
export type RunCounts = Record<(typeof RUN_COUNTS)[number], number>
/** What a batch, or all batches of a model, came to. @interface */
export type ModelCounts = Record<(typeof MODEL_COUNTS)[number], number>

/** Sequences of frames that equal one which is computed. @interface */
export type SparedCounts = Record<(typeof SPARED_COUNTS)[number], number>

/** A chunk is cut to one length; twenty bins show how much shorter the last ones of records are. */
const CHUNK_BINS = 20

/** Everything that a run counts. What writes or shows it, the monitor and the report, reads it from here. */
export class RunStats {
  readonly counts: RunCounts = zeros(RUN_COUNTS)
  readonly inputs: readonly InputCounts[]
  readonly lengths: { readonly records: LengthCounter; readonly chunks: LengthCounter }
  readonly models: Readonly<Record<ModelName, ModelStats>> = forModels(() => new ModelStats())
  /** Frames of parts that have been read, and of those that are over. */
  readonly frames = { prepared: 0, done: 0 }
  /** Frames whose batches are all planned, or that need none since an earlier process has finished them. */
  framesPlanned = 0
  /** Those of them that no earlier process has finished. */
  framesToCompute = 0
  /** Whether no frame is to come any more. */
  inputRead = false
  readonly #all: RunStats | undefined
  readonly #expectedLength: number
  readonly #sources: readonly string[]
  #input = 0
  #filteredBases = 0

  /**
   * @param inputs - as given, in the order they are read in
   * @param all - of all runs that are computed together: what goes on is counted there, too
   */
  constructor(inputs: readonly string[], expectedLength: number, all?: RunStats) {
    this.#all = all
    this.#expectedLength = expectedLength
    this.#sources = inputs.map(sourceName)
    this.inputs = inputs.map(() => zeros(INPUT_COUNTS))
    const width = Math.ceil(expectedLength / CHUNK_BINS)
    this.lengths = {
      records: new LengthCounter({ kind: 'log' }),
      chunks: new LengthCounter({ kind: 'width', width }),
    }
  }

  /** @param source - the record's own; an input without a record is passed over */
  record(source: string, bases: number): void {
    this.#all?.record(source, bases)
    while (this.#sources[this.#input] !== source && this.#input < this.#sources.length - 1) this.#input++
    for (const counts of this.#current()) {
      counts.records++
      counts.bases += bases
    }
    this.lengths.records.add(bases)
  }

  /** The record last added is not cut into chunks. */
  recordFiltered(bases: number): void {
    this.#all?.recordFiltered(bases)
    for (const counts of this.#current()) counts.filteredRecords++
    this.#filteredBases += bases
  }

  /** A chunk of the record last added. */
  chunk(bases: number, frames: number): void {
    this.#all?.chunk(bases, frames)
    for (const counts of this.#current()) {
      counts.chunks++
      if (frames === 0) counts.chunksWithoutFrame++
      counts.frames += frames
    }
    this.lengths.chunks.add(bases)
  }

  #current(): readonly InputCounts[] {
    const input = this.inputs[this.#input]
    return input === undefined ? [this.counts] : [this.counts, input]
  }

  /** The work of a model; that of a partner counts for its model. */
  of(name: HostedName): ModelStats {
    return this.models[modelOf(name)]
  }

  /** Frames of a part that has been read. */
  framesPrepared(frames: number): void {
    this.#all?.framesPrepared(frames)
    this.frames.prepared += frames
  }

  /**
   * @param frame - its number among all frames of the run, from 0; it has been read
   * @returns the input that it came from
   */
  frameFailed(frame: number): string {
    this.counts.failedFrames++
    let before = 0
    const input = this.inputs.findIndex((counts) => {
      before += counts.frames
      return frame < before
    })
    const counts = this.inputs[input]
    if (counts !== undefined) counts.failedFrames++
    return this.#sources[input] ?? ''
  }

  /** Frames of a part that is over, whether this process or an earlier one has computed it. */
  framesDone(frames: number, before = false): void {
    this.#all?.framesDone(frames, before)
    this.frames.done += frames
    if (before) this.counts.framesDoneBefore += frames
  }

  /**
   * Share of the input that has become frames: the share of bytes that have been read, less the records that have been
   * read and not cut into chunks yet.
   *
   * @param read - bytes of the input, as stored, and bases found in them so far
   * @param size - bytes of the whole input; undefined while nobody knows how long a stream is
   */
  share(
    read: { readonly bytes: number; readonly bases: number },
    size: number | undefined,
  ): number | undefined {
    if (size === undefined || size === 0 || read.bases === 0) return undefined
    // A record counts as a whole once its first chunk is cut; chunks tell how far in a long one that is.
    const cut = Math.min(this.counts.bases, this.#filteredBases + this.counts.chunks * this.#expectedLength)
    return Math.min(1, (read.bytes / size) * (cut / read.bases))
  }
}

/** The work of one model, since the start of this process. */
export class ModelStats implements ModelCounts, SparedCounts {
  /** Sequences embedded; identical ones only once. */
  sequences = 0
  /** Sequences that equal one computed in the same window. */
  sharedSequences = 0
  /** Sequences that equal one computed in an earlier window. */
  reusedSequences = 0
  /** Real tokens of them, special ones included. */
  tokens = 0
  /** The same with padding. */
  paddedTokens = 0
  batches = 0
  /** Real tokens of all batches planned so far. */
  plannedTokens = 0
  /** Real tokens planned and not yet computed or given up. */
  tokensLeft = 0
  /** Batches planned and not yet sent. */
  waiting = 0
  /** Batches at the backend now. */
  inFlight = 0

  /** What a line of `metrics.jsonl` has of it. */
  get metrics() {
    const { sequences, tokens, paddedTokens, batches, inFlight, waiting, plannedTokens } = this
    return { sequences, tokens, paddedTokens, batches, inFlight, waiting, plannedTokens }
  }

  /** @param tokens - real tokens of each of the batches */
  planned(tokens: readonly number[]): void {
    const all = tokens.reduce((sum, each) => sum + each, 0)
    this.waiting += tokens.length
    this.plannedTokens += all
    this.tokensLeft += all
  }

  /** Adds what one run has of a batch that was computed for several. */
  computed(share: ModelCounts): void {
    this.batches++
    for (const name of MODEL_COUNTS) this[name] += share[name]
  }

  /** Adds what need not be computed. */
  spared(counts: SparedCounts): void {
    for (const name of SPARED_COUNTS) this[name] += counts[name]
  }

  /** @returns what ends the batch; without an argument it was given up */
  started(plannedTokens: number): (done?: ModelCounts) => void {
    this.waiting--
    this.inFlight++
    return (done) => {
      this.inFlight--
      this.tokensLeft -= plannedTokens
      if (done !== undefined) this.computed(done)
    }
  }
}

/** Each of some names with 0. */
export function zeros<K extends string>(names: readonly K[]): Record<K, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<K, number>
}

/** Some of the numbers of an object. */
export function pick<K extends string>(
  from: Readonly<Record<K, number>>,
  names: readonly K[],
): Record<K, number> {
  return Object.fromEntries(names.map((name) => [name, from[name]])) as Record<K, number>
}
