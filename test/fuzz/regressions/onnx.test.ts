// Inputs that the target `onnx` has found, as small as they get.
import { expect, test } from 'bun:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { InferenceError, readGraph, shortenGraph } from '../../../src/onnx/index.ts'
import { ModelProtoSchema } from '../../../src/onnx/onnx_pb.ts'

test.each([
  ['of no graph', ''],
  ['that ends inside a field', '3a05'],
  ['of 200,000 groups, each inside the one before', '7b'.repeat(200_000)],
  ['of a field without a number', '00'],
])('a graph file %s is an error that names it', (_, hex) => {
  const bytes = Buffer.from(hex, 'hex')
  expect(() => readGraph(bytes, 'mlp/model.onnx')).toThrow(InferenceError)
  expect(() => readGraph(bytes, 'mlp/model.onnx')).toThrow('mlp/model.onnx is not an ONNX graph')
  expect(() => shortenGraph(bytes, 1)).toThrow(InferenceError)
})

test.each([2n ** 62n, -1n])('a weight with rows of %d numbers is refused before any is made', (width) => {
  const weight = { name: 'w', dataType: 1, dataLocation: 1, dims: [2n, width] }
  const model = create(ModelProtoSchema, { graph: { initializer: [weight] } })
  expect(() => shortenGraph(toBinary(ModelProtoSchema, model), 1)).toThrow(InferenceError)
})
