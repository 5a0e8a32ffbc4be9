// A model bundle: what it holds, whether it is whole, and the classifiers that are part of it.

import type * as boundsFile from './bounds-file.ts'
import type * as create from './create.ts'

// Opening.
export type { Bundle } from './bundle.ts'
export {
  Classifier,
  type ClassifierOptions,
  countEqualCalls,
  type Embeddings,
  featuresOf,
} from './classifier.ts'
// Errors.
export {
  BundleError,
  CalibrationError,
  DimensionMismatchError,
  ModelError,
  ModelNotFoundError,
  TensorMismatchError,
} from './errors.ts'
// Manifest and identity.
export {
  type BackbonesSource,
  BUNDLE_FORMAT,
  BUNDLE_VERSION,
  type BundleFile,
  backbonesDigest,
  backbonesId,
  bundleDigest,
  CLASSIFIER_FILE,
  type ClassifierRecord,
  classifierFor,
  classifierLength,
  classifiersOf,
  graphFiles,
  type HostedModel,
  hasPartner,
  hostedModel,
  hostedNames,
  KERNEL_CAPABILITY,
  layoutVersion,
  MANIFEST_FILE,
  type Manifest,
  manifestText,
  modelDigest,
  publishedLength,
  type SourceRecord,
  servedVersion,
  sourceDigest,
  TABLE_POSITIONS,
} from './manifest.ts'
export {
  eachModel,
  esm2Size,
  FEATURE_ORDER,
  forModels,
  GRAPH_TENSORS,
  HOSTED_NAMES,
  type HostedName,
  LICENCES,
  MODEL_NAMES,
  MODELS,
  type ModelName,
  modelFacts,
  modelOf,
  PARTNER_NAMES,
  type PartnerName,
  PUBLISHED_ESM2,
  partnerOf,
  type RecheckedName,
} from './models.ts'
export { openBundle, resolveBundle, verifyBundle } from './open.ts'
export {
  computesOnCpu,
  type GraphPrecision,
  isRechecked,
  PRECISION_NAMES,
  PRECISIONS,
  type Precision,
  precisionFacts,
  precisionsWhere,
} from './precisions.ts'
export {
  type BoundsRecord,
  boundsIn,
  type ClassBound,
  FACTOR,
  factsOfPair,
  factsOfStatement,
  pairOf,
  parseStatement,
  type RecheckBounds,
  type RecheckFacts,
  type RecheckPair,
  type RecheckStatement,
  statementText,
} from './recheck.ts'
export { readTokenizers, type Tokenizer } from './tokenizer.ts'

// Most who come here read a bundle that is there: what makes one is loaded when it is called.
const creation = () => import('./create.ts')

/** See `createBundle` in create.ts. */
export const createBundle: typeof create.createBundle = async (...asked) =>
  await (await creation()).createBundle(...asked)

/** See `ownsBundleFile` in create.ts. */
export const ownsBundleFile: typeof create.ownsBundleFile = async (folder) =>
  await (await creation()).ownsBundleFile(folder)

/** See `writeBundleFile` in create.ts. */
export const writeBundleFile: typeof create.writeBundleFile = async (...file) =>
  await (await creation()).writeBundleFile(...file)

const bounds = () => import('./bounds-file.ts')

/** See `readBounds` in bounds-file.ts. */
export const readBounds: typeof boundsFile.readBounds = async (bundle) =>
  await (await bounds()).readBounds(bundle)

/** See `recheckOf` in bounds-file.ts. */
export const recheckOf: typeof boundsFile.recheckOf = async (bundle) =>
  await (await bounds()).recheckOf(bundle)

/** See `unmeasuredClassifiers` in bounds-file.ts. */
export const unmeasuredClassifiers: typeof boundsFile.unmeasuredClassifiers = async (...asked) =>
  await (await bounds()).unmeasuredClassifiers(...asked)

/** See `writeBounds` in bounds-file.ts. */
export const writeBounds: typeof boundsFile.writeBounds = async (...found) =>
  await (await bounds()).writeBounds(...found)
