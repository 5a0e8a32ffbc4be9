import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { freePorts, hasTriton, startTriton, type TritonServer } from '../../../scripts/support/triton.ts'
import { type InferRequest, type InputTensor, TritonClient, TritonError } from '../src/index.ts'
import { writeRepository } from './repository.ts'

const once = { retry: false } as const

/** What a promise fails with, which must be the one error of this package. */
async function failure(promise: Promise<unknown>): Promise<TritonError> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(TritonError)
  return error as TritonError
}

function request(model: string, input: InputTensor, more: Partial<InferRequest> = {}): InferRequest {
  return { model, inputs: [input], ...more }
}

const bytes = (shape: number[], length = shape.reduce((a, b) => a * b, 1)): InputTensor => ({
  name: 'IN',
  datatype: 'UINT8',
  shape,
  data: new Uint8Array(length),
})
const sleep = (seconds: number) =>
  request('sleep', { name: 'IN', datatype: 'FP32', shape: [1], data: new Float32Array([seconds]) })
const faulty = (how: string) => request('faulty', { name: 'IN', datatype: 'BYTES', shape: [1], data: [how] })

test('nothing listens: UNAVAILABLE, retryable, after as many attempts as allowed', async () => {
  const { grpc } = await freePorts()
  using client = new TritonClient({
    url: `grpc://127.0.0.1:${grpc}`,
    retry: { attempts: 2, initialDelayMs: 1 },
  })
  const error = await failure(client.infer(request('echo', bytes([1]))))
  expect(error).toMatchObject({
    code: 'UNAVAILABLE',
    reason: 'unavailable',
    retryable: true,
    attempts: 2,
    model: 'echo',
  })
  expect(error.endpoint).toBe(client.url)
  expect(error.message).toContain('check that it runs at this address')
  expect(await failure(client.serverLive(once))).toMatchObject({ attempts: 1, method: 'ServerLive' })
  expect(await failure(client.loadModel('echo'))).toMatchObject({ attempts: 1 })
  const patient = client.serverLive({ waitForReady: true, deadlineMs: 100 })
  expect(await failure(patient)).toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    reason: 'deadline',
    retryable: true,
  })
  const never = await failure(client.waitUntilReady({ deadlineMs: 250 }))
  expect(never).toMatchObject({ code: 'DEADLINE_EXCEEDED', cause: { code: 'UNAVAILABLE' } })
})

test('waiting for a server that accepts and stays mute ends in time, and without a word from the runtime', async () => {
  const warnings: string[] = []
  const listen = (warning: Error) => warnings.push(warning.name)
  process.on('warning', listen)
  using mute = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  using client = new TritonClient({ url: `grpc://127.0.0.1:${mute.port}` })
  const error = await failure(client.waitUntilReady({ models: ['echo'], deadlineMs: 200 }))
  await Bun.sleep(1)
  process.off('warning', listen)
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', cause: { code: 'DEADLINE_EXCEEDED' } })
  expect(warnings).toEqual([])
})

test('requests that cannot be right never leave', async () => {
  using client = new TritonClient('grpc://127.0.0.1:1')
  for (const input of [
    bytes([2], 3),
    bytes([-1], 1),
    bytes([1.5], 1),
    { name: 'IN', datatype: 'FP32', shape: [1], data: new Float64Array(1) } as unknown as InputTensor,
    { name: 'IN', datatype: 'BYTES', shape: [1], data: [7] } as unknown as InputTensor,
    { name: 'IN', datatype: 'FP8', shape: [1], data: new Uint8Array(1) } as unknown as InputTensor,
    { name: 'IN', datatype: 'INT64', shape: [1], raw: new Uint8Array(7) },
  ] as InputTensor[]) {
    const error = await failure(client.infer(request('m', input)))
    expect(error).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'rejected',
      retryable: false,
      attempts: 0,
      model: 'm',
    })
    expect(error.message).toContain('tensor "IN"')
  }
})

describe.skipIf(!hasTriton)('a real server', () => {
  const folder = temporaryFolder()
  let server: TritonServer
  let client: TritonClient

  beforeAll(async () => {
    const models = ['echo', 'sleep', 'faulty', 'repeat', 'same_int64']
    server = await startTriton({ repository: writeRepository(folder.join('models'), models), models })
    client = new TritonClient(server.grpcUrl)
  }, 120_000)
  afterAll(async () => {
    client?.close()
    await server?.[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  test('unknown model or version', async () => {
    const expected = { code: 'NOT_FOUND', reason: 'not-found', retryable: false, attempts: 1 }
    expect(await failure(client.infer(request('nonesuch', bytes([1]))))).toMatchObject({
      ...expected,
      model: 'nonesuch',
    })
    expect(await failure(client.infer(request('echo', bytes([1]), { version: '9' })))).toMatchObject(expected)
    expect(await failure(client.modelMetadata('nonesuch'))).toMatchObject({ reason: 'not-found' })
    expect(await failure(client.modelConfig('nonesuch'))).toMatchObject({ reason: 'not-found' })
    expect((await failure(client.loadModel('nonesuch'))).details).toContain(
      'failed to poll from model repository',
    )
  })

  test('wrong type, rank, name of an input or output', async () => {
    const ids = { name: 'IN', datatype: 'INT64', shape: [1, 1], data: new BigInt64Array(1) } as const
    const wrong = [
      request('same_int64', bytes([1, 1])),
      request('same_int64', { ...ids, shape: [1] }),
      request('same_int64', { ...ids, name: 'IDS' }),
      request('same_int64', ids, { outputs: ['NONE'] }),
      { model: 'same_int64', inputs: [] },
    ]
    for (const each of wrong)
      expect(await failure(client.infer(each))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        reason: 'rejected',
        retryable: false,
      })
    const silent = await failure(client.infer(wrong[1]!))
    // Triton has a text for it that no HTTP/2 implementation of JavaScript lets through.
    expect(silent.details).toBe('')
    expect(silent.message).toEndWith(
      'most likely for the shape of an input; modelMetadata() shows what is expected; sent: IN INT64 [1] (INVALID_ARGUMENT, without a text)',
    )
  })

  test('what a model says went wrong', async () => {
    const codes = {
      UNKNOWN: ['UNKNOWN', 'model-failed', false],
      INTERNAL: ['INTERNAL', 'model-failed', false],
      NOT_FOUND: ['NOT_FOUND', 'not-found', false],
      INVALID_ARG: ['INVALID_ARGUMENT', 'rejected', false],
      UNAVAILABLE: ['UNAVAILABLE', 'unavailable', true],
      UNSUPPORTED: ['UNIMPLEMENTED', 'rejected', false],
      ALREADY_EXISTS: ['ALREADY_EXISTS', 'rejected', false],
      CANCELLED: ['CANCELLED', 'cancelled', false],
    }
    for (const [how, [code, reason, retryable]] of Object.entries(codes)) {
      const error = await failure(client.infer(faulty(how), once))
      expect([error.code, error.reason, error.retryable]).toEqual([code, reason, retryable] as never)
      expect(error.details).toContain('as you asked')
    }
    const raised = await failure(client.infer(faulty('raise')))
    expect(raised).toMatchObject({ code: 'INTERNAL', reason: 'model-failed', retryable: false, attempts: 1 })
    expect(raised.details).toContain('ValueError: boom in execute')
    const unary = await failure(
      client.infer(request('repeat', { name: 'IN', datatype: 'INT32', shape: [1], data: new Int32Array(1) })),
    )
    expect(unary.message).toContain('use streamInfer()')
  })

  test('a deadline covers all attempts', async () => {
    const error = await failure(client.infer(sleep(1), { deadlineMs: 150 }))
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'deadline', retryable: true })
    expect(error.message).toContain('no answer within 150 ms')
  })

  test('an abort before, during and between attempts', async () => {
    const reason = new Error('enough')
    expect(await failure(client.infer(sleep(1), { signal: AbortSignal.abort(reason) }))).toMatchObject({
      code: 'CANCELLED',
      retryable: false,
      attempts: 0,
      cause: reason,
    })
    const later = new AbortController()
    const running = failure(client.infer(sleep(1), { signal: later.signal }))
    setTimeout(() => later.abort(reason), 50)
    expect(await running).toMatchObject({ code: 'CANCELLED', cause: reason })

    const between = new AbortController()
    const retry = { attempts: 2, initialDelayMs: 60_000, maxDelayMs: 60_000 }
    const waiting = failure(client.infer(faulty('UNAVAILABLE'), { signal: between.signal, retry }))
    setTimeout(() => between.abort(reason), 100)
    expect(await waiting).toMatchObject({ code: 'CANCELLED', cause: reason })
  })

  test('a request that fails at first succeeds within its attempts', async () => {
    await client.unloadModel('echo')
    const early = await failure(client.infer(request('echo', bytes([3])), once))
    expect(early).toMatchObject({ code: 'NOT_FOUND', reason: 'draining', retryable: true })
    const patient = client.infer(request('echo', bytes([3])), { retry: { attempts: 200, maxDelayMs: 50 } })
    await client.loadModel('echo')
    expect((await patient).output('OUT', 'UINT8').data).toEqual(new Uint8Array([0x5a, 0x5a, 0x5a]))
  })

  test('a model unloaded while it works finishes what it has', async () => {
    const running = client.infer(sleep(0.5))
    await Bun.sleep(100)
    await client.unloadModel('sleep')
    expect(await failure(client.infer(sleep(0), once))).toMatchObject({ reason: 'draining', retryable: true })
    expect((await running).output('OUT', 'FP32').data).toEqual(new Float32Array([0.5]))
    while (await client.modelReady('sleep')) await Bun.sleep(20)
    await client.loadModel('sleep')
  })

  test('steps of a sequence are sent once only', async () => {
    const step = { ...faulty('UNAVAILABLE'), parameters: { sequence_id: 7, sequence_start: true } }
    expect(await failure(client.infer(step, { retry: { attempts: 5 } }))).toMatchObject({ attempts: 1 })
  })

  test('closing rejects what is in flight and what comes later', async () => {
    const other = new TritonClient(server.grpcUrl)
    const running = failure(other.infer(sleep(1)))
    await Bun.sleep(50)
    other.close()
    other.close()
    expect(await running).toMatchObject({ code: 'CANCELLED', retryable: false })
    expect((await failure(other.serverLive())).message).toContain('the client is closed')
  })

  test('a server that hangs is found out by keepalive, and is well again when it goes on', async () => {
    const keepalive = { timeMs: 500, timeoutMs: 300 }
    using other = new TritonClient({ url: server.grpcUrl, retry: false, keepalive })
    expect(await other.serverLive()).toBe(true)
    await server.kill('SIGSTOP')
    try {
      const error = await failure(other.infer(sleep(0), { deadlineMs: 30_000 }))
      expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'unavailable', retryable: true })
    } finally {
      await server.kill('SIGCONT')
    }
    await other.waitUntilReady()
    expect((await other.infer(sleep(0))).outputs).toHaveLength(1)
  }, 60_000)

  test('killed in flight and started again, the same client goes on', async () => {
    using other = new TritonClient({ url: server.grpcUrl, retry: false })
    const large = other.infer(request('echo', bytes([20_000_000])))
    const running = [large, other.infer(sleep(30)), other.infer(sleep(30))].map((each) =>
      each.catch((e) => e),
    )
    await Bun.sleep(150)
    await server.kill('SIGKILL')
    // The large one may have come back before.
    for (const error of await Promise.all(running.slice(1)))
      expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'unavailable', retryable: true })
    expect(await failure(other.serverLive())).toMatchObject({ code: 'UNAVAILABLE' })

    server = await startTriton({ repository: folder.join('models'), models: ['echo'], ports: server.ports })
    await other.waitUntilReady({ models: ['echo'], deadlineMs: 30_000 })
    expect((await other.infer(request('echo', bytes([1])))).output('OUT', 'UINT8').data[0]).toBe(0x5a)
  }, 120_000)
})

test.skipIf(!hasTriton)(
  'a process of a model that died is told apart, and a reload repairs it',
  async () => {
    await using folder = temporaryFolder()
    const repository = writeRepository(folder.join('models'), ['faulty'])
    // Now and then Triton ends with the process of its model, whatever the client does: the next server is asked then.
    for (let servers = 1; ; servers++) {
      await using server = await startTriton({ repository, models: ['faulty'] })
      using client = new TritonClient({ url: server.grpcUrl, retry: false })
      const died = await failure(client.infer(faulty('die')))
      if (died.reason === 'unavailable' && servers < 4) continue
      expect(died).toMatchObject({ code: 'INTERNAL', reason: 'backend-died', retryable: true, attempts: 1 })
      expect(await client.modelReady('faulty')).toBe(true)
      await client.unloadModel('faulty')
      while (await client.modelReady('faulty')) await Bun.sleep(20)
      await client.loadModel('faulty')
      expect((await client.infer(faulty('fine'))).output('OUT', 'BYTES').shape).toEqual([1])
      return
    }
  },
  120_000,
)
