/** ONNX files, written without Python: a graph builder and a streaming writer; and sessions that run them. */

export {
  bytesPerElement,
  DataType,
  elementCount,
  encodeFloats,
  type FloatType,
  roundToBfloat16,
  roundToFloat8,
  roundToHalf,
  toBfloat16,
  type WeightType,
} from './elements.ts'
export { type FloatSource, GraphBuilder, readGraph, type Value, type Weight } from './graph.ts'
export { InferenceError, type InferenceSession, loadRuntime, openSession } from './session.ts'
// A part of a graph, to measure with.
export { shortenGraph } from './shorten.ts'
export {
  encodeGraph,
  encodeInline,
  type WrittenFile,
  weightBytes,
  writeModel,
  writeTemporary,
} from './write.ts'
