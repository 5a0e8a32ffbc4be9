import { fromBinary } from '@bufbuild/protobuf'
import { messageOf } from '../system/problems.ts'
import { type GraphProto, type ModelProto, ModelProtoSchema } from './onnx_pb.ts'
import { InferenceError } from './session.ts'

/** The content of a graph file. @param name - what an error calls it @throws InferenceError when it is none */
export function readModel(bytes: Uint8Array, name: string): ModelProto & { graph: GraphProto } {
  const wrong = (why: string, cause?: unknown) =>
    new InferenceError(`${name} is not an ONNX graph: ${why}. Import the models again.`, { cause })
  let model: ModelProto
  try {
    model = fromBinary(ModelProtoSchema, bytes)
  } catch (cause) {
    throw wrong(messageOf(cause), cause)
  }
  const { graph } = model
  if (graph === undefined) throw wrong('there is none in it')
  return { ...model, graph }
}
