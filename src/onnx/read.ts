import { fromBinary } from '@bufbuild/protobuf'
import { messageOf } from '../system/problems.ts'
import { AttributeType, DataLocation, isOf } from './enumerations.ts'
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
  for (const { name: node, attribute } of graph.node) {
    const unknown = attribute.find(({ type }) => !isOf(AttributeType, type))
    if (unknown !== undefined)
      throw wrong(`the attribute ${unknown.name} of its node ${node} has the unknown type ${unknown.type}`)
  }
  for (const { name: tensor, dataLocation = DataLocation.default } of graph.initializer) {
    if (!isOf(DataLocation, dataLocation))
      throw wrong(`its tensor ${tensor} is at the unknown location ${dataLocation}`)
  }
  return { ...model, graph }
}
