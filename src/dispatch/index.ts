// What the pipeline asks of a backend.
export type {
  BackendServer,
  EmbeddingBackend,
  LaneActivity,
  ServedModel,
  ServerFacts,
} from './backend.ts'
// Batches computed whatever happens to them.
export { type BatchRequest, type Computed, Dispatcher } from './dispatcher.ts'
export { Limiter } from './limiter.ts'
// The embedded default.
export { OnnxRuntimeBackend, type OnnxRuntimeOptions } from './onnxruntime.ts'
// Inference servers.
export { TritonBackend, type TritonOptions } from './triton/backend.ts'
export type { Contract } from './triton/contract.ts'
export type { TritonAccess } from './triton/endpoint.ts'
export { suitableServers, type UnusableServer, type UsualPorts, usualServers } from './triton/find.ts'
export { warnOfUnstated } from './triton/identity.ts'
// The scheduler by itself, for benchmarks and simulations.
export { type Clock, type Lane, PullQueue, type PullQueueOptions, type Verdict } from './triton/pull-queue.ts'
export { NoServerError } from './triton/start.ts'
