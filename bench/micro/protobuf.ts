// Coding of the messages of a server, at the size of a run: the request of a batch of 16,384 tokens and the answer with
// its embeddings, beside Google's library in Python, as tritonclient uses it.
//   bun bench/micro/protobuf.ts [--quick] [--json FILE]
import { join, resolve } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { ModelInferResponseSchema } from '../../packages/tritonclient-ts/src/proto/service_pb.ts'
import { encodeRequest } from '../../packages/tritonclient-ts/src/request.ts'
import { InferResult } from '../../packages/tritonclient-ts/src/result.ts'
import { withFolder } from '../../scripts/support/temporary.ts'
import { benchOptions } from '../result.ts'
import { runCases } from './rounds.ts'

const options = benchOptions('bun bench/micro/protobuf.ts')
const proto = resolve(import.meta.dir, '../../packages/tritonclient-ts/src/proto/service.proto')
const rows = options.quick ? 8 : 320
const LENGTH = 51
const WIDTH = 2560
const OTHER = 'protobuf (C) in Python'

const ids = new Int32Array(rows * LENGTH).fill(5)
const lengths = new Int32Array(rows).fill(LENGTH)
const content = toBinary(
  ModelInferResponseSchema,
  create(ModelInferResponseSchema, {
    modelName: 'esm2',
    outputs: [{ name: 'embedding', datatype: 'FP32', shape: [BigInt(rows), BigInt(WIDTH)] }],
    rawOutputContents: [new Uint8Array(4 * rows * WIDTH)],
  }),
)

await withFolder(async (folder) => {
  const path = join(folder, 'response')
  await Bun.write(path, content)
  await runCases('micro/protobuf', options, { rows, length: LENGTH, width: WIDTH }, [
    {
      name: 'write a request',
      amount: 1,
      unit: 'requests/s',
      ours: () =>
        encodeRequest({
          model: 'esm2',
          inputs: [
            { name: 'input_ids', datatype: 'INT32', shape: [rows, LENGTH], data: ids },
            { name: 'lengths', datatype: 'INT32', shape: [rows], data: lengths },
          ],
          outputs: ['embedding'],
        }).length,
      other: { name: OTHER, question: { task: 'infer_request', proto, rows, length: LENGTH } },
    },
    {
      name: 'read an answer',
      amount: 1,
      unit: 'answers/s',
      ours: () => {
        const call = { model: 'esm2', url: 'bench' } as never
        const result = new InferResult(call, fromBinary(ModelInferResponseSchema, content), new Set())
        return result.output('embedding', 'FP32').data.length
      },
      other: { name: OTHER, question: { task: 'infer_response', proto, path } },
    },
  ])
})
