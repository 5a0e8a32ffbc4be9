import { readFileSync } from 'node:fs'
import { UsageError } from '../../system/index.ts'
import {
  type ModelConfig,
  ModelInstanceGroup_Kind,
  TritonClient,
  TritonError,
} from '../../tritonclient/index.ts'
import type { ModelName, TokenBatch } from '../backend.ts'
import { BatchFit } from './batch-fit.ts'
import { type Contract, checkContract } from './contract.ts'
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
    throw new UsageError(`cannot read the certificate file ${path}: ${describe(error)}`)
  }
}

/** One model on one server: a lane that token batches may take. */
export class ModelLane implements Lane<TokenBatch, Float32Array> {
  readonly name: string
  readonly url: string
  readonly #client: TritonClient
  readonly #model: ModelName
  readonly #contract: Contract
  readonly #deadlineMs: number
  #instances = 1
  #inFlight = REQUESTS_PER_INSTANCE
  #checked = false
  #needsReload = false
  #tokenBudget: number | undefined
  readonly #fit: BatchFit
  /** Work that it has answered. */
  readonly done = { batches: 0, sequences: 0, paddedTokens: 0 }

  constructor(
    client: TritonClient,
    model: ModelName,
    contract: Contract,
    deadlineMs: number,
    warn: (message: string) => void,
  ) {
    this.#client = client
    this.#model = model
    this.#contract = contract
    this.#deadlineMs = deadlineMs
    this.name = `${model} at ${client.url}`
    this.#fit = new BatchFit((tokens) =>
      warn(
        `${this.name}: the GPU ran out of memory; from now on batches of more than ${tokens} tokens are computed there ` +
          `in pieces. ${model === 'esm2' ? '--esm-batch-size' : '--dnabert-batch-size'} ${tokens} makes such batches from the start`,
      ),
    )
    this.url = client.url
  }

  get instances(): number {
    return this.#instances
  }

  /** Padded tokens of a batch that the server's configuration names as best; undefined where it names none. */
  get tokenBudget(): number | undefined {
    return this.#tokenBudget
  }

  /** Whether it has been asked and answered. */
  get isKnown(): boolean {
    return this.#checked
  }

  /** Most padded tokens that its memory holds, once it has run out. */
  get memoryTokens(): number | undefined {
    return this.#fit.memoryTokens
  }

  get capacity(): number {
    return this.#inFlight * this.#instances
  }

  /**
   * Learns how many instances the server has and what they take, and that it hosts the model of the bundle.
   *
   * @throws UsageError when it hosts another model
   */
  async check(signal?: AbortSignal): Promise<void> {
    const config = await this.#client.modelConfig(this.#model, { deadlineMs: PROBE_MS, signal })
    checkContract(this.name, config, this.#contract)
    this.#instances = countInstances(config)
    this.#inFlight = wholeParameter(config, IN_FLIGHT_PARAMETER) ?? REQUESTS_PER_INSTANCE
    this.#tokenBudget = wholeParameter(config, BUDGET_PARAMETER)
    this.#fit.allow(config.parameters[SHAPES_PARAMETER]?.stringValue ?? '')
    this.#checked = true
  }

  run(batch: TokenBatch, signal: AbortSignal): Promise<Float32Array> {
    return this.#fit.run(batch, (piece) => this.#infer(piece, signal))
  }

  async #infer(batch: TokenBatch, signal: AbortSignal): Promise<Float32Array> {
    const { inputIds, lengths, rows, paddedLength } = batch
    const result = await this.#client.infer(
      {
        model: this.#model,
        inputs: [
          { name: 'input_ids', datatype: 'INT32', shape: [rows, paddedLength], data: inputIds },
          { name: 'lengths', datatype: 'INT32', shape: [rows], data: lengths },
        ],
        outputs: ['embedding'],
      },
      { signal, deadlineMs: this.#deadlineMs },
    )
    const { data, shape } = result.output('embedding', 'FP32')
    if (shape[0] !== rows || shape[1] !== this.#contract.dimension || shape.length !== 2) {
      throw new UsageError(
        `${this.name} answered with embeddings of shape [${shape}] instead of [${rows},${this.#contract.dimension}]`,
      )
    }
    this.done.batches++
    this.done.sequences += rows
    this.done.paddedTokens += rows * paddedLength
    return data
  }

  judge(error: unknown): Verdict {
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
    const call = { deadlineMs: PROBE_MS, signal }
    if (this.#needsReload) {
      // A Python model whose process is gone stays "ready" for ever; loading it anew is the only cure.
      await this.#client.unloadModel(this.#model, call)
      await this.#client.loadModel(this.#model, { signal })
      this.#needsReload = false
    }
    if (!(await this.#client.modelReady(this.#model, call))) return false
    if (!this.#checked) await this.check(signal)
    return true
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

/** What an error says, with what it was caused by. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
