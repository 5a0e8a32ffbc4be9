import {
  create,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { Connection } from './connection.ts'
import { badAnswer, invalidArgument, TritonError } from './errors.ts'
import type { CallOptions, ClientOptions, StreamOptions } from './options.ts'
import type { ModelConfig } from './proto/model_config_pb.ts'
import { GRPCInferenceService, ModelInferResponseSchema, type ModelStatistics } from './proto/service_pb.ts'
import { describeInputs, encodeRequest, sharedOutputs } from './request.ts'
import { InferResult } from './result.ts'
import { pause } from './retry.ts'
import { type StreamAnswer, streamInfer } from './stream.ts'
import type { InferRequest } from './tensors.ts'
import * as views from './views.ts'

const rpc = GRPCInferenceService.method

/** Building TensorRT engines and reading large weights takes minutes. */
const LOAD_DEADLINE_MS = 600_000

/** A call about one version of a model; the server chooses where none is given. */
type ModelOptions = CallOptions & { version?: string }
/** A call about one region of shared memory, or about all where none is named. */
type RegionOptions = CallOptions & { name?: string }

/** A method of the service that takes one message and gives one. */
interface UnaryMethod<I extends DescMessage, O extends DescMessage> {
  readonly name: string
  readonly input: I
  readonly output: O
}

/**
 * A client of one KServe v2 server, such as Triton Inference Server, over gRPC. It opens one connection, with the first
 * call, and calls may run side by side on it.
 *
 * Every method takes `CallOptions` last and rejects with `TritonError`.
 */
export class TritonClient {
  readonly #connection: Connection

  /** @throws TritonError INVALID_ARGUMENT for an address or certificate that cannot be used */
  constructor(options: string | ClientOptions) {
    this.#connection = new Connection(typeof options === 'string' ? { url: options } : options)
  }

  /** Address of the server, as given. */
  get url(): string {
    return this.#connection.url
  }

  /** Whether the server answers at all. */
  async serverLive(options: CallOptions = {}): Promise<boolean> {
    return (await this.#ask(rpc.serverLive, {}, options)).live
  }

  /** Whether the server takes requests: by default, whether every model is loaded. */
  async serverReady(options: CallOptions = {}): Promise<boolean> {
    return (await this.#ask(rpc.serverReady, {}, options)).ready
  }

  /** Whether a model takes requests. Stays true when the process of a Python model has died. */
  async modelReady(model: string, options: ModelOptions = {}): Promise<boolean> {
    return (await this.#ask(rpc.modelReady, named(model, options), options, { model })).ready
  }

  /**
   * Waits until the server, and each of `models`, is ready: through refused connections, and while models load.
   *
   * @throws TritonError DEADLINE_EXCEEDED after `deadlineMs` (default 60,000), with the last failure as its cause
   */
  async waitUntilReady({
    models = [],
    ...options
  }: CallOptions & { models?: readonly string[] } = {}): Promise<void> {
    const { deadlineMs = 60_000 } = options
    const end = deadlineMs > 0 ? performance.now() + deadlineMs : Number.POSITIVE_INFINITY
    let last: unknown
    for (let left = end - performance.now(); left > 0; left = end - performance.now()) {
      const once: CallOptions = { ...options, deadlineMs: Math.min(5_000, left), retry: false }
      try {
        const asked = [this.serverReady(once), ...models.map((model) => this.modelReady(model, once))]
        if ((await Promise.all(asked)).every((ready) => ready)) return
      } catch (error) {
        if (!(error instanceof TritonError) || !(error.retryable || error.reason === 'not-found')) throw error
        // The last attempt may get too little time to find out more.
        if (last === undefined || error.reason !== 'deadline') last = error
      }
      await pause(Math.max(0, Math.min(100, end - performance.now())), options.signal)
    }
    throw new TritonError(`${this.url}: not ready within ${deadlineMs} ms`, {
      code: 'DEADLINE_EXCEEDED',
      reason: 'deadline',
      retryable: true,
      endpoint: this.url,
      method: 'ServerReady',
      cause: last,
    })
  }

  async serverMetadata(options: CallOptions = {}): Promise<views.ServerMetadata> {
    const { name, version, extensions } = await this.#ask(rpc.serverMetadata, {}, options)
    return { name, version, extensions }
  }

  /** Names, types and shapes of a model's inputs and outputs. */
  async modelMetadata(model: string, options: ModelOptions = {}): Promise<views.ModelMetadata> {
    const answer = await this.#ask(rpc.modelMetadata, named(model, options), options, { model })
    return {
      name: answer.name,
      versions: answer.versions,
      platform: answer.platform,
      inputs: answer.inputs.map(views.tensorMetadata),
      outputs: answer.outputs.map(views.tensorMetadata),
    }
  }

  /** A model's configuration as the server completed it: 64-bit integers are bigint. */
  async modelConfig(model: string, options: ModelOptions = {}): Promise<ModelConfig> {
    const { config } = await this.#ask(rpc.modelConfig, named(model, options), options, { model })
    if (config === undefined)
      throw badAnswer(this.#connection.context('ModelConfig', model, 0), 'the answer has no configuration')
    return config
  }

  /** Counts and times since the model was loaded; of every model where none is named. 64-bit integers are bigint. */
  async modelStatistics(model?: string, options: ModelOptions = {}): Promise<ModelStatistics[]> {
    return (await this.#ask(rpc.modelStatistics, named(model ?? '', options), options, { model })).modelStats
  }

  /** Runs a model once. */
  async infer(request: InferRequest, options: CallOptions = {}): Promise<InferResult> {
    const { model } = request
    const answer = await this.#connection.unary(
      {
        method: 'ModelInfer',
        request: encodeRequest(request),
        answer: ModelInferResponseSchema,
        model,
        sent: () => describeInputs(request),
        // The second request of a sequence means something else than the first.
        idempotent: !belongsToSequence(request),
      },
      options,
    )
    const context = this.#connection.context('ModelInfer', model, 0)
    return new InferResult(context, answer, new Set(sharedOutputs(request)))
  }

  /**
   * Runs models over one stream, for models that answer a request several times (decoupled) and for sequences; else
   * `infer` is simpler and not slower. Answers carry the `id` of their request.
   */
  streamInfer(
    requests: Iterable<InferRequest> | AsyncIterable<InferRequest>,
    options: StreamOptions = {},
  ): AsyncGenerator<StreamAnswer, void, undefined> {
    return streamInfer(this.#connection, requests, options)
  }

  /** The models of the repositories, loaded or not. */
  async repositoryIndex(
    options: CallOptions & { ready?: boolean; repository?: string } = {},
  ): Promise<views.RepositoryModel[]> {
    const { ready = false, repository = '' } = options
    const { models } = await this.#ask(rpc.repositoryIndex, { ready, repositoryName: repository }, options)
    return models.map(({ name, version, state, reason }) => ({ name, version, state, reason }))
  }

  /** Loads a model, or loads it again; needs `--model-control-mode=explicit`. Resolves when it is ready. */
  async loadModel(model: string, options: CallOptions & views.LoadOverrides = {}): Promise<void> {
    const limit = { model, changes: true, defaultDeadlineMs: LOAD_DEADLINE_MS }
    await this.#ask(rpc.repositoryModelLoad, views.loadRequest(model, options), options, limit)
  }

  /** Takes a model out; resolves before the last requests in flight are done. */
  async unloadModel(model: string, options: CallOptions & { dependents?: boolean } = {}): Promise<void> {
    const limit = { model, changes: true, defaultDeadlineMs: LOAD_DEADLINE_MS }
    const parameters = options.dependents
      ? { unload_dependents: { parameterChoice: { case: 'boolParam' as const, value: true } } }
      : {}
    await this.#ask(rpc.repositoryModelUnload, { modelName: model, parameters }, options, limit)
  }

  /** Trace settings of the server, or of a model; changes those in `update` first, null meaning back to the default. */
  async traceSettings(
    options: CallOptions & {
      model?: string
      update?: Readonly<Record<string, string | readonly string[] | null>>
    } = {},
  ): Promise<views.TraceSettings> {
    const { model, update = {} } = options
    const settings = Object.fromEntries(
      Object.entries(update).map(([name, value]) => [
        name,
        { value: value === null ? [] : typeof value === 'string' ? [value] : [...value] },
      ]),
    )
    const request = { modelName: model ?? '', settings }
    return views.traceSettings(await this.#ask(rpc.traceSetting, request, options, { model }))
  }

  /** Log settings of the server; changes those in `update` first. */
  async logSettings(options: CallOptions & { update?: views.LogSettings } = {}): Promise<views.LogSettings> {
    const settings = Object.entries(options.update ?? {}).map(([name, value]) => {
      return [name, { parameterChoice: logChoice(name, value) }] as const
    })
    const request = { settings: Object.fromEntries(settings) }
    return views.logSettings(await this.#ask(rpc.logSettings, request, options))
  }

  /** Regions of system shared memory that are registered. */
  async systemSharedMemory(options: RegionOptions = {}): Promise<views.SystemSharedMemoryRegion[]> {
    const { regions } = await this.#ask(rpc.systemSharedMemoryStatus, { name: options.name ?? '' }, options)
    return Object.values(regions).map(views.systemRegion)
  }

  /** Makes a region of shared memory on the server's machine known to the server. */
  async registerSystemSharedMemory(
    region: { name: string; key: string; byteSize: number; offset?: number },
    options: CallOptions = {},
  ): Promise<void> {
    const { name, key, byteSize, offset = 0 } = region
    const request = { name, key, byteSize: whole('byteSize', byteSize), offset: whole('offset', offset) }
    await this.#ask(rpc.systemSharedMemoryRegister, request, options, { changes: true })
  }

  /** Makes the server forget a region, or every region where none is named. */
  async unregisterSystemSharedMemory(options: RegionOptions = {}): Promise<void> {
    await this.#ask(rpc.systemSharedMemoryUnregister, { name: options.name ?? '' }, options, {
      changes: true,
    })
  }

  /** Regions of CUDA shared memory that are registered. */
  async cudaSharedMemory(options: RegionOptions = {}): Promise<views.CudaSharedMemoryRegion[]> {
    const { regions } = await this.#ask(rpc.cudaSharedMemoryStatus, { name: options.name ?? '' }, options)
    return Object.values(regions).map(views.cudaRegion)
  }

  /** `handle`: the 64 bytes of a `cudaIpcMemHandle_t`. */
  async registerCudaSharedMemory(
    region: { name: string; handle: Uint8Array; deviceId: number; byteSize: number },
    options: CallOptions = {},
  ): Promise<void> {
    const { name, handle, deviceId, byteSize } = region
    const request = {
      name,
      rawHandle: handle,
      deviceId: whole('deviceId', deviceId),
      byteSize: whole('byteSize', byteSize),
    }
    await this.#ask(rpc.cudaSharedMemoryRegister, request, options, { changes: true })
  }

  async unregisterCudaSharedMemory(options: RegionOptions = {}): Promise<void> {
    await this.#ask(rpc.cudaSharedMemoryUnregister, { name: options.name ?? '' }, options, { changes: true })
  }

  /** Closes the connection. Calls in flight reject with CANCELLED, as does every later call. */
  close(): void {
    this.#connection.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async #ask<I extends DescMessage, O extends DescMessage>(
    method: UnaryMethod<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions,
    about: { model?: string | undefined; changes?: boolean; defaultDeadlineMs?: number } = {},
  ): Promise<MessageShape<O>> {
    const { changes = false, ...rest } = about
    return await this.#connection.unary(
      {
        method: method.name,
        request: toBinary(method.input, create(method.input, request)),
        answer: method.output,
        idempotent: !changes,
        ...rest,
      },
      options,
    )
  }
}

function named(name: string, options: { version?: string }): { name: string; version: string } {
  return { name, version: options.version ?? '' }
}

function belongsToSequence({ parameters }: InferRequest): boolean {
  const id = parameters?.sequence_id
  return id !== undefined && id !== 0 && id !== 0n && id !== ''
}

function whole(what: string, value: number): bigint {
  if (!Number.isSafeInteger(value) || value < 0)
    throw invalidArgument(`${what} must be a whole number, not ${value}`)
  return BigInt(value)
}

function logChoice(name: string, value: boolean | number | string) {
  if (typeof value === 'boolean') return { case: 'boolParam' as const, value }
  if (typeof value === 'string') return { case: 'stringParam' as const, value }
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return { case: 'uint32Param' as const, value }
  throw invalidArgument(`log setting "${name}": ${value} is not a whole number of 32 bits`)
}
