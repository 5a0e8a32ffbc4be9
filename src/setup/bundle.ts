import { basename } from 'node:path'
import {
  type Bundle,
  forModels,
  MODEL_NAMES,
  MODELS,
  publishedLength,
  sourceDigest,
} from '../bundle/index.ts'
import type { ClassifierFiles } from '../import/index.ts'
import { UsageError } from '../system/errors.ts'
import { SetupError } from './errors.ts'
import type { NamedClassifier } from './options.ts'
import type { Situation } from './situation.ts'

/** Whether the wanted bundle exists and is the default, with its weights on record. */
export function isMade({ base, record: { bundle, sources }, weights: { paths } }: Situation): boolean {
  if (base === undefined || bundle !== basename(base.folder) || sources === undefined) return false
  return MODEL_NAMES.every((name) => paths[name] === undefined || paths[name] === sources[MODELS[name].short])
}

/** Makes the bundle in the home unless it exists, and makes it the default. */
export async function makeBundle(situation: Situation): Promise<void> {
  const { options, weights, cpuPrecision, base } = situation
  const { logger, signal } = options
  const paths = forModels((name) => {
    const path = weights.paths[name]
    if (path !== undefined) return path
    throw new SetupError(`the weights of ${MODELS[name].label} are needed, and not on this machine`, {
      detail: { code: 'no-sources', data: {} },
    })
  })
  const { importIntoHome } = await import('../import/index.ts')
  const calibrate = cpuPrecision === 'int8' ? options.calibrate : undefined
  await importIntoHome({
    esm: paths.esm2,
    dnabert: paths.dnabert_s,
    mlp: base ?? classifiersFor(situation),
    precision: cpuPrecision,
    ...(calibrate !== undefined && { calibrate }),
    makeDefault: true,
    // A damaged bundle is made again.
    force: base === undefined,
    onProgress: (message) => logger.info(message),
    signal,
  })
}

/** Whether a bundle has the wanted language models, in whatever precision. */
export function hasSameSources(
  bundle: Bundle | undefined,
  { sources }: Situation['weights'],
): bundle is Bundle {
  if (bundle === undefined || sources === undefined) return false
  const { models } = bundle.manifest
  return MODEL_NAMES.every((name) => sourceDigest(models[name]) === sourceDigest({ source: sources[name] }))
}

/** The classifiers of the bundle with the same language models (others are added later), else the named ones, else the published ones. */
function classifiersFor({ before, weights, options }: Situation): ClassifierFiles {
  if (hasSameSources(before, weights)) return before
  if (options.mlp.length > 0) return classifierFiles(options.mlp)
  return weights.classifiers
}

/** @throws UsageError for several classifiers when a chunk length is unknown or occurs twice */
export function classifierFiles(named: readonly NamedClassifier[]): ClassifierFiles {
  const [first, ...others] = named
  const lengths = named.map(({ path, chunkLength }) => chunkLength ?? publishedLength(path))
  if (first !== undefined && others.length === 0 && lengths[0] === undefined) return first.path
  const files: Record<number, string> = {}
  for (const [i, { path }] of named.entries()) {
    const length = lengths[i]
    if (length === undefined)
      throw new UsageError(`which chunk length the classifier ${path} was made for is not known`, {
        detail: { code: 'classifier-length', data: {} },
      })
    if (files[length] !== undefined)
      throw new UsageError(`two classifiers for chunks of ${length} bases: ${files[length]} and ${path}`)
    files[length] = path
  }
  return files
}

export async function addClassifiersTo({ base, classifiers, options }: Situation): Promise<void> {
  if (base === undefined) throw new SetupError('there is no bundle to add a classifier to')
  const { addClassifiers } = await import('../import/index.ts')
  const { logger, signal } = options
  await addClassifiers({
    bundle: base.folder,
    mlp: classifierFiles(classifiers),
    onProgress: (message) => logger.info(message),
    signal,
  })
}
