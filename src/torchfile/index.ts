// Reading and writing PyTorch, safetensors and numpy files, without running anything in them.

// PyTorch files, both formats; tensors are read by position.
export type { DType } from './dtype.ts'
export { DTYPES, ITEM_BYTES, toFloat32 } from './dtype.ts'
// Errors: all are TorchFileError.
export { FeatureFileError, TorchFileError, UnsafePickleError } from './errors.ts'
// VirNucPro's feature files.
export {
  type DecodedFeatures,
  decodeBroadBatch,
  decodeDnabert,
  decodeEsm,
  decodeMerged,
  encodeDnabertFile,
  encodeEsmFile,
  encodeMergedFile,
  type FeatureFileOptions,
  type FeatureKind,
  type FeatureTable,
  featureKind,
  writeFeatureFile,
} from './features.ts'
export { openTorchFile, readTorchFile, verifyTorchFile } from './open.ts'
export type { PickleOptions } from './pickle-host.ts'
// Any other object, as torch.save writes it.
export { PyFloat, PyFloatList, PyString, TensorData, type Writable } from './pickle-writer.ts'
export { openSafetensors, SafetensorsError } from './safetensors.ts'
export { openSafetensorsIndex, openTorchIndex } from './sharded.ts'
export { StorageRef, type StoredTensor, type StreamOptions, type TensorInfo, TensorRef } from './tensor.ts'
export { TorchFile } from './torch-file.ts'
export type { TorchSaveOptions } from './torch-save.ts'
export { archiveNameOf, encodeTorchZip, writeTorchZip } from './torch-save.ts'
export type { PyValue } from './values.ts'
export { NumpyArray, NumpyDType, PickleObject, PyGlobal, PyTuple } from './values.ts'
// Weights of a model, wherever they are stored.
export { moduleStateDict, type WeightSource, weightSourceFromStateDict } from './weight-source.ts'
// Arrays for numpy and for whoever reads safetensors, in pieces.
export { type StreamedArray, writeNpz, writeSafetensors } from './write-arrays.ts'
export type { ByteSink } from './zip-writer.ts'
