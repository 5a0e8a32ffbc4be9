// From users' own weight files to a bundle: reading, graphs, quantization.

// Graphs and readers by themselves, for comparing implementations.
export type { GraphOptions } from './graphs/common.ts'
export { type ImportOptions, importModels } from './import.ts'
// A classifier alone, for the original's command line, which names its file in each run.
export { type ImportedClassifier, importClassifier } from './import-classifier.ts'
export { type LoadedModel, loadDnabert, loadEsm2, loadMlp } from './load.ts'
// BF16, FP16, FP8 and INT8: what they are calibrated or tried with, and what they cost.
export type { Accuracy, BothAccuracy } from './quantize/accuracy.ts'
export { DEFAULT_TOLERANCE, type Fp8Options } from './quantize/fp8-model.ts'
