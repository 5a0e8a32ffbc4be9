import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import {
  GRPCInferenceService,
  type ModelInferRequest,
  ModelInferRequestSchema,
  type ModelInferResponseSchema,
} from '../../../../packages/tritonclient-ts/src/proto/service_pb.ts'
import { modelDigest, openBundle, servedVersion, sourceDigest } from '../../../../src/bundle/index.ts'

export type StatusName = keyof typeof status

/** What an inference is answered with; `undefined` is no answer at all. */
export type Answer = MessageInitShape<typeof ModelInferResponseSchema> | StatusName | undefined

export interface FakeOptions {
  /** @param count - inferences asked for before this one, of both models */
  infer?(request: ModelInferRequest, count: number): Answer | Promise<Answer>
  /** Every other question is answered with this status, where there is one. */
  refuse?(): StatusName | undefined
  /** Parameters of the models' configurations that are not those of the demonstration bundle; undefined for none. */
  parameters?: Record<string, string | undefined>
  /** Instances of each model. @default 1 */
  instances?: number
  /** Text of every status other than OK. */
  details?: string
  /** Default: not encrypted. */
  credentials?: ServerCredentials
}

export interface FakeServer extends Disposable {
  readonly url: string
  /** Inferences asked for so far. */
  readonly asked: number
}

const { manifest } = await openBundle('demo')
const same = (value: Buffer): Buffer => value

/** A server that says it has the models of the demonstration bundle and is ready, and does with inferences as it likes. */
export async function startFake(options: FakeOptions = {}): Promise<FakeServer> {
  const state = { asked: 0 }
  const server = new Server()
  const { method } = GRPCInferenceService
  const plain = (answer: (model: string) => object) => (request: Uint8Array, input: DescMessage) => {
    const { modelName, name } = fromBinary(input, request) as unknown as { modelName?: string; name?: string }
    return options.refuse?.() ?? answer(modelName ?? name ?? '')
  }
  const answers = {
    serverReady: plain(() => ({ ready: true })),
    modelReady: plain(() => ({ ready: true })),
    serverMetadata: plain(() => ({ name: 'fake', version: '1.0' })),
    modelConfig: plain((model) => ({ config: configOf(model as 'esm2' | 'dnabert_s', options) })),
    modelInfer: async (request: Uint8Array) => {
      const asked = fromBinary(ModelInferRequestSchema, request)
      const count = state.asked++
      const said = options.infer === undefined ? right(asked) : await options.infer(asked, count)
      return typeof said === 'object' ? { id: asked.id, ...said } : said
    },
  }
  for (const [name, answer] of Object.entries(answers)) {
    const rpc = method[name as keyof typeof answers]
    server.addService(
      {
        [rpc.name]: {
          path: `/inference.GRPCInferenceService/${rpc.name}`,
          requestStream: false,
          responseStream: false,
          requestSerialize: same,
          requestDeserialize: same,
          responseSerialize: same,
          responseDeserialize: same,
        },
      },
      {
        [rpc.name]: async (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
          const said = await answer(call.request, rpc.input)
          if (typeof said === 'string')
            done({
              code: status[said],
              details: options.details ?? 'as it was told',
              metadata: new Metadata(),
            })
          else if (said !== undefined)
            done(
              null,
              Buffer.from(
                toBinary(rpc.output as DescMessage, create(rpc.output as DescMessage, said as never)),
              ),
            )
        },
      },
    )
  }
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      '127.0.0.1:0',
      options.credentials ?? ServerCredentials.createInsecure(),
      (error, bound) => (error ? reject(error) : resolve(bound)),
    ),
  )
  return {
    url: `${options.credentials === undefined ? 'grpc' : 'grpcs'}://127.0.0.1:${port}`,
    get asked() {
      return state.asked
    },
    [Symbol.dispose]: () => server.forceShutdown(),
  }
}

/** What a server with the models would answer, but for the numbers: they are all 0.5. */
export function right(
  { modelName, modelVersion, id, inputs }: ModelInferRequest,
  width = manifest.models[modelName as 'esm2' | 'dnabert_s'].dimension,
): MessageInitShape<typeof ModelInferResponseSchema> {
  const rows = Number(inputs[0]?.shape[0])
  const numbers = new Float32Array(rows * width).fill(0.5)
  return {
    modelName,
    modelVersion,
    id,
    outputs: [{ name: 'embedding', datatype: 'FP32', shape: [BigInt(rows), BigInt(width)] }],
    rawOutputContents: [new Uint8Array(numbers.buffer)],
  }
}

/** The version of a model of the demonstration bundle. */
export function demoVersion(model: 'esm2' | 'dnabert_s'): string {
  return servedVersion(modelDigest(manifest, model))
}

export function configOf(
  model: 'esm2' | 'dnabert_s',
  { parameters: changes = {}, instances = 1 }: FakeOptions = {},
) {
  const parameters = {
    source: sourceDigest(manifest.models[model]),
    precision: manifest.precision,
    digest: modelDigest(manifest, model),
    ...changes,
  }
  return {
    name: model,
    input: [
      { name: 'input_ids', dataType: 8, dims: [-1n, -1n] },
      { name: 'lengths', dataType: 8, dims: [-1n] },
    ],
    output: [{ name: 'embedding', dataType: 11, dims: [-1n, BigInt(manifest.models[model].dimension)] }],
    instanceGroup: [{ count: instances, kind: 2 }],
    parameters: Object.fromEntries(
      Object.entries(parameters).flatMap(([key, stringValue]) =>
        stringValue === undefined ? [] : [[key, { stringValue }]],
      ),
    ),
  }
}
