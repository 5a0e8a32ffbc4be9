import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton, type TritonServer } from '../../../scripts/support/triton.ts'
import * as source from '../src/index.ts'
import { installPackage, underNode } from './node.ts'
import { tour } from './programs/tour.ts'
import { CONFIG_TYPE, writeRepository } from './repository.ts'

const ECHO = join(import.meta.dir, 'models/echo.py')

/** What the tour of every RPC has to come back with, whatever the runtime. */
const EXPECTED = {
  live: true,
  ready: [true, true, false],
  server: ['triton', true],
  metadata: {
    name: 'echo',
    versions: ['1'],
    platform: 'python',
    inputs: [{ name: 'IN', datatype: 'UINT8', shape: [-1] }],
    outputs: [{ name: 'OUT', datatype: 'UINT8', shape: [-1] }],
  },
  config: ['python', 0, [[2, source.ModelInstanceGroup_Kind.CPU]]],
  configInput: [['IN', [-1], source.DataType.TYPE_UINT8]],
  BOOL: ['x1', [2, 2], '1', '0', '0', '1'],
  BOOL8: ['x1', [1, 3], '0', '1', '1'],
  UINT8: ['x1', [1, 2], '0', '255'],
  UINT16: ['x1', [1, 2], '0', '65535'],
  UINT32: ['x1', [1, 2], '0', '4294967295'],
  UINT64: ['x1', [1, 2], '0', '18446744073709551615'],
  INT8: ['x1', [1, 2], '-128', '127'],
  INT16: ['x1', [1, 2], '-32768', '32767'],
  INT32: ['x1', [1, 2], '-2147483648', '2147483647'],
  INT64: ['x1', [2, 1], '-9223372036854775808', '9223372036854775807'],
  // The nearest values of each format; 70,000 is more than binary16 holds.
  FP16: ['x1', [2, 3], '1', '-2.5', '0.0030002593994140625', 'Infinity', 'NaN', '-Infinity'],
  BF16: ['x1', [2, 3], '1', '-2.5', '0.0030059814453125', '70144', 'NaN', '-Infinity'],
  FP32: ['x1', [2, 3], '1', '-2.5', String(Math.fround(3e-3)), '70000', 'NaN', '-Infinity'],
  FP64: ['x1', [1, 2], String(Math.PI), '0'],
  empty: ['x1', [0, 7]],
  BYTES: [
    ['héllo', ''],
    [0xff, 0],
  ],
  classes: ['0.750000:1', '0.500000:2'],
  stream: { a: [0, 1, 2, 'end'], b: [0, 1, 'end'] },
  refused: ['NOT_FOUND', true],
  statistics: [['same_int8', '1']],
  allStatistics: true,
  index: 'READY',
  unloaded: false,
  loaded: true,
  sent: true,
  trace: ['7'],
  traceReset: ['1000'],
  log: 1,
  logReset: 0,
  cuda: [],
  cudaRegister: 'CudaSharedMemoryRegister',
  error: ['INVALID_ARGUMENT', 'rejected', false, 'same_int64', ''],
  aborted: 'CANCELLED',
}

describe.skipIf(!hasTriton)('every RPC of a real server', () => {
  const folder = temporaryFolder()
  const models = [
    'echo',
    'sleep',
    'repeat',
    ...Object.keys(CONFIG_TYPE).map((name) => `same_${name.toLowerCase()}`),
  ]
  let server: TritonServer

  beforeAll(async () => {
    server = await startTriton({ repository: writeRepository(folder.join('models'), models), models })
  }, 120_000)
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  test('under Node, with the packed package', async () => {
    const installed = await installPackage(folder.join('node'))
    expect(await underNode<unknown>(installed, 'tour', server.grpcUrl, ECHO)).toEqual(EXPECTED)
  }, 120_000)

  test('under Bun', async () => {
    const seen = await tour(source, server.grpcUrl, ECHO)
    // Its models have answered once more by now.
    expect(seen).toEqual({ ...EXPECTED, statistics: [['same_int8', '2']] })
  }, 120_000)

  test('tensors travel through memory shared with the server', async () => {
    using client = new source.TritonClient(server.grpcUrl)
    const key = `/virnucpro_test_${process.pid}`
    const file = join('/dev/shm', key)
    try {
      const input = new Uint8Array(64).map((_, i) => i)
      writeFileSync(file, new Uint8Array([...input, ...new Uint8Array(64)]))
      await client.registerSystemSharedMemory({ name: 'region', key, byteSize: 128 })
      expect(await client.systemSharedMemory({ name: 'region' })).toEqual([
        { name: 'region', key, byteSize: 128, offset: 0 },
      ])
      const result = await client.infer({
        model: 'echo',
        inputs: [
          { name: 'IN', datatype: 'UINT8', shape: [64], sharedMemory: { region: 'region', byteSize: 64 } },
        ],
        outputs: [{ name: 'OUT', sharedMemory: { region: 'region', byteSize: 64, offset: 64 } }],
      })
      const output = result.output('OUT', 'UINT8')
      expect(output.shape).toEqual([64])
      expect(output.data).toHaveLength(0)
      expect((await Bun.file(file).bytes()).subarray(64)).toEqual(input.map((byte) => byte ^ 0x5a))
      await client.unregisterSystemSharedMemory()
      expect(await client.systemSharedMemory()).toEqual([])
    } finally {
      rmSync(file, { force: true })
    }
  })

  test('a stream ends cleanly when the reader leaves early, and so does the generator that feeds it', async () => {
    using client = new source.TritonClient(server.grpcUrl)
    let fed = 0
    const { promise: cleaned, resolve: clean } = Promise.withResolvers<string>()
    async function* forever(): AsyncGenerator<source.InferRequest> {
      try {
        for (;;) {
          fed++
          yield {
            model: 'echo',
            inputs: [{ name: 'IN', datatype: 'UINT8', shape: [100_000], data: new Uint8Array(100_000) }],
          }
        }
      } finally {
        clean('clean')
      }
    }
    let read = 0
    for await (const { result } of client.streamInfer(forever(), { maxPending: 8 })) {
      expect(result?.outputs[0]?.data).toHaveLength(100_000)
      if (++read === 20) break
    }
    expect(await cleaned).toBe('clean')
    expect(fed).toBeLessThanOrEqual(20 + 8)
    expect(await client.serverLive()).toBe(true)
  })

  test("an error of the requests' generator comes out of the stream", async () => {
    using client = new source.TritonClient(server.grpcUrl)
    async function* broken(): AsyncGenerator<source.InferRequest> {
      yield {
        model: 'echo',
        inputs: [{ name: 'IN', datatype: 'UINT8', shape: [1], data: new Uint8Array(1) }],
      }
      throw new RangeError('no more')
    }
    const read = async () => {
      for await (const _ of client.streamInfer(broken()));
    }
    expect(read()).rejects.toThrow(new RangeError('no more'))
  })

  test('a stream stops at its deadline, at an abort and when the client closes', async () => {
    const sleep = (seconds: number): source.InferRequest => ({
      model: 'sleep',
      inputs: [{ name: 'IN', datatype: 'FP32', shape: [1], data: new Float32Array([seconds]) }],
    })
    const read = async (client: source.TritonClient, options: source.CallOptions) => {
      for await (const _ of client.streamInfer([sleep(1)], options));
    }
    using client = new source.TritonClient(server.grpcUrl)
    await expect(read(client, { deadlineMs: 100 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      retryable: true,
    })
    await expect(read(client, { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    const closed = read(client, {})
    setTimeout(() => client.close(), 100)
    await expect(closed).rejects.toMatchObject({
      code: 'CANCELLED',
      message: expect.stringContaining('closed'),
    })
  })
})
