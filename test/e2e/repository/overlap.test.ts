import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { TritonClient } from 'tritonclient-ts'
import { writeGpuRepository } from '../../../scripts/support/gpu.ts'
import { demoBundle } from '../../../scripts/support/plans.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton, type TritonServer } from '../../../scripts/support/triton.ts'
import { openBundle, sourceDigest } from '../../../src/bundle/index.ts'
import { TritonBackend } from '../../../src/dispatch/index.ts'

const MILLISECONDS = 120
/** Of the other model, with which one sees what happens during a batch. */
const LONG_MILLISECONDS = 1500
/** Tokens that the stand-in for a GPU has memory for. */
const MEMORY_TOKENS = 40_000
const NAN_ID = 31
const FAULT_ID = 32
const ILLEGAL = 'an illegal memory access was encountered'

interface Batch {
  readonly rows: number
  readonly length: number
  /** Every id of the batch. */
  readonly id: number
  /** Of every row, in place of `length`. */
  readonly tokens?: number
}

const batch = (rows: number, length: number, id: number, tokens = length): Batch => {
  return { rows, length, id, tokens }
}

function infer(
  client: TritonClient,
  { rows, length, id, tokens = length }: Batch,
  model: string,
): Promise<Float32Array> {
  const inputs = [
    {
      name: 'input_ids',
      datatype: 'INT32',
      shape: [rows, length],
      data: new Int32Array(rows * length).fill(id),
    },
    { name: 'lengths', datatype: 'INT32', shape: [rows], data: new Int32Array(rows).fill(tokens) },
  ] as const
  return client
    .infer({ model, inputs, outputs: ['embedding'] })
    .then((result) => result.output('embedding', 'FP32').data)
}

/** What went wrong, or nothing. */
async function problem(client: TritonClient, wanted: Batch, model = 'esm2'): Promise<string> {
  try {
    const found = await infer(client, wanted, model)
    const { rows, id, tokens = wanted.length } = wanted
    const width = found.length / rows
    const wrong = found.findIndex((value, i) => value !== id * tokens + (i % width))
    return wrong < 0 && Number.isInteger(width) ? '' : `number ${wrong} is ${found[wrong]}`
  } catch (error) {
    return (error as Error).message
  }
}

describe.skipIf(!hasTriton).each([
  ['that takes answers at any time', true],
  ['that takes answers from execute() alone', false],
])('a plan in the Python backend of a server %s', (_, senders) => {
  let folder: ReturnType<typeof temporaryFolder>
  let server: TritonServer
  let client: TritonClient

  beforeAll(async () => {
    folder = temporaryFolder()
    const made = await writeGpuRepository(folder.path, {
      esm2: { milliseconds: MILLISECONDS },
      dnabert_s: { milliseconds: LONG_MILLISECONDS },
      memoryTokens: MEMORY_TOKENS,
      senders,
    })
    const models = ['esm2', 'dnabert_s', 'esm2_sequence']
    server = await startTriton({ repository: made.repository, env: made.env, models })
    client = new TritonClient({ url: server.grpcUrl, retry: false })
  }, 120_000)

  afterAll(async () => {
    client?.close()
    await server?.[Symbol.asyncDispose]()
    await folder?.[Symbol.asyncDispose]()
  }, 120_000)

  /** Requests that the slow model has let in. */
  const taken = async () => Number((await client.modelStatistics('dnabert_s'))[0]?.executionCount)

  test('every request gets the embeddings of its own batch', async () => {
    const batches = Array.from({ length: 16 }, (_, i) => {
      // Both profiles, sizes that go up and down, rows that are shorter than the batch is wide.
      const length = i % 3 === 0 ? 100 : 10 + i
      return batch(1 + ((i * 37) % 200), length, 4 + i, length - (i % 4))
    })
    expect(await Promise.all(batches.map((each) => problem(client, each)))).toEqual(batches.map(() => ''))
  })

  test('a bad request, NaN and a full memory fail alone, each with its reason', async () => {
    const [first, padded, shape, nan, memory, last] = await Promise.all([
      problem(client, batch(3, 10, 5)),
      problem(client, batch(3, 10, 5, 11)),
      problem(client, batch(3, 300, 5)),
      problem(client, batch(3, 10, NAN_ID)),
      problem(client, batch(1000, 50, 5)),
      problem(client, batch(3, 10, 6)),
    ])
    expect([first, last]).toEqual(['', ''])
    expect(padded).toContain('lengths: expected 3 to 10 tokens, got 11 to 11')
    expect(padded).toContain('INVALID_ARGUMENT')
    expect(shape).toContain('the plan takes rows of 1 to 64, 65 to 256 tokens')
    expect(shape).toContain('INVALID_ARGUMENT')
    expect(nan).toContain('the plan gave NaN or an infinite number')
    expect(memory).toContain('The GPU is out of memory: serve fewer instances')
    expect(await problem(client, batch(3, 10, 7))).toBe('')
  })

  test('the next request is taken in while a batch is computed, where the server allows it', async () => {
    const before = await taken()
    const answer = problem(client, batch(3, 10, 5), 'dnabert_s')
    while ((await taken()) === before) await Bun.sleep(5)
    const start = performance.now()
    expect(await answer).toBe('')
    expect(performance.now() - start > LONG_MILLISECONDS / 2).toBe(senders)
  })

  test('a client keeps as many requests on their way as that takes', async () => {
    const { models } = (await openBundle(demoBundle)).manifest
    const contract = (model: 'esm2' | 'dnabert_s') => ({
      dimension: models[model].dimension,
      source: sourceDigest(models[model]),
    })
    await using backend = await TritonBackend.open({
      endpoints: [server.grpcUrl],
      access: {},
      models: { esm2: contract('esm2'), dnabert_s: contract('dnabert_s') },
      serverTimeout: 10,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    })
    const rows = 5
    const token = { inputIds: new Int32Array(rows * 10).fill(7), lengths: new Int32Array(rows).fill(10) }
    const work = Array.from({ length: 6 }, () => backend.embed('esm2', { ...token, rows, paddedLength: 10 }))
    expect(backend.activity()[0]?.inFlight).toBe(3)
    expect((await Promise.all(work)).map(([first]) => first)).toEqual(Array(6).fill(70))
  })

  test('under load the server counts a GPU as busy for as long as it is', async () => {
    const spent = async () =>
      Number((await client.modelStatistics('esm2'))[0]?.inferenceStats?.computeInfer?.ns) / 1e6
    const before = await spent()
    const count = 12
    let left = count
    await Promise.all(
      Array.from({ length: 3 }, async () => {
        while (left-- > 0) expect(await problem(client, batch(50, 40, 5))).toBe('')
      }),
    )
    const share = ((await spent()) - before) / (count * MILLISECONDS)
    expect(share).toBeGreaterThan(0.8)
  })

  test('the model that takes sequences asks it as any client does', async () => {
    const inputs = [{ name: 'sequences', datatype: 'BYTES', shape: [2], data: ['MK', 'MKK'] }]
    const url = `${server.httpUrl}/v2/models/esm2_sequence/infer`
    const headers = { connection: 'close' }
    const answer = (await (
      await fetch(url, { method: 'POST', body: JSON.stringify({ inputs }), headers, keepalive: false })
    ).json()) as { outputs: { shape: number[]; data: number[] }[] }
    const { shape = [], data = [] } = answer.outputs[0] ?? {}
    // <cls> 0, M 20, K 15, <eos> 2.
    expect([shape[0], data[0], data[shape[1] ?? 0]]).toEqual([2, 37, 52])
  })

  test('what is under way is answered when the model is unloaded', async () => {
    const answers = [5, 6].map((id) => problem(client, batch(3, 10, id), 'dnabert_s'))
    await Bun.sleep(LONG_MILLISECONDS / 3)
    await client.unloadModel('dnabert_s')
    expect(await Promise.all(answers)).toEqual(['', ''])
  })

  test('a broken GPU fails every later request, and says why', async () => {
    const during = await Promise.all([5, FAULT_ID, 6, 7].map((id) => problem(client, batch(3, 10, id))))
    expect(during.filter((text) => text !== '' && !text.includes(ILLEGAL))).toEqual([])
    for (const id of [8, 9]) expect(await problem(client, batch(3, 10, id))).toContain(ILLEGAL)
    // A model that is loaded again starts from nothing.
    await client.unloadModel('esm2')
    await client.loadModel('esm2')
    expect(await problem(client, batch(3, 10, 9))).toBe('')
  })
})
