import { expect, test } from 'bun:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { decode } from '../../../packages/tritonclient-ts/src/connection.ts'
import type { TritonClient } from '../../../packages/tritonclient-ts/src/index.ts'
import { ModelConfigSchema } from '../../../packages/tritonclient-ts/src/proto/model_config_pb.ts'
import {
  ModelInferResponseSchema,
  ModelStatisticsResponseSchema,
} from '../../../packages/tritonclient-ts/src/proto/service_pb.ts'
import { Agreement, readConfig } from '../../../src/dispatch/triton/contract.ts'
import { ModelLane } from '../../../src/dispatch/triton/lane.ts'

// Inputs that fuzzing found, as small as they get.

const CALL = { endpoint: 'grpc://h', method: 'ModelInfer', model: 'm' }
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

test('a part that ends behind its message is damage, and so is one of another type', () => {
  const damaged = [
    // An output of 3 bytes, whose name has 4 of them: the rest was read as another part.
    ['2a 03 0a 04 41 41 41 41', 'field 1 ends behind its message'],
    // A shape of 1 byte, whose number has 2.
    ['2a 04 1a 01 80 01', 'a number ends behind its list'],
    // A name that is a number.
    ['08 01', 'field 1 has the wire type 0'],
    ['2a 02 0a 01', 'ends behind its message'],
  ]
  for (const [hex = '', why = ''] of damaged) {
    const read = () => decode(CALL, ModelInferResponseSchema, bytes(hex))
    expect(read).toThrow('the answer is not a inference.ModelInferResponse')
    const cause = (() => {
      try {
        return read()
      } catch (error) {
        return (error as Error).cause
      }
    })()
    expect(String(cause)).toContain(why)
  }
  expect(() => decode(CALL, ModelStatisticsResponseSchema, bytes('0a 02 0a 0a 0a 0a'))).toThrow('not a')
})

test('what protobuf allows is read: parts in any order, lists in pieces, parts that nobody knows', () => {
  const read = decode(
    CALL,
    ModelInferResponseSchema,
    bytes('fa 07 01 58 1a 01 31 2a 0c 1a 02 03 04 18 05 12 02 46 50 78 01 0a 01 6d'),
  )
  expect(read.modelName).toBe('m')
  expect(read.outputs[0]?.shape).toEqual([3n, 4n, 5n])
})

test('a server that claims two billion instances gets 256 requests at most', () => {
  const config = create(ModelConfigSchema, {
    input: [
      { name: 'input_ids', dataType: 8, dims: [-1n, -1n] },
      { name: 'lengths', dataType: 8, dims: [-1n] },
    ],
    output: [{ name: 'embedding', dataType: 11, dims: [-1n, 4n] }],
    instanceGroup: [{ count: 2 ** 31 - 1, kind: 1, gpus: [0, 1, 2, 3] }],
    parameters: { in_flight: { stringValue: '9007199254740991' } },
  })
  expect(toBinary(ModelConfigSchema, config).length).toBeLessThan(200)
  const contract = { dimension: 4, source: '' }
  const lane = new ModelLane({ url: 'grpc://h' } as TritonClient, 'esm2', {
    agreement: new Agreement(contract, true),
  })
  lane.accept(readConfig('esm2', config, contract))
  expect(lane.capacity).toBe(256)
})
