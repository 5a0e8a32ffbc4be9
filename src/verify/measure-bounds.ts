import {
  type BoundsRecord,
  type Bundle,
  Classifier,
  type ClassifierRecord,
  type Embeddings,
  FACTOR,
  featuresOf,
  type RecheckFacts,
  readTokenizers,
} from '../bundle/index.ts'
import type { EmbeddingBackend } from '../dispatch/index.ts'
import { logit } from '../recheck/index.ts'
import type { OpenFrame } from '../sequence/index.ts'
import { UsageError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'
import { embedBoth } from './embed-both.ts'
import { framesToMeasure } from './frames.ts'

/** Frames where a GPU computes, and where this processor does, which takes seconds for each. */
export const BOUND_FRAMES = { gpu: 30_000, cpu: 500 } as const

/** Embedded in one go: two sets of features are in memory. */
const ROUND = 8192

export interface MeasureBoundsOptions {
  /** What computes both models. */
  readonly backend: EmbeddingBackend
  /** Whose tokenizers and classifiers count. */
  readonly bundle: Bundle
  /** Those to measure with, of the bundle. */
  readonly classifiers: readonly ClassifierRecord[]
  /** Frames in all. */
  readonly frames: number
  /** FASTA file of nucleotides like those of later runs, whose frames come first. */
  readonly input?: string | undefined
  /** Of the frames that are drawn. @default 1 */
  readonly seed?: number
  readonly logger: Logger
  readonly signal?: AbortSignal | undefined
}

/**
 * Measures how far the logits of a quantized model are from those of its partner: both embed the same frames, each classifier
 * scores both, and the largest difference in each length class, times a factor, is its bound.
 *
 * @throws UsageError where the backend has no partner; VirnucproError where a model gives NaN or infinity
 */
export async function measureBounds(options: MeasureBoundsOptions): Promise<BoundsRecord[]> {
  const { backend, bundle, classifiers, logger, seed = 1 } = options
  const facts = backend.recheck
  if (facts === undefined)
    throw new UsageError(`${backend.description}: no partner of a quantized model is there`)
  const { frames, input, ends } = await framesToMeasure({
    count: options.frames,
    chunkLengths: classifiers.map(({ chunkLength }) => chunkLength),
    input: options.input,
    seed,
    signal: options.signal,
  })
  await using opened = new AsyncDisposableStack()
  const tallies: Tally[] = []
  for (const record of classifiers) {
    const graph = await bundle.read(record.graph)
    const classifier = opened.use(await Classifier.open({ graph, width: record.input }))
    tallies.push({ record, classifier, classes: ends.map((upTo) => ({ upTo, frames: 0, largest: 0 })) })
  }
  await compareFrames(frames, tallies, facts, options)
  const measured = new Date().toISOString()
  return tallies.map(({ record, classes }) => {
    const bounds = classes
      .filter((each) => each.frames > 0)
      .map((each) => ({ ...each, bound: FACTOR * each.largest }))
    logger.info(describe(facts, record, bounds, frames.length))
    const about = { backend: backend.description, frames: frames.length, ...(input && { input }), seed }
    return {
      ...facts.digests,
      classifier: record.graph.sha256,
      ...about,
      factor: FACTOR,
      classes: bounds,
      measured,
    }
  })
}

/** What was seen with one classifier. */
interface Tally {
  readonly record: ClassifierRecord
  readonly classifier: Classifier
  readonly classes: { readonly upTo: number; frames: number; largest: number }[]
}

async function compareFrames(
  frames: readonly OpenFrame[],
  tallies: readonly Tally[],
  facts: RecheckFacts,
  { backend, bundle, logger, signal }: MeasureBoundsOptions,
): Promise<void> {
  const tokenizers = await readTokenizers(bundle)
  for (let start = 0; start < frames.length; start += ROUND) {
    const round = frames.slice(start, start + ROUND)
    const { lengths, plain, exact } = await embedBoth(round, { backend, facts, tokenizers, signal })
    for (const tally of tallies) await addDifferences(tally, lengths, plain, exact)
    const done = Math.min(frames.length, start + ROUND)
    logger.info(
      `${facts.name}: ${done} of ${frames.length} frames in ${facts.quantized} and in ${facts.partner}`,
    )
  }
}

async function addDifferences(
  { classifier, classes }: Tally,
  lengths: readonly number[],
  plain: Embeddings,
  exact: Embeddings,
): Promise<void> {
  const [own, other] = [
    await logitsOf(classifier, plain, lengths.length),
    await logitsOf(classifier, exact, lengths.length),
  ]
  for (const [row, length] of lengths.entries()) {
    const found = classes.find(({ upTo }) => length <= upTo)
    if (found === undefined) continue
    found.frames++
    found.largest = Math.max(found.largest, Math.abs(own[row]! - other[row]!))
  }
}

/** From the float32 scores, which are what tables print. */
async function logitsOf(classifier: Classifier, embeddings: Embeddings, rows: number): Promise<Float64Array> {
  const scores = await classifier.classify(featuresOf(embeddings, rows))
  return Float64Array.from({ length: rows }, (_, row) => logit(scores[2 * row]!, scores[2 * row + 1]!))
}

function describe(
  { name, quantized, partner }: RecheckFacts,
  { source }: ClassifierRecord,
  bounds: BoundsRecord['classes'],
  frames: number,
): string {
  const classifier = source.files.map((file) => file.name).join(', ')
  const each = bounds.map(({ upTo, bound }) => `${bound.toPrecision(3)} up to ${upTo} tokens`).join(', ')
  return `${name}: logits in ${quantized} are at most so far from those in ${partner}, with ${classifier} and ${frames} frames: ${each}`
}
