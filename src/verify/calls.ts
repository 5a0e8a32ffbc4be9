import {
  type Bundle,
  Classifier,
  type ClassifierRecord,
  classifierFor,
  classifiersOf,
  featuresOf,
  openBundle,
  pairOf,
  type RecheckPair,
  readTokenizers,
  recheckOf,
} from '../bundle/index.ts'
import { readSequences } from '../fasta/index.ts'
import { lease } from '../home/index.ts'
import {
  Bounds,
  type CallCounts,
  type ClassDifference,
  countFlips,
  type Decisions,
  differencesOf,
  isAudited,
  recheckTrial,
  type Trial,
} from '../recheck/index.ts'
import { type OpenFrame, openChunks } from '../sequence/index.ts'
import { UsageError } from '../system/errors.ts'
import { count } from '../text/numbers.ts'
import { embedBoth } from './embed-both.ts'
import { openPair, type PairOptions } from './measure-bundle.ts'

/** Frames that are compared where nobody says how many. */
export const CALLS_FRAMES = 10_000
/** Embedded in one go. */
const ROUND = 8192

export interface VerifyCallsOptions extends PairOptions {
  /** Folder of a bundle with a quantized model and its partner. */
  readonly bundle: string
  /** Nucleotides, FASTA or FASTQ. */
  readonly input: string
  /** Whole records are taken until there are so many frames. @default all */
  readonly frames?: number | undefined
  /** Length of chunks, in bases. @default that of the bundle's only classifier, else 500 */
  readonly chunkLength?: number | undefined
  /** What is decided by scores. */
  readonly decisions: Decisions
}

/** How calls of both precisions compare. */
export interface CallsReport {
  /** What computed. */
  readonly backend: string
  readonly quantized: string
  readonly partner: string
  readonly chunkLength: number
  /** What was called. */
  readonly compared: CallCounts
  /** Calls that are not those of the partner: by the quantized model alone, and with a recheck. */
  readonly flips: { readonly quantized: CallCounts; readonly rechecked: CallCounts }
  /** Frames that a run rechecks. */
  readonly rechecked: number
  /** By the length of proteins: the largest difference of logits over all frames. */
  readonly classes: readonly ClassDifference[]
}

/**
 * Computes an input in both precisions of a bundle, and counts the calls that the quantized model changes: alone, and with a
 * recheck as a run does it.
 *
 * @throws UsageError where there is no partner, or it was not measured how far apart the two are
 */
export async function verifyCalls(options: VerifyCallsOptions): Promise<CallsReport> {
  const { logger, signal, decisions } = options
  await using opened = new AsyncDisposableStack()
  opened.use(await lease(options.bundle))
  const bundle = await openBundle(options.bundle, signal)
  const { pair, record, bounds } = await measuredPair(bundle, options.chunkLength)
  const { chunkLength = options.chunkLength ?? USUAL_CHUNK } = record
  const backend = opened.use(await openPair(bundle, pair, options))
  const graph = await bundle.read(record.graph)
  const classifier = opened.use(await Classifier.open({ graph, width: record.input }))
  const models = {
    backend,
    facts: (await recheckOf(bundle))!,
    tokenizers: await readTokenizers(bundle),
    signal,
  }
  const trial = new GrowingTrial()
  for await (const frames of framesOf(options, chunkLength, trial)) {
    const { lengths, plain, exact } = await embedBoth(frames, models)
    const scores = async (embeddings: typeof plain) =>
      await classifier.classify(featuresOf(embeddings, frames.length))
    trial.score(frames, lengths, await scores(plain), await scores(exact))
    logger.info(`${count(trial.tokens.length, 'frame')} in ${pair.quantized} and in ${pair.partner}`)
  }
  const all = trial.whole()
  const { rechecked, scores } = recheckTrial(all, bounds, decisions)
  const alone = countFlips(all, all.quantized, decisions)
  return {
    backend: backend.description,
    quantized: pair.quantized,
    partner: pair.partner,
    chunkLength,
    compared: alone.compared,
    flips: { quantized: alone.flips, rechecked: countFlips(all, scores, decisions).flips },
    rechecked: rechecked.size,
    classes: differencesOf(all, new Bounds(bounds.measured)),
  }
}

const USUAL_CHUNK = 500

async function measuredPair(
  bundle: Bundle,
  chunkLength: number | undefined,
): Promise<{ pair: RecheckPair; record: ClassifierRecord; bounds: Bounds }> {
  const pair = pairOf(bundle.manifest)
  const problem = (text: string) => `the bundle ${bundle.folder} ${text}: calls cannot be compared`
  if (pair === undefined)
    throw new UsageError(problem('has no partner of a quantized model'), {
      detail: { code: 'no-partner', data: {} },
    })
  const all = classifiersOf(bundle.manifest)
  const record = all.length === 1 ? all[0] : classifierFor(bundle.manifest, chunkLength ?? USUAL_CHUNK)
  if (record === undefined)
    throw new UsageError(problem(`has no classifier for chunks of ${chunkLength ?? USUAL_CHUNK} bases`))
  if (chunkLength !== undefined && chunkLength !== (record.chunkLength ?? chunkLength))
    throw new UsageError(
      problem(`has a classifier for chunks of ${record.chunkLength} bases, not ${chunkLength}`),
    )
  const measured = (await recheckOf(bundle))?.bounds(record.graph.sha256)
  if (measured === undefined)
    throw new UsageError(problem('does not say how far its models are apart with this classifier'), {
      detail: { code: 'no-bounds', data: {} },
    })
  return { pair, record, bounds: new Bounds(measured) }
}

/** The open frames of whole records, some thousand at a time; each is added to the trial. */
async function* framesOf(
  options: VerifyCallsOptions,
  chunkLength: number,
  trial: GrowingTrial,
): AsyncGenerator<OpenFrame[]> {
  let frames: OpenFrame[] = []
  for await (const sequence of sequencesOf(options, trial)) {
    for (const { index, frames: found } of openChunks(sequence, chunkLength)) {
      for (const _ of found) trial.add(index)
      frames.push(...found)
      if (frames.length < ROUND) continue
      yield frames
      frames = []
    }
  }
  if (frames.length > 0) yield frames
}

/** The records of an input until there are frames enough. */
async function* sequencesOf(
  { input, frames = Number.POSITIVE_INFINITY, signal }: VerifyCallsOptions,
  trial: GrowingTrial,
): AsyncGenerator<Uint8Array> {
  for await (const records of readSequences([input], { onInvalid: 'skip', ...(signal && { signal }) })) {
    for (const { sequence } of records) {
      if (trial.records.length >= frames) return
      trial.begin()
      yield sequence
    }
  }
}

/** A trial while its frames come. */
class GrowingTrial {
  readonly records: number[] = []
  readonly chunks: number[] = []
  readonly tokens: number[] = []
  readonly audited: boolean[] = []
  readonly #quantized: Float32Array[] = []
  readonly #exact: Float32Array[] = []
  #record = 0

  /** Begins the next record. */
  begin(): void {
    this.#record++
  }

  /** A frame of it. */
  add(chunk: number): void {
    this.records.push(this.#record)
    this.chunks.push(chunk)
  }

  /** The scores of the next frames, in the order in which they were added. */
  score(
    frames: readonly OpenFrame[],
    lengths: readonly number[],
    quantized: Float32Array,
    exact: Float32Array,
  ): void {
    this.tokens.push(...lengths)
    for (const { protein } of frames) this.audited.push(isAudited(protein))
    this.#quantized.push(quantized)
    this.#exact.push(exact)
  }

  whole(): Trial {
    const { records, chunks, tokens, audited } = this
    return {
      records,
      chunks,
      tokens,
      audited,
      quantized: joined(this.#quantized),
      exact: joined(this.#exact),
    }
  }
}

function joined(pieces: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}
