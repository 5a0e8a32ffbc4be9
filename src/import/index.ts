// From users' own weight files to a bundle: reading, graphs, quantization.

export {
  type AddOptions,
  addClassifiers,
  type ClassifierFiles,
  type ImportedClassifier,
  importClassifier,
} from './classifiers.ts'
export { describeWeights, hasKernel, type WeightFacts } from './describe.ts'
export type { GraphOptions } from './graphs/common.ts'
export {
  type ImportOptions,
  importModels,
  type PrecisionsThat,
  type Quantization,
  type Rechecking,
} from './import.ts'
export { type HomeImport, type HomeImportOptions, importIntoHome } from './into-home.ts'
// Models by themselves, for comparing implementations.
export { type LanguageModel, type OpenedModel, openDnabert, openEsm2, openMlp } from './open.ts'
export { chosenPartner, type RecheckChoice } from './quantize/partner.ts'
