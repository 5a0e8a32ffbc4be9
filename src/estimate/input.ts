import { MODEL_NAMES } from '../bundle/index.ts'
import {
  type DuplicateIds,
  type InputSource,
  inspectInputs,
  isCompressed,
  type OnInvalid,
  readSequences,
  sampleSequences,
} from '../fasta/index.ts'
import { addCounts, type CountOptions, type Counts, InputCounter, noCounts } from './count.ts'

export interface MeasureOptions extends CountOptions {
  readonly inputs: readonly string[]
  /** Which of them are read as one, where they are several samples. @default all */
  readonly samples?: readonly (readonly string[])[] | undefined
  /** Inputs of up to so many bytes of text are read to their end, and so are streams. */
  readonly wholeBytes: number
  /** Bytes of text to read of larger ones. */
  readonly sampleBytes: number
  readonly onInvalid?: OnInvalid
  readonly duplicateIds?: DuplicateIds
  readonly allowEmpty?: boolean
  readonly signal?: AbortSignal | undefined
}

/** What an input holds, and how that is known. */
export interface MeasuredInput {
  readonly counts: Counts
  /** As stored; undefined for a stream. */
  readonly bytes: number | undefined
  /**
   * `whole`: every record was counted. `spread`: some, from places all over the files. `start`: some, of an input that is
   * compressed only those at the start.
   */
  readonly basis: 'whole' | 'spread' | 'start'
  /** Share of the bytes that was read, 0 to 1. */
  readonly share: number
  /** How far off the tokens may be, as a share of them: 0.1 for a tenth more or less, by two standard errors. */
  readonly uncertainty: number
  /** What the counting took. */
  readonly seconds: number
}

/** Text in a byte of an input that is compressed, about. */
const INFLATION = 4
const PLACES = 16
/** Nobody has seen the rest of a compressed input, however even its start is. */
const LEAST_UNCERTAINTY = 0.05

interface SizedInput {
  readonly source: InputSource
  readonly bytes: number
  readonly compressed: boolean
}

/**
 * Counts the work in an input: all of it where it is small or a stream, else a sample.
 *
 * @throws FastaError for an input that cannot be read; what is invalid, as `onInvalid` says, where all is read
 */
export async function measureInput(options: MeasureOptions): Promise<MeasuredInput> {
  const start = performance.now()
  const sources = await inspectInputs(options.inputs)
  const isStream = sources.some(({ kind }) => kind === 'stream')
  const sized = isStream ? [] : await Promise.all(sources.map(sizeOf))
  const bytes = sized.reduce((sum, { bytes }) => sum + bytes, 0)
  const text = sized.reduce((sum, { bytes, compressed }) => sum + bytes * (compressed ? INFLATION : 1), 0)
  const found = text <= options.wholeBytes ? await countAll(options) : await sample(sized, text, options)
  return { ...found, bytes: isStream ? undefined : bytes, seconds: (performance.now() - start) / 1000 }
}

async function sizeOf(source: InputSource): Promise<SizedInput> {
  return { source, bytes: Bun.file(source.input).size, compressed: await isCompressed(source) }
}

type Found = Pick<MeasuredInput, 'counts' | 'basis' | 'share' | 'uncertainty'>

async function countAll(options: MeasureOptions): Promise<Found> {
  const { onInvalid, duplicateIds, allowEmpty, signal } = options
  const counter = new InputCounter(options)
  const read = {
    ...(onInvalid && { onInvalid }),
    ...(duplicateIds && { duplicateIds }),
    ...(allowEmpty !== undefined && { allowEmpty }),
    ...(signal && { signal }),
  }
  for (const inputs of options.samples ?? [options.inputs])
    for await (const records of readSequences(inputs, read)) for (const record of records) counter.add(record)
  return { counts: counter.finish(), basis: 'whole', share: 1, uncertainty: 0 }
}

async function sample(inputs: readonly SizedInput[], text: number, options: MeasureOptions): Promise<Found> {
  const counts = noCounts(options.packings.length)
  let read = 0
  let variance = 0
  for (const input of inputs) {
    const share = (input.bytes * (input.compressed ? INFLATION : 1)) / text
    const places = Math.max(2, Math.round(PLACES * share))
    const wanted = Math.max(1, Math.min(input.bytes, Math.ceil((options.sampleBytes * input.bytes) / text)))
    const found: { counts: Counts; bytes: number }[] = []
    for await (const { records, bytes } of sampleSequences(input.source, {
      bytes: wanted,
      places,
      signal: options.signal,
    })) {
      const counter = new InputCounter(options)
      for (const record of records) counter.add(record)
      found.push({ counts: counter.finish(false), bytes })
    }
    const all = found.reduce((sum, { bytes }) => sum + bytes, 0)
    // Each place of a plain file stands for its part of the file, however much was read there.
    const factors = found.map(({ bytes }) => input.bytes / (input.compressed ? all : found.length * bytes))
    for (const [i, each] of found.entries()) addCounts(counts, each.counts, factors[i]!)
    const tokens = found.map((each) => (tokensOf(each.counts) * input.bytes) / (found.length * each.bytes))
    variance += varianceOfSum(tokens)
    read += all
  }
  const bytes = inputs.reduce((sum, each) => sum + each.bytes, 0)
  const fromStart = inputs.some(({ compressed }) => compressed)
  const tokens = tokensOf(counts)
  const error = tokens === 0 ? 1 : (2 * Math.sqrt(variance)) / tokens
  return {
    counts,
    basis: fromStart ? 'start' : 'spread',
    share: Math.min(1, read / bytes),
    uncertainty: Math.min(1, fromStart ? Math.max(error, LEAST_UNCERTAINTY) : error),
  }
}

function tokensOf({ models }: Counts): number {
  return MODEL_NAMES.reduce((sum, model) => sum + models[model].tokens, 0)
}

/**
 * Variance of a sum of figures from places that follow each other, by the differences of neighbours: what changes slowly
 * through a file, as the length of sorted contigs does, is no error (Wolter, "Introduction to Variance Estimation", 8.2).
 */
function varianceOfSum(values: readonly number[]): number {
  if (values.length < 2) return (values[0] ?? 0) ** 2
  let squares = 0
  for (let i = 1; i < values.length; i++) squares += (values[i]! - values[i - 1]!) ** 2
  return (values.length * squares) / (2 * (values.length - 1))
}
