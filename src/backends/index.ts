// What the pipeline asks of a backend.
export type { EmbeddingBackend, ModelName, TokenBatch } from './backend.ts'
// The embedded default.
export { OnnxRuntimeBackend, type OnnxRuntimeOptions } from './onnxruntime/backend.ts'
