// Inputs that the target `onnx` has found, as small as they get.
import { expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { InferenceError, openSession, readGraph, shortenGraph } from '../../../src/onnx/index.ts'
import { type GraphProtoSchema, ModelProtoSchema } from '../../../src/onnx/onnx_pb.ts'

const fileOf = (graph: MessageInitShape<typeof GraphProtoSchema>) =>
  toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph }))

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

test.each([-1, 15, 18])(
  'an attribute of type %d, which no reader of the format knows, is refused',
  (type) => {
    const bytes = fileOf({ node: [{ name: 'hidden', attribute: [{ name: 'transB', i: 1n, type }] }] })
    const wanted = `attribute transB of its node hidden has the unknown type ${type}.`
    expect(() => readGraph(bytes, 'mlp/model.onnx')).toThrow(wanted)
    expect(() => shortenGraph(bytes, 1)).toThrow(wanted)
  },
)

test.each([-1, 2])(
  'a tensor at location %d, which no reader of the format knows, is refused',
  (dataLocation) => {
    const bytes = fileOf({ initializer: [{ name: 'w', dataType: 1, dims: [1n], dataLocation }] })
    const wanted = `tensor w is at the unknown location ${dataLocation}.`
    expect(() => readGraph(bytes, 'mlp/model.onnx')).toThrow(wanted)
    expect(() => shortenGraph(bytes, 1)).toThrow(wanted)
  },
)

test.each([2n ** 62n, -1n])('a weight with rows of %d numbers is refused before any is made', (width) => {
  const bytes = fileOf({ initializer: [{ name: 'w', dataType: 1, dataLocation: 1, dims: [2n, width] }] })
  expect(() => shortenGraph(bytes, 1)).toThrow(InferenceError)
})

test('a graph whose weights lie outside of its folder is not loaded', async () => {
  await using folder = temporaryFolder()
  const demo = resolve(import.meta.dir, '../../../examples/demo-bundle/esm2')
  const weights = readFileSync(`${demo}/weights.bin`)
  writeFileSync(folder.join('weights.bin'), weights)
  mkdirSync(folder.join('esm2'))
  const model = fromBinary(ModelProtoSchema, readFileSync(`${demo}/model.onnx`))
  const moved = async (location: string) => {
    for (const { externalData } of model.graph!.initializer)
      for (const entry of externalData) if (entry.key === 'location') entry.value = location
    const path = folder.join('esm2/model.onnx')
    writeFileSync(path, toBinary(ModelProtoSchema, model))
    const session = await openSession(path, { threads: 1 })
    await session.release()
  }
  writeFileSync(folder.join('esm2/here.bin'), weights)
  await moved('here.bin')
  for (const location of ['../weights.bin', folder.join('weights.bin')]) {
    const error = await moved(location).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(InferenceError)
    expect(String(error)).toContain('xternal data')
  }
})
