import { readFileSync } from 'node:fs'
import type * as triton from '../../src/index.ts'

const FP32 = [1, -2.5, 3e-3, 70_000, Number.NaN, Number.NEGATIVE_INFINITY]

/**
 * Calls every RPC of a server that has the models of the test repository and sums up the answers, so that runtimes can
 * be compared.
 */
export async function tour(
  { TritonClient, TritonError, texts }: typeof triton,
  url: string,
  echoProgram: string,
): Promise<Record<string, unknown>> {
  using client = new TritonClient(url)
  const seen: Record<string, unknown> = {}

  await client.waitUntilReady({ models: ['echo'] })
  seen.live = await client.serverLive()
  seen.ready = [
    await client.serverReady(),
    await client.modelReady('echo'),
    await client.modelReady('nonesuch'),
  ]
  const { name, extensions } = await client.serverMetadata()
  seen.server = [name, extensions.includes('statistics')]
  seen.metadata = await client.modelMetadata('echo', { version: '1' })
  const { backend, maxBatchSize, instanceGroup, input } = await client.modelConfig('echo')
  seen.config = [backend, maxBatchSize, instanceGroup.map(({ count, kind }) => [count, kind])]
  seen.configInput = input.map(({ name, dims, dataType }) => [name, dims.map(Number), dataType])

  const same = async <D extends triton.Datatype>(datatype: D, shape: number[], data: triton.InputData[D]) => {
    const sent = { name: 'IN', datatype, shape, data } as triton.InputTensor
    const result = await client.infer({ model: `same_${datatype.toLowerCase()}`, id: 'x1', inputs: [sent] })
    const output = result.output('OUT', datatype)
    return [result.id, output.shape, ...Array.from(output.data as ArrayLike<unknown>, String)]
  }
  seen.BOOL = await same('BOOL', [2, 2], [true, false, false, true])
  seen.BOOL8 = await same('BOOL', [1, 3], new Uint8Array([0, 1, 200]))
  seen.UINT8 = await same('UINT8', [1, 2], new Uint8Array([0, 255]))
  seen.UINT16 = await same('UINT16', [1, 2], new Uint16Array([0, 65_535]))
  seen.UINT32 = await same('UINT32', [1, 2], new Uint32Array([0, 4_294_967_295]))
  seen.UINT64 = await same('UINT64', [1, 2], new BigUint64Array([0n, 2n ** 64n - 1n]))
  seen.INT8 = await same('INT8', [1, 2], new Int8Array([-128, 127]))
  seen.INT16 = await same('INT16', [1, 2], new Int16Array([-32_768, 32_767]))
  seen.INT32 = await same('INT32', [1, 2], new Int32Array([-(2 ** 31), 2 ** 31 - 1]))
  seen.INT64 = await same('INT64', [2, 1], new BigInt64Array([-(2n ** 63n), 2n ** 63n - 1n]))
  seen.FP16 = await same('FP16', [2, 3], new Float32Array(FP32))
  seen.BF16 = await same('BF16', [2, 3], new Float32Array(FP32))
  seen.FP32 = await same('FP32', [2, 3], new Float32Array(FP32))
  seen.FP64 = await same('FP64', [1, 2], new Float64Array([Math.PI, -0]))
  seen.empty = await same('INT64', [0, 7], new BigInt64Array(0))
  const words = await client.infer({
    model: 'same_bytes',
    inputs: [
      { name: 'IN', datatype: 'BYTES', shape: [3, 1], data: ['héllo', '', new Uint8Array([0xff, 0])] },
    ],
    outputs: ['OUT'],
  })
  const { data } = words.output('OUT', 'BYTES')
  seen.BYTES = [texts(data.slice(0, 2)), Array.from(data[2] ?? [])]
  const classes = await client.infer({
    model: 'same_fp32',
    inputs: [{ name: 'IN', datatype: 'FP32', shape: [1, 3], data: new Float32Array([0.25, 0.75, 0.5]) }],
    outputs: [{ name: 'OUT', classes: 2 }],
  })
  seen.classes = texts(classes.output('OUT', 'BYTES').data)

  const repeat = (count: number, id: string): triton.InferRequest => ({
    model: 'repeat',
    id,
    inputs: [{ name: 'IN', datatype: 'INT32', shape: [1], data: new Int32Array([count]) }],
    parameters: { triton_enable_empty_final_response: true },
  })
  const answers: Record<string, unknown[]> = {}
  for await (const { id, result } of client.streamInfer([repeat(3, 'a'), repeat(2, 'b')])) {
    const summary = result?.final ? 'end' : result?.output('OUT', 'INT32').data[0]
    answers[id] = [...(answers[id] ?? []), summary]
  }
  seen.stream = answers

  // A stream goes on after a refusal. Triton 2.51 aborts when it refuses one request while it writes answers to others.
  let refused = () => {}
  const refusal = new Promise<void>((resolve) => {
    refused = resolve
  })
  async function* oneByOne(): AsyncGenerator<triton.InferRequest> {
    yield { ...repeat(1, 'c'), model: 'nonesuch' }
    await refusal
    yield repeat(0, 'd')
  }
  seen.refused = []
  for await (const { error, result } of client.streamInfer(oneByOne())) {
    refused()
    ;(seen.refused as unknown[]).push(error?.code ?? result?.final)
  }

  const statistics = await client.modelStatistics('same_int8')
  seen.statistics = statistics.map(({ name, inferenceCount }) => [name, String(inferenceCount)])
  seen.allStatistics = (await client.modelStatistics()).length > statistics.length

  const state = async (model: string) =>
    (await client.repositoryIndex()).find((each) => each.name === model)?.state
  seen.index = await state('echo')
  await client.unloadModel('same_uint16', { dependents: true })
  for (let i = 0; i < 200 && (await client.modelReady('same_uint16')); i++)
    await new Promise((r) => setTimeout(r, 10))
  seen.unloaded = await client.modelReady('same_uint16')
  await client.loadModel('same_uint16')
  seen.loaded = await client.modelReady('same_uint16')
  const config = {
    backend: 'python',
    max_batch_size: 0,
    input: [{ name: 'IN', data_type: 'TYPE_UINT8', dims: [-1] }],
    output: [{ name: 'OUT', data_type: 'TYPE_UINT8', dims: [-1] }],
    instance_group: [{ kind: 'KIND_CPU' }],
  }
  await client.loadModel('sent', { config, files: { '1/model.py': readFileSync(echoProgram) } })
  seen.sent = await client.modelReady('sent')
  await client.unloadModel('sent')

  seen.trace = (await client.traceSettings({ model: 'echo', update: { trace_rate: '7' } })).trace_rate
  seen.traceReset = (await client.traceSettings({ model: 'echo', update: { trace_rate: null } })).trace_rate
  seen.log = (await client.logSettings({ update: { log_verbose_level: 1 } })).log_verbose_level
  seen.logReset = (
    await client.logSettings({ update: { log_verbose_level: 0, log_info: true } })
  ).log_verbose_level

  seen.cuda = await client.cudaSharedMemory()
  seen.cudaRegister = await client
    .registerCudaSharedMemory({ name: 'x', handle: new Uint8Array(64), deviceId: 0, byteSize: 10 })
    .catch((error) => error instanceof TritonError && error.method)
  await client.unregisterCudaSharedMemory({ name: 'x' })

  const wrong = client.infer({
    model: 'same_int64',
    inputs: [{ name: 'IN', datatype: 'INT64', shape: [2], data: new BigInt64Array(2) }],
  })
  seen.error = await wrong.catch(
    (error) =>
      error instanceof TritonError && [error.code, error.reason, error.retryable, error.model, error.details],
  )
  const stopped = client.infer(
    { model: 'sleep', inputs: [{ name: 'IN', datatype: 'FP32', shape: [1], data: new Float32Array([1]) }] },
    { signal: AbortSignal.timeout(50) },
  )
  seen.aborted = await stopped.catch((error) => error instanceof TritonError && error.code)
  return seen
}
