import { afterEach, expect, test } from 'bun:test'
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { Metadata, Server, ServerCredentials, type ServerUnaryCall, status } from '@grpc/grpc-js'
import { type CallOptions, type ClientOptions, TritonClient } from '../src/index.ts'
import {
  ModelInferRequestSchema,
  ModelInferResponseSchema,
  ServerLiveResponseSchema,
} from '../src/proto/service_pb.ts'

// Servers that answer as Triton does not on demand, or as other KServe v2 servers and proxies do.

type Infer = (call: ServerUnaryCall<Buffer, Buffer>) => Buffer | { code: number; details: string }

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

async function serve(infer: Infer, options: Partial<ClientOptions> = {}): Promise<TritonClient> {
  const server = new Server()
  const plain = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  }
  const method = (name: string) => ({
    path: `/inference.GRPCInferenceService/${name}`,
    requestStream: false as const,
    responseStream: false as const,
    ...plain,
  })
  const handle = (call: ServerUnaryCall<Buffer, Buffer>, done: (error: never, value?: never) => void) => {
    const answer = infer(call)
    if (Buffer.isBuffer(answer)) done(null as never, answer as never)
    else done({ ...answer, metadata: new Metadata() } as never)
  }
  server.addService(
    { ModelInfer: method('ModelInfer'), ServerLive: method('ServerLive') },
    { ModelInfer: handle as never, ServerLive: handle as never },
  )
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  const client = new TritonClient({ url: `grpc://127.0.0.1:${port}`, ...options })
  cleanups.push(() => {
    client.close()
    server.forceShutdown()
  })
  return client
}

const same = (value: Buffer): Buffer => value
const answer = (response: MessageInitShape<typeof ModelInferResponseSchema>): Buffer =>
  Buffer.from(toBinary(ModelInferResponseSchema, create(ModelInferResponseSchema, response)))
const live = Buffer.from(toBinary(ServerLiveResponseSchema, create(ServerLiveResponseSchema, { live: true })))
const tensor = { name: 'OUT', datatype: 'FP32', shape: [2n] }
const ask = (client: TritonClient, options: CallOptions = {}) =>
  client.infer({ model: 'm', inputs: [] }, options)

test('an answer with too few bytes is an error, not an empty tensor', async () => {
  for (const length of [0, 4, 7, 9]) {
    const client = await serve(() =>
      answer({ outputs: [tensor], rawOutputContents: [new Uint8Array(length)] }),
    )
    await expect(ask(client)).rejects.toMatchObject({
      code: 'DATA_LOSS',
      reason: 'bad-answer',
      retryable: false,
      model: 'm',
      message: expect.stringContaining(`output "OUT" (FP32 [2]) has ${length} bytes where its shape needs 8`),
    })
  }
})

test('answers that make no sense', async () => {
  const raw = new Uint8Array(8)
  const cases: [string, MessageInitShape<typeof ModelInferResponseSchema>][] = [
    ['2 blocks of bytes for 1 outputs', { outputs: [tensor], rawOutputContents: [raw, raw] }],
    ['has no bytes', { outputs: [tensor, { ...tensor, name: 'MORE' }], rawOutputContents: [raw] }],
    ['two outputs "OUT" in the answer', { outputs: [tensor, tensor], rawOutputContents: [raw, raw] }],
    [
      'elements one by one beside bytes',
      { outputs: [{ ...tensor, contents: { fp32Contents: [1, 2] } }], rawOutputContents: [raw] },
    ],
    [
      'the element 300, which is none of INT8',
      { outputs: [{ ...tensor, datatype: 'INT8', contents: { intContents: [1, 300] } }] },
    ],
    ['unknown datatype "FP8"', { outputs: [{ ...tensor, datatype: 'FP8' }], rawOutputContents: [raw] }],
    ['has the shape [-2]', { outputs: [{ ...tensor, shape: [-2n] }], rawOutputContents: [raw] }],
  ]
  for (const [text, response] of cases) {
    const client = await serve(() => answer(response))
    await expect(ask(client)).rejects.toMatchObject({
      code: 'DATA_LOSS',
      message: expect.stringContaining(text),
    })
  }
  const client = await serve(() => Buffer.from([0xff, 0xff, 0xff]))
  await expect(ask(client)).rejects.toThrow('the answer is not a inference.ModelInferResponse')
})

test('asking for an output that is not there, or is something else', async () => {
  const client = await serve(() => answer({ outputs: [tensor], rawOutputContents: [new Uint8Array(8)] }))
  const result = await ask(client)
  expect(result.output('OUT', 'FP32').data).toEqual(new Float32Array(2))
  expect(() => result.output('IN', 'FP32')).toThrow('no output "IN" in the answer; it has "OUT"')
  expect(() => result.output('OUT', 'INT32')).toThrow('output "OUT" is FP32, not INT32')
})

test('elements sent one by one', async () => {
  const client = await serve(() =>
    answer({ outputs: [{ ...tensor, contents: { fp32Contents: [1.5, -2] } }] }),
  )
  expect((await ask(client)).output('OUT', 'FP32').data).toEqual(new Float32Array([1.5, -2]))
})

test('parameters go there and back', async () => {
  const client = await serve(({ request }) => {
    const { parameters } = fromBinary(ModelInferRequestSchema, request)
    return answer({ parameters })
  })
  const parameters = { a: 1, b: -1.5, c: 'x', d: true, e: 2n ** 63n - 1n, f: 2n ** 64n - 1n }
  expect((await client.infer({ model: 'm', inputs: [], parameters })).parameters).toEqual(parameters)
})

test("headers: the client's, the call's, asked for again at each attempt", async () => {
  const seen: unknown[] = []
  let token = 0
  const client = await serve(
    ({ metadata }) => {
      seen.push([metadata.get('authorization'), metadata.get('x-a'), metadata.get('x-bytes-bin')])
      return seen.length === 1 ? { code: status.UNAVAILABLE, details: 'later' } : live
    },
    {
      headers: async () => ({ authorization: `Bearer ${++token}`, 'x-a': 'client' }),
      retry: { initialDelayMs: 1 },
    },
  )
  await client.serverLive({ headers: { 'x-a': ['one', 'two'], 'x-bytes-bin': new Uint8Array([0, 255]) } })
  expect(seen).toEqual([
    [['Bearer 1'], ['one, two'], [Buffer.from([0, 255])]],
    [['Bearer 2'], ['one, two'], [Buffer.from([0, 255])]],
  ])
  const secret = client.serverLive({ headers: { 'bad name': 'secret' } })
  await expect(secret).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  await expect(secret).rejects.not.toThrow('secret')
})

test('statuses that proxies give', async () => {
  const cases: [number, string, object][] = [
    [status.UNAUTHENTICATED, 'no token', { reason: 'rejected', retryable: false }],
    [status.PERMISSION_DENIED, 'not you', { reason: 'rejected', retryable: false }],
    [status.RESOURCE_EXHAUSTED, 'ENHANCE_YOUR_CALM', { reason: 'busy', retryable: true }],
    [
      status.RESOURCE_EXHAUSTED,
      'Received message larger than max (5 vs 4)',
      { reason: 'rejected', retryable: false },
    ],
    [status.INTERNAL, 'Received RST_STREAM with code 2', { reason: 'unavailable', retryable: true }],
    [status.UNAVAILABLE, 'upstream connect error', { reason: 'unavailable', retryable: true }],
    [77, 'what', { code: 'UNKNOWN', reason: 'model-failed', retryable: false }],
  ]
  for (const [code, details, expected] of cases) {
    const client = await serve(() => ({ code, details }))
    await expect(ask(client, { retry: false })).rejects.toMatchObject(expected)
  }
})

test('a call that fails at first is sent as often as allowed', async () => {
  let calls = 0
  const client = await serve(() =>
    ++calls % 4 === 0 ? answer({}) : { code: status.UNAVAILABLE, details: '' },
  )
  await expect(ask(client, { retry: { attempts: 3, initialDelayMs: 1 } })).rejects.toMatchObject({
    attempts: 3,
  })
  expect(calls).toBe(3)
  calls = 0
  expect((await ask(client, { retry: { attempts: 4, initialDelayMs: 1 } })).outputs).toEqual([])
  expect(() => new TritonClient({ url: 'grpc://a', retry: { attempts: 0 } })).toThrow('1 or more')
})

test('compressed requests arrive', async () => {
  const sizes: number[] = []
  const client = await serve(
    ({ request }) => {
      sizes.push(fromBinary(ModelInferRequestSchema, request).rawInputContents[0]?.length ?? 0)
      return answer({})
    },
    { compression: 'gzip' },
  )
  const input = { name: 'IN', datatype: 'UINT8', shape: [100_000], data: new Uint8Array(100_000) } as const
  await client.infer({ model: 'm', inputs: [input] })
  expect(sizes).toEqual([100_000])
})
