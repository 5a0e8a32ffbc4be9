// ONNX files, written without Python: a graph builder and a streaming writer; and sessions that run them.

export { bytesPerElement, DataType, elementCount, type FloatType, type WeightType } from './dtype.ts'
export { encodeFloats, roundToBfloat16, roundToHalf, toBfloat16 } from './encode.ts'
export {
  type Attribute,
  type Dimension,
  type FloatSource,
  GraphBuilder,
  type Value,
  type Weight,
} from './graph.ts'
export {
  InferenceError,
  type InferenceSession,
  loadRuntime,
  openSession,
  type SessionOptions,
} from './session.ts'
export {
  encodeGraph,
  encodeInline,
  IR_VERSION,
  OPSET,
  type WriteOptions,
  type WrittenFile,
  type WrittenModel,
  weightBytes,
  writeModel,
} from './write.ts'
