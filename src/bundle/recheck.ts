import * as v from 'valibot'
import { parseJson } from '../system/json.ts'
import { type Manifest, modelDigest } from './manifest.ts'
import { MODEL_NAMES, type ModelName, modelOf, type PartnerName, partnerOf } from './models.ts'
import { PRECISION_NAMES, type Precision } from './precisions.ts'

/** A bound is so many times the largest difference that was seen. */
export const FACTOR = 1.25

/** How far the logit of a frame may be from what the partner gives, for frames of up to so many tokens. */
export interface ClassBound {
  /** Tokens, the special ones included. */
  readonly upTo: number
  readonly bound: number
}

/**
 * What a quantized model may be off with one classifier, by length class, shortest first. For a frame of more tokens than
 * the last class has nothing is known.
 */
export interface RecheckBounds {
  /** Frames that were measured, in all classes. */
  readonly frames: number
  /** Bound over largest difference. */
  readonly factor: number
  readonly classes: readonly ClassBound[]
}

/** What was measured of a quantized model, its partner and one classifier. */
export interface BoundsRecord {
  /** `modelDigest` of the quantized model. */
  readonly quantized: string
  /** `modelDigest` of its partner. */
  readonly partner: string
  /** SHA-256 of the classifier's graph. */
  readonly classifier: string
  /** What computed both models. */
  readonly backend: string
  readonly frames: number
  /** Where the first of the frames come from; the others are drawn from the seed. */
  readonly input?: { readonly name: string; readonly sha256: string; readonly frames: number } | undefined
  readonly seed: number
  readonly factor: number
  readonly classes: readonly (ClassBound & {
    readonly frames: number
    /** Largest difference of logits. */
    readonly largest: number
  })[]
  /** ISO 8601, UTC. */
  readonly measured: string
}

/** A quantized model and its partner. */
export interface RecheckPair {
  readonly model: ModelName
  /** What a backend embeds with to recheck. */
  readonly name: PartnerName
  /** What each computes in. */
  readonly quantized: Precision
  readonly partner: Precision
  /** What identifies the numbers of each, see `modelDigest`. */
  readonly digests: Pick<BoundsRecord, 'quantized' | 'partner'>
}

/** What rechecks a quantized model that computes beside its partner, and what is known of the two. */
export interface RecheckFacts extends RecheckPair {
  /**
   * What was measured with a classifier; undefined where nothing was.
   *
   * @param classifier SHA-256 of its graph
   */
  bounds(classifier: string): RecheckBounds | undefined
}

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits'))
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const distance = v.pipe(v.number(), v.finite(), v.minValue(0))

/** The quantized model of a bundle that has its partner beside it; undefined where none has. */
export function pairOf(manifest: Manifest): RecheckPair | undefined {
  for (const model of MODEL_NAMES) {
    const { recheck } = manifest.models[model]
    const name = partnerOf(model)
    if (recheck === undefined || name === undefined) continue
    const digests = { quantized: modelDigest(manifest, model), partner: modelDigest(manifest, name) }
    return { model, name, quantized: manifest.precision, partner: recheck.precision, digests }
  }
  return undefined
}

/** Those records that are about a pair of models. */
export function boundsIn(
  records: readonly BoundsRecord[],
  { quantized, partner }: RecheckPair['digests'],
): BoundsRecord[] {
  return records.filter((each) => each.quantized === quantized && each.partner === partner)
}

/** The facts of a pair of models and of what was measured of it. */
export function factsOfPair(
  pair: RecheckPair,
  records: readonly (RecheckBounds & { readonly classifier: string })[],
): RecheckFacts {
  return {
    ...pair,
    bounds(classifier) {
      const found = records.find((each) => each.classifier === classifier)
      if (found === undefined) return undefined
      const { frames, factor, classes } = found
      return { frames, factor, classes: classes.map(({ upTo, bound }) => ({ upTo, bound })) }
    },
  }
}

/** What a server says of a partner that it hosts, in one parameter of its configuration. */
const StatementSchema = v.object({
  /** `modelDigest` of the quantized model that it is the partner of. */
  of: digest,
  precision: v.picklist(PRECISION_NAMES),
  bounds: v.array(
    v.object({
      classifier: digest,
      frames: count,
      factor: v.pipe(v.number(), v.finite(), v.minValue(1)),
      classes: v.array(v.object({ upTo: count, bound: distance })),
    }),
  ),
})
/** The content of that parameter. @interface */
export type RecheckStatement = v.InferOutput<typeof StatementSchema>

/** What can be rechecked on a server, by what it says of the partner; undefined where it does not say what that is. */
export function factsOfStatement(
  name: PartnerName,
  served: { readonly digest: string; readonly precision: string } | undefined,
  statement: RecheckStatement | undefined,
): RecheckFacts | undefined {
  const partner = PRECISION_NAMES.find((precision) => precision === served?.precision)
  if (served === undefined || statement === undefined || partner === undefined) return undefined
  const digests = { quantized: statement.of, partner: served.digest }
  const pair = { model: modelOf(name), name, quantized: statement.precision, partner, digests }
  return factsOfPair(pair, statement.bounds)
}

/** The statement of a server that hosts a pair of models, as text. */
export function statementText({ quantized, digests }: RecheckPair, records: readonly BoundsRecord[]): string {
  const bounds = boundsIn(records, digests).map(({ classifier, frames, factor, classes }) => ({
    ...{ classifier, frames, factor },
    classes: classes.map(({ upTo, bound }) => ({ upTo, bound })),
  }))
  const statement: RecheckStatement = { of: digests.quantized, precision: quantized, bounds }
  return JSON.stringify(statement)
}

/** @returns undefined for a text that is no statement */
export function parseStatement(text: string): RecheckStatement | undefined {
  try {
    return v.parse(StatementSchema, parseJson(text))
  } catch {
    return undefined
  }
}
