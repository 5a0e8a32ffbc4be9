/** Has batches of token ids computed, in this process or on Triton servers, and decides what becomes of those that fail. */

// What the pipeline asks of a backend.
export type { ModelCounts, MonitoredLane, MonitoredServer } from '../monitor/index.ts'
export type { EmbeddingBackend, ServedModel, ServerFacts } from './backend.ts'
// Batches computed whatever happens to them.
export { type BatchRequest, type Computed, Dispatcher, type DispatcherOptions } from './dispatcher.ts'
export { Limiter } from './limiter.ts'
// The embedded default.
export {
  type HostedGraph,
  OnnxRuntimeBackend,
  type OnnxRuntimeOptions,
  requireCpuPrecision,
} from './onnxruntime.ts'
// The scheduler by itself, for benchmarks and simulations.
export { type Clock, type Lane, PullQueue, type PullQueueOptions, type Verdict } from './pull-queue.ts'
// Inference servers.
export type { TritonAccess } from './triton/access.ts'
export { NoServerError, TritonBackend, type TritonOptions, usualMetricsUrl } from './triton/backend.ts'
export {
  type Contract,
  contractsOf,
  OtherModelError,
  type PartnerContracts,
  partnersOf,
} from './triton/contract.ts'
export { suitableServers, type UnusableServer, type UsualPorts, usualServers } from './triton/find.ts'
