import fc from 'fast-check'
import { decode } from '../../../packages/tritonclient-ts/src/connection.ts'
import {
  type InferRequest,
  type TritonClient,
  TritonError,
} from '../../../packages/tritonclient-ts/src/index.ts'
import {
  ModelConfigResponseSchema,
  ModelInferResponseSchema,
} from '../../../packages/tritonclient-ts/src/proto/service_pb.ts'
import { InferResult } from '../../../packages/tritonclient-ts/src/result.ts'
import { padBatch } from '../../../src/batching/index.ts'
import { type Computed, Dispatcher } from '../../../src/dispatch/dispatcher.ts'
import type { EmbeddingBackend } from '../../../src/dispatch/index.ts'
import { Agreement, OtherModelError, readConfig } from '../../../src/dispatch/triton/contract.ts'
import { ModelLane } from '../../../src/dispatch/triton/lane.ts'
import { VirnucproError } from '../../../src/system/errors.ts'
import type { Logger } from '../../../src/system/logger.ts'
import type { Draft } from '../draft.ts'
import { applied, type Change, changes } from '../mutations.ts'
import { decoded, typeNamed } from '../references/protobuf.ts'
import { meant, type WireAnswer } from '../references/tensors.ts'
import type { Target } from '../target.ts'

const WIDTH = 4
const VERSION = '17'
const DIGEST = 'd'.repeat(64)
const CONTRACT = { dimension: WIDTH, source: 's'.repeat(64) }
const CALL = { endpoint: 'grpc://h', method: 'ModelInfer', model: 'esm2' }
const silent = { debug() {}, info() {}, warn() {} } as unknown as Logger

/** What an honest server makes of a request: numbers that depend on every token of a row. */
function honest({ id = '', version = '', inputs }: InferRequest): Draft {
  const [ids] = inputs
  const tokens = ids !== undefined && 'data' in ids ? (ids.data as Int32Array) : new Int32Array(0)
  const [rows = 0, length = 1] = ids?.shape ?? []
  const numbers = new Float32Array(rows * WIDTH).map((_, at) => {
    const row = tokens.subarray(Math.floor(at / WIDTH) * length, (Math.floor(at / WIDTH) + 1) * length)
    return Math.fround(row.reduce((sum, token) => Math.sin(sum + token), at % WIDTH))
  })
  return {
    modelName: 'esm2',
    modelVersion: version,
    id,
    outputs: [{ name: 'embedding', datatype: 'FP32', shape: [rows, WIDTH] }],
    rawOutputContents: [new Uint8Array(numbers.buffer)],
  }
}

type Lie = (answer: Draft, at: number, earlier: Draft) => unknown

const FLOATS = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0]
const LIES: readonly Lie[] = [
  (answer, at) => {
    answer.modelName = ['esm3', '', 'ESM2', 'esm2\0'][at % 4]!
  },
  (answer, at) => {
    answer.modelVersion = ['1', '', '017', '17 '][at % 4]!
  },
  (answer, at) => {
    answer.id = ['', 'x', `${answer.id} `, answer.id.toUpperCase()][at % 4]!
  },
  (answer, _, earlier) => Object.assign(answer, structuredClone(earlier)),
  ({ outputs }, at) => {
    const shape = outputs[0]?.shape
    if (shape !== undefined)
      shape[at % (shape.length + 1)] = [1, 0, '-1', '9223372036854775807', WIDTH, 2][at % 6]!
  },
  ({ outputs }) => outputs[0]?.shape.reverse(),
  ({ outputs }) => outputs[0]?.shape.push(1),
  ({ outputs }, at) => {
    if (outputs[0] !== undefined)
      outputs[0].datatype = ['BF16', 'FP16', 'FP64', 'INT32', 'FP8', 'BYTES', ''][at % 7]!
  },
  ({ outputs }, at) => {
    if (outputs[0] !== undefined) outputs[0].name = ['logits', '', 'Embedding'][at % 3]!
  },
  (answer, at) => {
    const other = { name: ['logits', 'embedding'][at % 2]!, datatype: 'FP32', shape: [1, WIDTH] }
    answer.outputs.splice(at % 2, 0, other)
    answer.rawOutputContents.splice((at >> 1) % 2, 0, new Uint8Array(4 * WIDTH))
  },
  ({ outputs }) => outputs.pop(),
  ({ rawOutputContents: raws }) => raws.pop(),
  ({ rawOutputContents: raws }, at) => {
    const raw = raws[0] ?? new Uint8Array(0)
    raws[0] =
      at % 2 === 0 ? raw.subarray(0, at % (raw.length + 1)) : Buffer.concat([raw, Buffer.alloc(at % 20)])
  },
  ({ rawOutputContents: raws }, at) => {
    const raw = Uint8Array.from(raws[0] ?? [])
    const floats = new Float32Array(raw.buffer, 0, raw.length >> 2)
    if (floats.length > 0) floats[at % floats.length] = FLOATS[at % 4]!
    raws[0] = raw
  },
  (answer, at) => {
    // One by one instead of as bytes, or both.
    const [raw = new Uint8Array(0)] = answer.rawOutputContents
    const [output] = answer.outputs
    if (output === undefined) return
    output.contents = { fp32Contents: [...new Float32Array(Uint8Array.from(raw).buffer, 0, raw.length >> 2)] }
    if (at % 4 > 0) answer.rawOutputContents = []
  },
]

const answerType = () => typeNamed('ModelInferResponse')

/** What the caller may get of an answer: the numbers of each row that are all finite; undefined where it is to be refused. */
function allowed(bytes: Uint8Array, id: string, rows: number): (string[] | undefined)[] | undefined {
  const answer = decoded(answerType(), bytes) as WireAnswer | undefined
  if (answer?.modelName !== 'esm2' || answer.modelVersion !== VERSION || answer.id !== id) return undefined
  const { outputs } = answer
  if (new Set(outputs.map(({ name }) => name)).size !== outputs.length) return undefined
  const all = outputs.map((_, at) => meant(answer, at))
  if (all.includes(undefined) || answer.rawOutputContents.length % outputs.length !== 0) return undefined
  const at = outputs.findIndex(({ name }) => name === 'embedding')
  const { datatype, shape } = outputs[at] ?? { datatype: '', shape: [] }
  if (datatype !== 'FP32' || shape.join() !== [rows, WIDTH].join()) return undefined
  return Array.from({ length: rows }, (_, row) => {
    const numbers = all[at]!.slice(row * WIDTH, (row + 1) * WIDTH)
    return numbers.every((number) => Number.isFinite(Number(number))) ? numbers : undefined
  })
}

const tokens = fc.array(fc.array(fc.nat(32), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 })

async function answered(
  earlier: readonly number[][],
  sequences: readonly number[][],
  lies: readonly (readonly [number, number])[],
  damage: readonly Change[],
): Promise<void> {
  let kept: Draft | undefined
  let sent = { bytes: new Uint8Array(0) as Uint8Array, id: '' }
  // The client without its network, which has tests of its own.
  const client = {
    url: CALL.endpoint,
    modelReady: async () => true,
    infer: async (request: InferRequest) => {
      const answer = honest(request)
      if (kept !== undefined) for (const [lie, at] of lies) LIES[lie]!(answer, at, kept)
      const written = answerType().encode(answerType().fromObject(answer)).finish()
      const bytes =
        kept === undefined ? written : applied(damage, written, [{ name: 'answer', bytes: written }])
      kept ??= structuredClone(answer)
      sent = { bytes, id: request.id ?? '' }
      return new InferResult(CALL, decode(CALL, ModelInferResponseSchema, bytes), new Set())
    },
  } as unknown as TritonClient
  const lane = new ModelLane(client, 'esm2', { agreement: new Agreement(CONTRACT, false), logger: silent })
  lane.accept({ ...STATEMENT, served: { digest: DIGEST, precision: 'fp32', version: VERSION } })
  const { signal } = new AbortController()
  const backend = {
    concurrency: 1,
    embed: async (_model: string, batch: Parameters<ModelLane['run']>[0]) =>
      (await lane.run(batch, signal, () => {})).vectors,
  } as unknown as EmbeddingBackend
  const compute = async (list: readonly number[][]): Promise<Computed | unknown> => {
    const monitor = { batchStarted: () => () => {} }
    let taken: Computed | undefined
    const pad = () =>
      padBatch(
        list.map((ids) => Int32Array.from(ids)),
        1,
      )
    const request = { model: 'esm2' as const, tokens: 1, pad }
    const dispatcher = new Dispatcher({ backend, monitor, logger: silent })
    const error = await dispatcher
      .compute(request, (computed) => (taken = computed))
      .catch((thrown: unknown) => thrown)
    return error ?? taken
  }
  const first = await compute(earlier)
  if (first instanceof Error) throw first
  const found = await compute(sequences)
  const wanted = allowed(sent.bytes, sent.id, sequences.length)
  if (found instanceof Error) {
    if (
      !(found instanceof TritonError || found instanceof VirnucproError) ||
      lane.judge(found) !== 'distrust'
    )
      throw found
    if (wanted !== undefined && damage.length === 0)
      throw new Error(`refused though it is right: ${found.message}`)
    return
  }
  const { vectors, refused } = found as Computed
  const got = sequences.map((_, row) =>
    refused.has(row)
      ? undefined
      : Array.from(vectors!.subarray(row * WIDTH, (row + 1) * WIDTH), (x) =>
          Object.is(x, -0) ? '-0' : `${x}`,
        ),
  )
  const [ours, theirs] = [JSON.stringify(got), JSON.stringify(wanted)]
  if (ours !== theirs) throw new Error(`${ours} reached the caller instead of ${theirs}`)
}

const STATEMENT = {
  served: undefined,
  precision: 'fp32',
  instances: 1,
  inFlight: 2,
  tokenBudget: undefined,
  onCpu: true,
  shapes: '',
  recheck: undefined,
}

const texts = fc.constantFrom(
  '',
  '0',
  '1',
  '-1',
  '1e999',
  '9007199254740993',
  '7',
  'NaN',
  ' 3',
  '0x10',
  '64x1024,1x9',
  's'.repeat(64),
  DIGEST,
  'fp32',
  'int8',
  '__proto__',
)
const tensor = fc.record({
  name: fc.constantFrom('input_ids', 'lengths', 'embedding', ''),
  dataType: fc.constantFrom(8, 11, 0, 99),
  dims: fc.constantFrom([-1, -1], [-1], [-1, WIDTH], [WIDTH, -1], [], ['9223372036854775807']),
})
const rightTensors = {
  input: [
    { name: 'input_ids', dataType: 8, dims: [-1, -1] },
    { name: 'lengths', dataType: 8, dims: [-1] },
  ],
  output: [{ name: 'embedding', dataType: 11, dims: [-1, WIDTH] }],
}
const keys = ['source', 'precision', 'digest', 'in_flight', 'token_budget', 'shapes', 'recheck']
const config = fc.record({
  tensors: fc.oneof(
    fc.constant(rightTensors),
    fc.record({ input: fc.array(tensor, { maxLength: 3 }), output: fc.array(tensor, { maxLength: 3 }) }),
  ),
  instanceGroup: fc.array(
    fc.record({
      kind: fc.constantFrom(0, 1, 2, 9),
      count: fc.constantFrom(0, 1, 2, -1, 2 ** 31 - 1, -(2 ** 31)),
      gpus: fc.constantFrom([], [0], [0, 1, 2, 3], [-1]),
    }),
    { maxLength: 3 },
  ),
  parameters: fc.dictionary(fc.constantFrom(...keys), texts),
  trust: fc.boolean(),
})

/** A configuration is that of the model, or it is refused; nothing in it makes the run do without bounds. */
function configured(
  { tensors, instanceGroup, parameters, trust }: typeof config extends fc.Arbitrary<infer T> ? T : never,
  damage: readonly Change[],
): void {
  const type = typeNamed('ModelConfigResponse')
  const texts = Object.entries(parameters).map(([key, stringValue]) => [key, { stringValue }])
  const draft = { config: { ...tensors, instanceGroup, parameters: Object.fromEntries(texts) } }
  const written = type.encode(type.fromObject(draft)).finish()
  const bytes = applied(damage, written, [{ name: 'config', bytes: written }])
  const lane = new ModelLane({ url: 'grpc://h' } as TritonClient, 'esm2', {
    agreement: new Agreement(CONTRACT, trust),
    logger: silent,
  })
  try {
    const { config: read } = decode(CALL, ModelConfigResponseSchema, bytes)
    if (read === undefined) return
    lane.accept(readConfig('esm2', read, CONTRACT))
  } catch (error) {
    if (error instanceof OtherModelError || (error instanceof TritonError && error.reason === 'bad-answer'))
      return
    throw error
  }
  const known = lane.known!
  const reference = decoded(type, bytes) as {
    config: { output: { name: string; dims: string[] }[]; input: { name: string }[] }
  }
  const names = reference.config.input.map(({ name }) => name).sort()
  const width = reference.config.output.find(({ name }) => name === 'embedding')?.dims.at(-1)
  if (names.join() !== 'input_ids,lengths' || width !== `${WIDTH}`)
    throw new Error(`another model was taken: ${names}, ${width}`)
  if (known.served === undefined && !trust)
    throw new Error('a server that does not say what it hosts was taken')
  const budget = known.tokenBudget ?? 1
  const counts = [lane.capacity, lane.instances, known.inFlight, budget]
  if (!counts.every((count) => Number.isSafeInteger(count) && count > 0) || lane.capacity > 256)
    throw new Error(`counts of ${counts}`)
}

const lies = fc.array(fc.tuple(fc.nat(LIES.length - 1), fc.nat(1000)), { maxLength: 3 })
const damage = fc.oneof({ weight: 3, arbitrary: fc.constant<readonly Change[]>([]) }, changes({ most: 2 }))
const subject = fc.oneof(
  { weight: 3, arbitrary: fc.record({ earlier: tokens, sequences: tokens, lies }) },
  fc.record({ config }),
)

export const target: Target = {
  name: 'triton-lane',
  about:
    'answers and configurations of a Triton that lies, against what an honest one computed: the same numbers reach the caller, or the server is not trusted',
  weight: 1,
  property: () =>
    fc.asyncProperty(subject, damage, async (drawn, list) => {
      if ('config' in drawn) configured(drawn.config, list)
      else await answered(drawn.earlier, drawn.sequences, drawn.lies, list)
    }),
}
