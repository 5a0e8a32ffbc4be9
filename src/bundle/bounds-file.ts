import { join } from 'node:path'
import * as v from 'valibot'
import { writeAtomically } from '../system/atomic.ts'
import { parseJson } from '../system/json.ts'
import { readText } from '../system/read-within.ts'
import { unlessMissing } from '../system/system-error.ts'
import type { Bundle } from './bundle.ts'
import { BundleError } from './errors.ts'
import { type ClassifierRecord, classifiersOf } from './manifest.ts'
import { type BoundsRecord, boundsIn, factsOfPair, pairOf, type RecheckFacts } from './recheck.ts'

/** Beside the manifest: what was measured of the bundle after it was made, which is none of its content. */
export const RECHECK_FILE = 'recheck.json'

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits'))
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const distance = v.pipe(v.number(), v.finite(), v.minValue(0))

const ClassSchema = v.object({
  upTo: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  frames: count,
  largest: distance,
  bound: distance,
})

const BoundsRecordSchema = v.object({
  quantized: digest,
  partner: digest,
  classifier: digest,
  backend: v.string(),
  frames: count,
  input: v.optional(v.object({ name: v.string(), sha256: digest, frames: count })),
  seed: count,
  factor: v.pipe(v.number(), v.finite(), v.minValue(1)),
  classes: v.pipe(
    v.array(ClassSchema),
    v.minLength(1),
    v.check(
      (classes) => classes.every(({ upTo }, i) => i === 0 || upTo > classes[i - 1]!.upTo),
      'length classes are not ascending',
    ),
  ),
  measured: v.pipe(v.string(), v.isoTimestamp()),
})
export const RecheckFileSchema = v.object({
  format: v.literal('virnucpro-recheck'),
  version: v.literal(1),
  bounds: v.array(BoundsRecordSchema),
})

/**
 * All that was measured of a bundle, also of models that it had before.
 *
 * @throws BundleError when the file is damaged; ReadError
 */
export async function readBounds({ folder }: Pick<Bundle, 'folder'>): Promise<BoundsRecord[]> {
  const path = join(folder, RECHECK_FILE)
  const text = await readText(path).catch(unlessMissing(path))
  if (text === undefined) return []
  try {
    return v.parse(RecheckFileSchema, parseJson(text)).bounds
  } catch (cause) {
    throw new BundleError(
      folder,
      `${path} is damaged: it does not say how far the quantized model is from its partner. Remove it, and measure again.`,
      { cause },
    )
  }
}

/**
 * The classifiers with which it was not measured how far the quantized model of a bundle is from its partner; none for a bundle
 * without one.
 *
 * @param source whose classifiers count: a bundle of the same models
 * @param leastFrames a measurement with fewer frames counts as none
 * @throws BundleError ReadError
 */
export async function unmeasuredClassifiers(
  bundle: Bundle,
  source: Pick<Bundle, 'manifest'> = bundle,
  leastFrames = 0,
): Promise<ClassifierRecord[]> {
  const pair = pairOf(bundle.manifest)
  if (pair === undefined) return []
  const known = boundsIn(await readBounds(bundle), pair.digests)
  return classifiersOf(source.manifest).filter(
    ({ graph }) =>
      !known.some(({ classifier, frames }) => classifier === graph.sha256 && frames >= leastFrames),
  )
}

/** Adds what was measured; a record of the same models and classifier is replaced. @throws BundleError WriteError */
export async function writeBounds(
  bundle: Pick<Bundle, 'folder'>,
  found: readonly BoundsRecord[],
): Promise<void> {
  const known = (await readBounds(bundle)).filter((old) => !found.some((each) => isSame(old, each)))
  const content = {
    format: 'virnucpro-recheck',
    version: 1,
    bounds: [...known, ...found],
  }
  await writeAtomically(join(bundle.folder, RECHECK_FILE), `${JSON.stringify(content, null, 2)}\n`)
}

function isSame(one: BoundsRecord, other: BoundsRecord): boolean {
  const keys = ['quantized', 'partner', 'classifier'] as const
  return keys.every((key) => one[key] === other[key])
}

/** What a bundle can recheck, and how far its models are apart; undefined for one without a partner. @throws BundleError */
export async function recheckOf(bundle: Bundle): Promise<RecheckFacts | undefined> {
  const pair = pairOf(bundle.manifest)
  return pair && factsOfPair(pair, boundsIn(await readBounds(bundle), pair.digests))
}
