// A client of KServe v2 inference servers, such as Triton, over gRPC. Depends on nothing else of this project.

export { TritonClient } from './client.ts'
// Element types and what holds them.
export {
  type Datatype,
  elementCount,
  type InputData,
  ITEM_BYTES,
  isDatatype,
  type OutputData,
  texts,
} from './codec.ts'
// What went wrong, and whether to try again.
export { type FailureReason, type StatusName, TritonError, type TritonErrorData } from './errors.ts'
// 16-bit floats, for tensors in shared memory and raw bytes.
export { bfloat16Bits, float16Bits, fromBfloat16Bits, fromFloat16Bits } from './half.ts'
export type {
  CallOptions,
  ClientOptions,
  Headers,
  KeepaliveOptions,
  RetryOptions,
  StreamOptions,
  TlsOptions,
} from './options.ts'
export type { Parameters, ParameterValue } from './parameters.ts'
// Model configurations and statistics are the protocol's own messages.
export {
  DataType,
  type ModelConfig,
  ModelConfigSchema,
  type ModelDynamicBatching,
  type ModelEnsembling,
  type ModelInput,
  type ModelInstanceGroup,
  ModelInstanceGroup_Kind,
  type ModelOptimizationPolicy,
  type ModelOutput,
  type ModelQueuePolicy,
  type ModelSequenceBatching,
  type ModelVersionPolicy,
  type ModelWarmup,
} from './proto/model_config_pb.ts'
export {
  type InferBatchStatistics,
  type InferResponseStatistics,
  type InferStatistics,
  type MemoryUsage,
  type ModelStatistics,
  ModelStatisticsSchema,
  type StatisticDuration,
} from './proto/service_pb.ts'
export { InferResult } from './result.ts'
export type { StreamAnswer } from './stream.ts'
// Requests and answers.
export type {
  InferRequest,
  InputTensor,
  InputTensorOf,
  OutputTensor,
  OutputTensorOf,
  RequestedOutput,
  SharedMemory,
} from './tensors.ts'
export type {
  CudaSharedMemoryRegion,
  LoadOverrides,
  LogSettings,
  ModelMetadata,
  RepositoryModel,
  ServerMetadata,
  SystemSharedMemoryRegion,
  TensorMetadata,
  TraceSettings,
} from './views.ts'
