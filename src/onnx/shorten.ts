import { create, toBinary } from '@bufbuild/protobuf'
import { bytesPerElement, DataType } from './elements.ts'
import { DataLocation } from './enumerations.ts'
import {
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from './onnx_pb.ts'
import { readModel } from './read.ts'
import { InferenceError } from './session.ts'

const SCOPE = /^layer_(\d+)\//
const WIDEST_ROW = 2 ** 17

/**
 * A graph to measure speed with: it has the first of the layers only, which are the scopes `layer_1`, `layer_2` and so on, and
 * what follows the last layer follows the last one that is left. Each of its weights is one row over and over, made when the
 * graph is loaded, so that no file of weights is needed. What it computes means nothing and takes as long.
 *
 * @param model content of a graph file
 * @throws InferenceError when it is no graph, or not one of this program
 */
export function shortenGraph(model: Uint8Array, layers: number): Uint8Array {
  const decoded = readModel(model, 'the graph of a model')
  const { graph } = decoded
  const isLeft = (name: string) => Number(SCOPE.exec(name)?.[1] ?? 0) <= layers
  const nodes = graph.node.filter(({ name }) => isLeft(name))
  // Layers are alike, down to the names of their values.
  for (const node of nodes)
    node.input = node.input.map((name) => (isLeft(name) ? name : name.replace(SCOPE, `layer_${layers}/`)))
  const tensors = graph.initializer.filter(({ name }) => isLeft(name))
  const weights = tensors.filter(({ dataLocation }) => dataLocation === DataLocation.external)
  graph.node = [...weights.map(spread), ...nodes]
  graph.initializer = [
    ...tensors.filter(({ dataLocation }) => dataLocation !== DataLocation.external),
    ...weights.flatMap(spreadInputs),
  ]
  return toBinary(ModelProtoSchema, decoded)
}

const valueName = ({ name }: TensorProto) => `${name}:value`
const shapeName = ({ name }: TensorProto) => `${name}:shape`

/** A node that makes a tensor of a weight's shape. */
function spread(weight: TensorProto): NodeProto {
  const { name } = weight
  const input = [valueName(weight), shapeName(weight)]
  return create(NodeProtoSchema, { name, opType: 'Expand', input, output: [name] })
}

/** What the node takes: one row of small numbers of the weight's type, and the shape. */
function spreadInputs(weight: TensorProto): TensorProto[] {
  const { dims, dataType, name } = weight
  const width = Number(dims.at(-1) ?? 1n)
  // Of a real model the widest row is of 10,240 numbers; a graph may claim any.
  if (width < 0 || width > WIDEST_ROW)
    throw new InferenceError(`the weight ${name} of a graph has rows of ${width} numbers`)
  return [
    create(TensorProtoSchema, {
      name: valueName(weight),
      dataType,
      dims: [BigInt(width)],
      rawData: numbers(dataType as DataType, width, Number(dims.at(-2) ?? 1n)),
    }),
    create(TensorProtoSchema, {
      name: shapeName(weight),
      dataType: DataType.int64,
      dims: [BigInt(dims.length)],
      rawData: new Uint8Array(BigInt64Array.from(dims).buffer),
    }),
  ]
}

/**
 * Numbers that differ: products of equal ones take a processor less power, and it is faster then.
 *
 * @param inputs of the product; the more, the smaller the numbers
 */
function numbers(type: DataType, count: number, inputs: number): Uint8Array {
  const random = seeded()
  if (type !== DataType.float)
    return Uint8Array.from({ length: count * bytesPerElement(type) }, () => 64 * random())
  const values = Float32Array.from({ length: count }, () => (random() - 0.5) / Math.sqrt(inputs))
  return new Uint8Array(values.buffer)
}

/** Uniform between 0 and 1; Park & Miller 1988, doi:10.1145/63039.63042. */
function seeded(): () => number {
  let state = 1
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}
