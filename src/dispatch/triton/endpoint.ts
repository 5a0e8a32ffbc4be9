import { readFileSync } from 'node:fs'
import {
  type InferResult,
  type ModelConfig,
  ModelInstanceGroup_Kind,
  TritonClient,
  TritonError,
} from 'tritonclient-ts'
import type { TokenBatch } from '../../batching/index.ts'
import type { ModelName } from '../../bundle/index.ts'
import { UnavailableError, UsageError, VirnucproError } from '../../system/errors.ts'
import type { Logger } from '../../system/logger.ts'
import { foreign } from '../../system/printable.ts'
import { ReadError } from '../../system/system-error.ts'
import type { ServedModel } from '../backend.ts'
import { BatchFit } from '../batch-fit.ts'
import { type Contract, checkContract, OtherModelError } from './contract.ts'
import { describeModel, IDENTITY_PARAMETERS, statedModel } from './identity.ts'
import type { Lane, Verdict } from './pull-queue.ts'

/** Credentials for a server: files in PEM form, and a header for a proxy that wants one. */
export interface TritonAccess {
  ca?: string | undefined
  cert?: string | undefined
  key?: string | undefined
  /** `Name: value`. */
  header?: string | undefined
}

/** Requests for each instance, where the server names no other number: one computes, one waits. A third adds nothing. */
const REQUESTS_PER_INSTANCE = 2
/** A server that is well answers this question in a few milliseconds. */
const PROBE_MS = 2000
/** Parameters of a model's configuration; `repository build` writes them. */
const IN_FLIGHT_PARAMETER = 'in_flight'
const BUDGET_PARAMETER = 'token_budget'
const SHAPES_PARAMETER = 'shapes'

/** @throws UsageError for an address, certificate or header that cannot be used */
export function connect(url: string, access: TritonAccess): TritonClient {
  const tls = {
    ...(access.ca !== undefined && { ca: readPem(access.ca) }),
    ...(access.cert !== undefined && { cert: readPem(access.cert) }),
    ...(access.key !== undefined && { key: readPem(access.key) }),
  }
  const [name, value] = access.header?.split(/:\s*(.*)/s) ?? []
  try {
    return new TritonClient({
      url,
      ...(url.startsWith('grpcs:') ? { tls } : {}),
      ...(name === undefined || value === undefined ? {} : { headers: { [name.toLowerCase()]: value } }),
      // The queue tries again elsewhere; an attempt here would only hide from it that a server is in trouble.
      retry: false,
    })
  } catch (error) {
    throw new UsageError(describe(error), { cause: error })
  }
}

function readPem(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new ReadError(path, error, { what: `the certificate file ${path}` })
  }
}

/** A server does not let this client in, and will not without a change on one of the two sides. */
export class AccessError extends UnavailableError {}

/** @returns undefined where a later attempt may be answered otherwise */
export function accessError(error: unknown): AccessError | undefined {
  if (!(error instanceof TritonError)) return undefined
  if (error.reason !== 'tls' && !NO_ACCESS.includes(error.code)) return undefined
  const remedy =
    error.reason === 'tls'
      ? '--triton-ca, --triton-cert and --triton-key name certificates'
      : error.code === 'UNIMPLEMENTED'
        ? 'look whether the address is that of the gRPC port of an inference server'
        : '--triton-header, --triton-cert and --triton-key are what this client can show'
  return new AccessError(`${foreign(error.message)}. What is done is kept; ${remedy}`, { cause: error })
}

const NO_ACCESS = ['UNAUTHENTICATED', 'PERMISSION_DENIED', 'UNIMPLEMENTED']

/** The server does not have the model of the run now. */
class LostModelError extends VirnucproError {}

/** An answer that the model of the run cannot have given. */
class OtherAnswerError extends VirnucproError {}

/** What all servers of a run must host under a model's name. */
export interface Agreement {
  readonly contract: Contract
  /** Use servers that do not say what they host. */
  readonly trust: boolean
  /** What the first server that was asked states, and which one it is. */
  first?: {
    readonly server: string
    readonly served: ServedModel | undefined
    readonly precision: string | undefined
  }
}

export interface LaneOptions {
  readonly agreement: Agreement
  readonly logger: Logger
  /** Whether what listens at the address now may be sent sequences. @default always */
  readonly isTrusted?: ((url: string) => boolean) | undefined
}

/** One model on one server: a lane that token batches may take. */
export class ModelLane implements Lane<TokenBatch, Float32Array> {
  readonly name: string
  readonly url: string
  readonly #client: TritonClient
  readonly #model: ModelName
  readonly #options: LaneOptions
  #instances = 1
  #inFlight = REQUESTS_PER_INSTANCE
  #checked = false
  #served: ServedModel | undefined
  #needsReload = false
  #tokenBudget: number | undefined
  #onCpu = false
  /** What was said last about why it is not used. */
  #told = ''
  readonly #fit: BatchFit

  constructor(client: TritonClient, model: ModelName, options: LaneOptions) {
    this.#client = client
    this.#model = model
    this.#options = options
    this.name = `${model} at ${client.url}`
    this.#fit = new BatchFit(this.name, model, options.logger)
    this.url = client.url
  }

  get instances(): number {
    return this.#instances
  }

  /** Padded tokens of a batch that the server's configuration names as best; undefined where it names none. */
  get tokenBudget(): number | undefined {
    return this.#tokenBudget
  }

  /** Whether it computes on the processor. */
  get onCpu(): boolean {
    return this.#onCpu
  }

  /** Whether it has been asked and answered. */
  get isKnown(): boolean {
    return this.#checked
  }

  /** What it has stated that it hosts; undefined before it was asked, and where it does not say. */
  get served(): ServedModel | undefined {
    return this.#served
  }

  /** Most padded tokens that its memory holds, once it has run out. */
  get memoryTokens(): number | undefined {
    return this.#fit.memoryTokens
  }

  /** Work that it has answered. */
  get done(): BatchFit['done'] {
    return this.#fit.done
  }

  get capacity(): number {
    return this.#inFlight * this.#instances
  }

  /**
   * Learns how many instances the server has and what they take, and that it hosts the model of the bundle.
   *
   * @throws OtherModelError when it hosts another model than the bundle's, or than the other servers of the run
   */
  async check(signal?: AbortSignal): Promise<void> {
    const call = { deadlineMs: PROBE_MS, signal }
    const config = await this.#client.modelConfig(this.#model, call)
    const served = await this.#hosted(
      checkContract(this.name, config, this.#options.agreement.contract),
      call,
    )
    this.#agree(served, config)
    this.#served = served
    this.#instances = countInstances(config)
    this.#onCpu =
      config.instanceGroup.length > 0 &&
      config.instanceGroup.every(({ kind }) => kind === ModelInstanceGroup_Kind.CPU)
    this.#inFlight = wholeParameter(config, IN_FLIGHT_PARAMETER) ?? REQUESTS_PER_INSTANCE
    this.#tokenBudget = wholeParameter(config, BUDGET_PARAMETER)
    this.#fit.allow(config.parameters[SHAPES_PARAMETER]?.stringValue ?? '')
    this.#checked = true
  }

  /** What it states counts only where it has the version that this stands for, which requests will name. */
  async #hosted(
    stated: ServedModel | undefined,
    call: { deadlineMs: number; signal: AbortSignal | undefined },
  ): Promise<ServedModel | undefined> {
    const version = stated?.version
    if (version === undefined || (await this.#client.modelReady(this.#model, { ...call, version })))
      return stated
    if (await this.#client.modelReady(this.#model, call)) return undefined
    throw new LostModelError(`${this.name} is not ready`)
  }

  #agree(served: ServedModel | undefined, config: ModelConfig): void {
    const { agreement } = this.#options
    if (served === undefined && !agreement.trust) {
      throw new OtherModelError(
        `${this.name} does not say which model it hosts, so that nothing would tell if another one took its place. ` +
          'Build its repository with this version (virnucpro repository build --force) and start the server again, ' +
          'or add --trust-server if you know what it computes',
      )
    }
    const precision = config.parameters[IDENTITY_PARAMETERS.precision]?.stringValue
    agreement.first ??= { server: this.name, served, precision }
    const { first } = agreement
    const differs = (one: string | undefined, other: string | undefined) =>
      one !== undefined && other !== undefined && one !== other
    if (!differs(served?.digest, first.served?.digest) && !differs(precision, first.precision)) return
    const words = (model: ServedModel | undefined, precision = 'an unknown precision') =>
      model === undefined ? precision : describeModel(model)
    throw new OtherModelError(
      `${first.server} computes ${words(first.served, first.precision)}, and ${this.name} computes ${words(served, precision)}: ` +
        'their results must not be mixed in one run. Name servers whose repositories were built from the same bundle',
    )
  }

  run(batch: TokenBatch, signal: AbortSignal, progress: () => void): Promise<Float32Array> {
    return this.#fit.run(batch, async (piece) => {
      const data = await this.#infer(piece, signal)
      progress()
      return data
    })
  }

  async #checkNow(signal: AbortSignal): Promise<void> {
    await this.check(signal).catch((error) => {
      throw this.#explained(error)
    })
  }

  get #isTrusted(): boolean {
    return this.#options.isTrusted?.(this.url) ?? true
  }

  async #infer(batch: TokenBatch, signal: AbortSignal): Promise<Float32Array> {
    // It was down when the run began.
    if (!this.#checked) await this.#checkNow(signal)
    // Whoever has taken the port of a server that has ended gets nothing.
    if (!this.#isTrusted) throw new LostModelError('the server that was started there has ended')
    const { inputIds, lengths, rows, paddedLength } = batch
    const version = this.#served?.version
    const result = await this.#client
      .infer(
        {
          model: this.#model,
          ...(version !== undefined && { version }),
          inputs: [
            { name: 'input_ids', datatype: 'INT32', shape: [rows, paddedLength], data: inputIds },
            { name: 'lengths', datatype: 'INT32', shape: [rows], data: lengths },
          ],
          outputs: ['embedding'],
        },
        // The queue knows best when nothing more is to be expected.
        { signal, deadlineMs: 0 },
      )
      .catch((error) => {
        throw this.#explained(error)
      })
    return this.#checkedData(result, rows)
  }

  /** @throws OtherAnswerError where the answer is not one of the model that was asked */
  #checkedData(result: InferResult, rows: number): Float32Array {
    const { dimension } = this.#options.agreement.contract
    if (
      this.#served !== undefined &&
      (result.model !== this.#model || result.version !== this.#served.version)
    ) {
      throw new OtherAnswerError(
        `it answered as version ${foreign(result.version, 40)} of ${foreign(result.model, 40)} instead of version ${this.#served.version}`,
      )
    }
    const { data, shape } = result.output('embedding', 'FP32')
    if (shape[0] === rows && shape[1] === dimension && shape.length === 2) return data
    throw new OtherAnswerError(
      `it answered with embeddings of shape [${shape}] instead of [${rows},${dimension}]`,
    )
  }

  /** A version that is not there any more means: this is not the server that the run began with. */
  #explained(error: unknown): unknown {
    const refused = accessError(error)
    if (refused !== undefined) return refused
    if (!(error instanceof TritonError) || error.reason !== 'not-found' || this.#served === undefined)
      return error
    return new LostModelError(
      `it no longer has ${describeModel(this.#served)} (version ${this.#served.version})`,
      {
        cause: error,
      },
    )
  }

  judge(error: unknown): Verdict {
    if (error instanceof AccessError) return 'stop'
    if (error instanceof OtherAnswerError) return 'distrust'
    if (error instanceof LostModelError || error instanceof OtherModelError) return 'lane'
    if (!(error instanceof TritonError)) return 'job'
    if (error.reason === 'backend-died') {
      // Seen after a server had stood still: it gives up on the process, the process finishes all the same, and its
      // answer is taken for the answer to the next request.
      this.#needsReload = true
      return 'distrust'
    }
    // Unknown to the server means unloaded for now; it was there when the run began.
    return error.retryable || error.reason === 'not-found' || error.reason === 'cancelled' ? 'lane' : 'job'
  }

  async probe(signal: AbortSignal): Promise<boolean> {
    if (!this.#isTrusted) return false
    const call = { deadlineMs: PROBE_MS, signal }
    if (this.#needsReload) {
      // A Python model whose process is gone stays "ready" for ever; loading it anew is the only cure.
      await this.#client.unloadModel(this.#model, call)
      await this.#client.loadModel(this.#model, { signal })
      this.#needsReload = false
    }
    return await this.#isBack(signal).catch((error) => {
      throw this.#explained(error)
    })
  }

  async #isBack(signal: AbortSignal): Promise<boolean> {
    const call = { deadlineMs: PROBE_MS, signal }
    const version = this.#served?.version
    const ready = await this.#client.modelReady(this.#model, {
      ...call,
      ...(version !== undefined && { version }),
    })
    if (!ready && version !== undefined) await this.#tellWhoIsThere(call)
    if (!ready) return false
    try {
      await this.check(signal)
    } catch (error) {
      if (error instanceof OtherModelError) this.#tell(`not using ${error.message}`)
      throw error
    }
    return true
  }

  /** Once for each model that has taken the place of the run's. */
  async #tellWhoIsThere(call: { deadlineMs: number; signal: AbortSignal }): Promise<void> {
    if (this.#served === undefined || !(await this.#client.modelReady(this.#model, call))) return
    const found = statedModel(await this.#client.modelConfig(this.#model, call))
    const other = found === undefined ? 'a model that does not say what it is' : describeModel(found)
    this.#tell(
      `${this.name} hosts ${other} now, and the run is computed with ${describeModel(this.#served)}: it is not used until that is back`,
    )
  }

  #tell(message: string): void {
    if (this.#told === message) return
    this.#told = message
    this.#options.logger.warn(message)
  }
}

/** The server names the GPUs of each group, or none for a group on the CPU. */
function countInstances({ instanceGroup }: ModelConfig): number {
  const count = instanceGroup.reduce((sum, { kind, count, gpus }) => {
    return sum + count * (kind === ModelInstanceGroup_Kind.GPU ? Math.max(1, gpus.length) : 1)
  }, 0)
  return Math.max(1, count)
}

function wholeParameter({ parameters }: ModelConfig, key: string): number | undefined {
  const value = Number(parameters[key]?.stringValue)
  return Number.isSafeInteger(value) && value > 0 ? value : undefined
}

/** What an error says, with what it was caused by; part of it may be a server's own words. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return foreign(String(error))
  return foreign(error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message)
}
