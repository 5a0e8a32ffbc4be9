import { dedupe, planBatches } from '../../src/batching/index.ts'
import { Limiter } from '../../src/dispatch/index.ts'
import { overlapped, WINDOW_FRAMES, windowsUnderWay } from '../../src/predict/index.ts'
import { chunkBounds, type OpenFrame, openFrames } from '../../src/sequence/index.ts'
import { DnaTokenizer, EsmAlphabet } from '../../src/tokenizers/index.ts'
import { codingDna, cutReads, seededRandom } from '../dna.ts'

export const KINDS = ['reads', 'contigs', 'mixed'] as const
/** Reads of 150 bases; contigs of 1,000 to 20,000 bases in chunks of 500; half of the frames from each. */
export type Kind = (typeof KINDS)[number]

/** Shape of a batch that the planner made. */
export interface PlannedBatch {
  readonly rows: number
  readonly paddedLength: number
  /** Real tokens, without padding. */
  readonly tokens: number
}

/** Frames that are planned together. */
export interface PlannedWindow {
  readonly frames: number
  readonly batches: readonly PlannedBatch[]
}

/** How a model reads a frame. */
export interface Reading {
  sequence(frame: OpenFrame): Uint8Array
  /** Special tokens included. */
  tokens(sequence: Uint8Array): number
}

/** As ESM-2 does. */
export function esm2Reading(): Reading {
  const alphabet = new EsmAlphabet()
  return { sequence: ({ protein }) => protein, tokens: (protein) => alphabet.encode(protein).length }
}

/** As DNABERT-S does. */
export async function dnabertReading(tokenizer: string): Promise<Reading> {
  const dna = await DnaTokenizer.fromFile(tokenizer)
  return { sequence: ({ nucleotide }) => nucleotide, tokens: (bases) => dna.encode(bases).length }
}

/** What TritonBackend asks of the planner. */
export interface Limits {
  readonly tokenBudget: number
  readonly maxSequences: number
}

/** The limits for ESM-2 that a run on servers has where nothing was tuned. */
export const TRITON_LIMITS: Limits = { tokenBudget: 16_384, maxSequences: 1024 }

const READ_BASES = 150
const READ_CHUNK = 300
const CONTIG_CHUNK = 500
/** More windows than this repeat the first ones: their lengths are those of the same genome. */
const DIFFERENT_WINDOWS = 10

/** The windows of a run over generated DNA, planned for a model as the pipeline plans them. */
export function workload(
  kind: Kind,
  windows: number,
  limits: Limits,
  frames = WINDOW_FRAMES,
  reading = esm2Reading(),
): PlannedWindow[] {
  const different = Math.min(windows, DIFFERENT_WINDOWS)
  const source = generatedFrames(kind)
  const sequences = Array.from({ length: different }, () =>
    Array.from({ length: frames }, () => reading.sequence(source.next().value)),
  )
  const lengths = sequences.map((window) =>
    Array.from(dedupe(window).unique, (place) => reading.tokens(window[place]!)),
  )
  const plan = (window: readonly number[], last: boolean): PlannedWindow => ({
    frames,
    batches: planBatches(window, { ...limits, taper: last }).map(({ members, paddedLength }) => ({
      rows: members.length,
      paddedLength,
      tokens: members.reduce((sum, member) => sum + window[member]!, 0),
    })),
  })
  const plans = lengths.map((window) => plan(window, false))
  return Array.from({ length: windows }, (_, i) => {
    const at = i % different
    return i === windows - 1 ? plan(lengths[at]!, true) : plans[at]!
  })
}

/** Open frames without end. */
function* generatedFrames(kind: Kind): Generator<OpenFrame, never> {
  const genome = codingDna(2_000_000, 1)
  const reads = framesOf(cutReads(genome, Number.MAX_SAFE_INTEGER, READ_BASES, 2), READ_CHUNK)
  const contigs = framesOf(cutContigs(genome, 3), CONTIG_CHUNK)
  for (;;) {
    if (kind !== 'contigs') yield reads.next().value as OpenFrame
    if (kind !== 'reads') yield contigs.next().value as OpenFrame
  }
}

function* framesOf(sequences: Iterable<Uint8Array>, chunk: number): Generator<OpenFrame> {
  for (const sequence of sequences) {
    for (const { start, end } of chunkBounds(sequence.length, chunk)) {
      for (const frame of openFrames(sequence.subarray(start, end))) if (frame.protein.length > 0) yield frame
    }
  }
}

function* cutContigs(genome: Uint8Array, seed: number): Generator<Uint8Array> {
  const random = seededRandom(seed)
  for (;;) {
    const length = 1000 + Math.floor(random() * 19_000)
    const start = Math.floor(random() * (genome.length - length))
    yield genome.subarray(start, start + length)
  }
}

export function totals(windows: readonly PlannedWindow[]) {
  const batches = windows.flatMap((window) => window.batches)
  return {
    frames: windows.reduce((sum, window) => sum + window.frames, 0),
    batches: batches.length,
    tokens: batches.reduce((sum, batch) => sum + batch.tokens, 0),
    padded: batches.reduce((sum, batch) => sum + batch.rows * batch.paddedLength, 0),
  }
}

export interface LoadOptions {
  /** Batches on their way at once, as the backend wants it. */
  readonly concurrency: number
  /** What it takes to read, translate and tokenize a window before its batches can go. */
  prepare?(window: PlannedWindow): Promise<void>
  embed(batch: PlannedBatch): Promise<unknown>
}

/** Sends a run's batches as the pipeline does: window after window, with its own limiter and its own overlap. */
export async function runLoad(
  windows: readonly PlannedWindow[],
  { concurrency, prepare, embed }: LoadOptions,
): Promise<void> {
  const limiter = new Limiter(concurrency)
  async function* items() {
    yield* windows
  }
  const done = overlapped(items(), windowsUnderWay(concurrency), async (window) => {
    await prepare?.(window)
    await Promise.all(window.batches.map((batch) => limiter.run(() => embed(batch))))
  })
  for await (const _ of done);
}
