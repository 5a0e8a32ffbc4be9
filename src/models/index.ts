// Users' own weight files, and the bundles made from them.

// Bundles: manifest, identity, opening.
export {
  BUNDLE_VERSION,
  type BundleFile,
  bundleDigest,
  computesOnCpu,
  Manifest,
  manifestText,
  modelDigest,
  sourceDigest,
} from './bundle/manifest.ts'
export { type Bundle, openBundle, resolveBundle, verifyBundle } from './bundle/open.ts'
// BF16, FP16, FP8 and INT8: what they are calibrated or tried with, and what they cost.
export type { Accuracy, BothAccuracy } from './calibration/accuracy.ts'
export { DEFAULT_TOLERANCE, type Fp8Options } from './calibration/fp8-model.ts'
// What chunks a classifier was made for.
export { classifierLength, publishedLength } from './chunk-length.ts'
// Errors.
export {
  BundleError,
  CalibrationError,
  DimensionMismatchError,
  ModelError,
  ModelNotFoundError,
  TensorMismatchError,
} from './errors.ts'
// Graphs and readers by themselves, for comparing implementations.
export type { GraphOptions } from './graphs/common.ts'
export { TABLE_POSITIONS } from './graphs/form.ts'
export { type ImportOptions, importModels } from './import.ts'
// A classifier alone, for the original's command line, which names its file in each run.
export { type ImportedClassifier, importClassifier } from './import-classifier.ts'
export { type LoadedModel, loadDnabert, loadEsm2, loadMlp } from './load.ts'
export { readTokenizer } from './tokenizer.ts'
