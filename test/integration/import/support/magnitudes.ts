import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { Tensor } from 'onnxruntime-node'
import type { OpenedModel } from '../../../../src/import/index.ts'
import { writeModel } from '../../../../src/onnx/index.ts'
import { ModelProtoSchema, ValueInfoProtoSchema } from '../../../../src/onnx/onnx_pb.ts'
import { openGraph, temporaryFolder } from './run.ts'

/** Nodes whose results are numbers of the model itself: others only move them about, or are steps of a GELU. */
const RESULTS = ['Gather', 'MatMul', 'Add', 'LayerNormalization']

/**
 * The largest magnitude among what a model in FP32 makes of tokens: of all that a node gives or a product takes, [1,T,..], and of
 * what a product gives of whatever shape, such as the scores of attention.
 * Read off the graph, every row alone.
 */
export async function largestInside(model: OpenedModel, rows: Iterable<Int32Array>): Promise<number> {
  using folder = temporaryFolder()
  await writeModel(model.graph(), { folder: folder.path, producer: { name: 'test', version: '0' } })
  const path = join(folder.path, 'model.onnx')
  const proto = fromBinary(ModelProtoSchema, readFileSync(path))
  const { node, output } = proto.graph!
  const products = node.filter(({ opType }) => opType === 'MatMul')
  const given = new Set(products.map((each) => each.output[0]!))
  const results = node.filter(({ opType }) => RESULTS.includes(opType)).map((each) => each.output[0]!)
  const taken = products.map((each) => each.input[0]!)
  for (const name of new Set([...results, ...taken])) output.push(create(ValueInfoProtoSchema, { name }))
  writeFileSync(path, toBinary(ModelProtoSchema, proto))
  const session = await openGraph(path)
  let largest = 0
  for (const ids of rows) {
    const found = await session.run({
      input_ids: new Tensor('int32', ids, [1, ids.length]),
      lengths: new Tensor('int32', Int32Array.of(ids.length), [1]),
    })
    for (const [name, { dims, data }] of Object.entries(found)) {
      if (dims.length !== 3 && !given.has(name)) continue
      for (const value of data as Float32Array) largest = Math.max(largest, Math.abs(value))
    }
  }
  await session.release()
  return largest
}
