import { type InferResult, type TritonClient, TritonError } from '#tritonclient-ts'
import type { TokenBatch } from '../../batching/index.ts'
import { GRAPH_TENSORS, type HostedName, modelOf } from '../../bundle/index.ts'
import { VirnucproError } from '../../system/errors.ts'
import type { Logger } from '../../system/logger.ts'
import { foreign } from '../../system/printable.ts'
import { BatchFit } from '../batch-fit.ts'
import type { Lane, Verdict } from '../pull-queue.ts'
import { AccessError, accessError, describe, MOST_ANSWER_BYTES } from './access.ts'
import {
  type Agreement,
  describeModel,
  type ModelStatement,
  OtherModelError,
  REQUESTS_PER_INSTANCE,
  readConfig,
  statedModel,
} from './contract.ts'

/** A healthy server answers a question about a model in a few milliseconds. */
const PROBE_MS = 2000
/** After so long without an answer the connection may be one that a firewall on the way has forgotten. */
const IDLE_MS = 5000

/** Of an answer beside its numbers: names, shape, parameters. */
const OTHER_BYTES = 2 ** 20

/** More requests than that are on their way to no real server at once, whatever it says of itself. */
const MOST_IN_FLIGHT = 256

/** The server does not have the model of the run now. */
class LostModelError extends VirnucproError {}

/** An answer that the model of the run cannot have given. */
class OtherAnswerError extends VirnucproError {}

export interface LaneOptions {
  readonly agreement: Agreement
  readonly logger?: Logger
  /** Whether what listens at the address now may be sent sequences. @default always */
  readonly isTrusted?: ((url: string) => boolean) | undefined
}

/** A batch that a lane has computed. */
export interface Answer {
  /** Row-major [rows, dimension]. */
  readonly vectors: Float32Array
  /** Of the server. */
  readonly url: string
}

/** One model on one server: a lane that token batches may take. */
export class ModelLane implements Lane<TokenBatch, Answer> {
  readonly name: string
  readonly url: string
  readonly fit: BatchFit
  readonly #client: TritonClient
  readonly #model: HostedName
  readonly #options: LaneOptions
  #known: ModelStatement | undefined
  #needsReload = false
  #heardAt = performance.now()
  /** The question whether the connection still carries anything, while it is asked. */
  #waking: Promise<unknown> | undefined
  /** What was logged last about why it is not used. */
  #alreadyLogged = ''

  constructor(client: TritonClient, model: HostedName, options: LaneOptions) {
    this.#client = client
    this.#model = model
    this.#options = options
    this.name = `${model} at ${client.url}`
    this.url = client.url
    const rows = Math.floor((MOST_ANSWER_BYTES - OTHER_BYTES) / (4 * options.agreement.contract.dimension))
    this.fit = new BatchFit(this.name, modelOf(model), options.logger, rows)
  }

  /** What it has stated; undefined before it was asked and has answered. */
  get known(): ModelStatement | undefined {
    return this.#known
  }

  get instances(): number {
    return this.#known?.instances ?? 1
  }

  get capacity(): number {
    return Math.min(MOST_IN_FLIGHT, (this.#known?.inFlight ?? REQUESTS_PER_INSTANCE) * this.instances)
  }

  /**
   * Learns how many instances the server has and what they take, and that it hosts the model of the bundle.
   *
   * @throws OtherModelError when it hosts another model than the bundle's, or than the other servers of the run
   */
  async check(signal?: AbortSignal): Promise<void> {
    this.accept(await this.ask(signal))
  }

  /** @throws OtherModelError when it hosts another model than the bundle's */
  async ask(signal?: AbortSignal): Promise<ModelStatement> {
    const call = { deadlineMs: PROBE_MS, signal }
    const config = await this.#client.modelConfig(this.#model, call)
    const statement = readConfig(this.name, config, this.#options.agreement.contract)
    const version = statement.served?.version
    if (version !== undefined && (await this.#client.modelReady(this.#model, { ...call, version })))
      return statement
    if (!(await this.#client.modelReady(this.#model, call)))
      throw new LostModelError(`${this.name} is not ready`)
    // What it states counts only where it has the version that this stands for, which requests will name.
    return { ...statement, served: undefined }
  }

  /** @throws OtherModelError when it hosts another model than the other servers of the run */
  accept(statement: ModelStatement): void {
    this.#options.agreement.join(this.name, statement)
    if (this.#known?.served?.digest !== statement.served?.digest || this.#known === undefined)
      this.#options.logger?.note?.(`${this.name}: ${introduction(statement)}`)
    this.#known = statement
    this.#heardAt = performance.now()
    this.fit.allow(statement.shapes)
  }

  async run(batch: TokenBatch, signal: AbortSignal, progress: () => void): Promise<Answer> {
    try {
      const vectors = await this.fit.run(batch, async (piece) => {
        const data = await this.#infer(piece, signal)
        progress()
        return data
      })
      return { vectors, url: this.url }
    } catch (error) {
      if (!signal.aborted) {
        const shape = `${batch.rows} sequences of up to ${batch.paddedLength} tokens`
        this.#options.logger?.note?.(`${this.name} failed on a batch of ${shape}: ${describe(error)}`)
      }
      throw error
    }
  }

  get #isTrusted(): boolean {
    return this.#options.isTrusted?.(this.url) ?? true
  }

  async #infer(
    { inputIds, lengths, rows, paddedLength }: TokenBatch,
    signal: AbortSignal,
  ): Promise<Float32Array> {
    // It was down when the run began.
    if (this.#known === undefined) await this.#explained(this.check(signal))
    // Whoever has taken the port of a server that has ended gets nothing.
    if (!this.#isTrusted) throw new LostModelError('the server that was started there has ended')
    await this.#explained(this.#wake())
    const version = this.#known?.served?.version
    const id = crypto.randomUUID()
    const answer = this.#client.infer(
      {
        model: this.#model,
        id,
        ...(version !== undefined && { version }),
        inputs: [
          { name: GRAPH_TENSORS.ids, datatype: 'INT32', shape: [rows, paddedLength], data: inputIds },
          { name: GRAPH_TENSORS.lengths, datatype: 'INT32', shape: [rows], data: lengths },
        ],
        outputs: [GRAPH_TENSORS.embedding],
      },
      // The queue knows best when nothing more is to be expected.
      { signal, deadlineMs: 0 },
    )
    const result = await this.#explained(answer)
    this.#heardAt = performance.now()
    return this.#checkedData(result, version, id, rows)
  }

  /** An inference has no deadline: into a connection that carries nothing any more it would be sent for nothing. */
  async #wake(): Promise<void> {
    if (performance.now() - this.#heardAt < IDLE_MS) return
    this.#waking ??= this.#client
      // A server that is only busy has time enough for that.
      .modelReady(this.#model, { deadlineMs: IDLE_MS })
      .then(() => {
        this.#heardAt = performance.now()
      })
      .finally(() => {
        this.#waking = undefined
      })
    await this.#waking
  }

  /** @throws OtherAnswerError where the answer is not one of the model that was asked */
  #checkedData(result: InferResult, version: string | undefined, id: string, rows: number): Float32Array {
    const { dimension } = this.#options.agreement.contract
    if (version !== undefined && (result.model !== this.#model || result.version !== version)) {
      throw new OtherAnswerError(
        `it answered as version ${foreign(result.version, 40)} of ${foreign(result.model, 40)} instead of version ${version}`,
      )
    }
    // A server that does not say what it hosts need not be a Triton, which always repeats the id.
    if (result.id !== id && (version !== undefined || result.id !== '')) {
      throw new OtherAnswerError(
        `it answered ${result.id === '' ? 'without the id of the request' : 'to another request'}`,
      )
    }
    const { data, shape } = result.output(GRAPH_TENSORS.embedding, 'FP32')
    if (shape[0] === rows && shape[1] === dimension && shape.length === 2) return data
    throw new OtherAnswerError(
      `it answered with embeddings of shape [${shape}] instead of [${rows},${dimension}]`,
    )
  }

  /** A version that is not there any more means: this is not the server that the run began with. */
  #explained<T>(answer: Promise<T>): Promise<T> {
    return answer.catch((error) => {
      const served = this.#known?.served
      const refused = accessError(error)
      if (refused !== undefined) throw refused
      if (!(error instanceof TritonError) || error.reason !== 'not-found' || served === undefined) throw error
      throw new LostModelError(`it no longer has ${describeModel(served)} (version ${served.version})`, {
        cause: error,
      })
    })
  }

  judge(error: unknown): Verdict {
    if (error instanceof AccessError) return 'stop'
    if (error instanceof OtherAnswerError) return 'distrust'
    if (error instanceof LostModelError || error instanceof OtherModelError) return 'lane'
    if (!(error instanceof TritonError)) return 'job'
    if (error.reason === 'bad-answer') return 'distrust'
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
    if (this.#needsReload) {
      // A Python model whose process is gone stays "ready" for ever; loading it again is the only cure.
      await this.#client.unloadModel(this.#model, { deadlineMs: PROBE_MS, signal })
      await this.#client.loadModel(this.#model, { signal })
      this.#needsReload = false
    }
    return await this.#explained(this.#isBack(signal))
  }

  async #isBack(signal: AbortSignal): Promise<boolean> {
    const call = { deadlineMs: PROBE_MS, signal }
    const version = this.#known?.served?.version
    const ready = await this.#client.modelReady(this.#model, {
      ...call,
      ...(version !== undefined && { version }),
    })
    this.#heardAt = performance.now()
    if (!ready) {
      await this.#logReplacement(call)
      return false
    }
    try {
      await this.check(signal)
    } catch (error) {
      if (error instanceof OtherModelError) this.#warnOnce(`not using ${error.message}`)
      throw error
    }
    return true
  }

  /** Once for each model that has taken the place of the run's. */
  async #logReplacement(call: { deadlineMs: number; signal: AbortSignal }): Promise<void> {
    const served = this.#known?.served
    if (served === undefined || !(await this.#client.modelReady(this.#model, call))) return
    const found = statedModel(await this.#client.modelConfig(this.#model, call))
    const other = found === undefined ? 'a model that does not say what it is' : describeModel(found)
    this.#warnOnce(
      `${this.name} hosts ${other} now, and the run is computed with ${describeModel(served)}: it is not used until that is back`,
    )
  }

  #warnOnce(message: string): void {
    if (this.#alreadyLogged === message) return
    this.#alreadyLogged = message
    this.#options.logger?.warn(message)
  }
}

/** What a server hosts under a model's name, for the log. */
function introduction({ served, precision = 'an unknown precision', instances }: ModelStatement): string {
  const model = served === undefined ? 'does not say which model it hosts' : `digest ${served.digest}`
  return `${precision}, ${model}, instances: ${instances}`
}
