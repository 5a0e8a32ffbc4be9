// Reading and writing PyTorch files, and reading safetensors, without running anything in them.

// PyTorch files, both formats; tensors are read by position.
export type { DType } from './dtype.ts'
export { ITEM_BYTES, toFloat32 } from './dtype.ts'
// Errors: all are TorchFileError.
export { FeatureFileError, TorchFileError, UnsafePickleError } from './errors.ts'
// VirNucPro's feature files.
export type { DecodedFeatures } from './feature-read.ts'
export { decodeBroadBatch, decodeDnabert, decodeEsm, decodeMerged, featureKind } from './feature-read.ts'
export type { FeatureFileOptions, FeatureKind, FeatureTable } from './feature-write.ts'
export { encodeDnabertFile, encodeEsmFile, encodeMergedFile, writeFeatureFile } from './feature-write.ts'
// Weights of a model, wherever they are stored.
export { moduleStateDict } from './module-state.ts'
export { openTorchFile, readTorchFile } from './open.ts'
export type { PickleOptions } from './pickle-host.ts'
// Any other object, as torch.save writes it.
export { PyFloat, PyFloatList, PyString, TensorData, type Writable } from './pickle-writer.ts'
export { openSafetensors, SafetensorsError } from './safetensors.ts'
export { openSafetensorsIndex, openTorchIndex } from './sharded.ts'
export { StorageRef, type TensorInfo, TensorRef } from './tensor.ts'
export type { StreamOptions } from './tensor-data.ts'
export { TorchFile } from './torch-file.ts'
export type { TorchSaveOptions } from './torch-save.ts'
export { archiveNameOf, encodeTorchZip, writeTorchZip } from './torch-save.ts'
export type { PyValue } from './values.ts'
export { NumpyArray, NumpyDType, PickleObject, PyGlobal, PyTuple } from './values.ts'
export { type WeightSource, weightSourceFromStateDict } from './weight-source.ts'
export type { ByteSink } from './zip-writer.ts'
