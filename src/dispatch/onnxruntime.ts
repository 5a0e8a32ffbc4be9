import type { TokenBatch } from '../batching/index.ts'
import {
  type Bundle,
  computesOnCpu,
  forModels,
  graphFiles,
  type HostedName,
  hostedModel,
  MODEL_NAMES,
  type ModelName,
  modelOf,
  type RecheckFacts,
  recheckOf,
} from '../bundle/index.ts'
import type { MonitoredLane } from '../monitor/index.ts'
import { InferenceError, type InferenceSession, loadRuntime, openSession } from '../onnx/index.ts'
import { CPU_TOKEN_BUDGET } from '../settings/index.ts'
import { threadsToStart } from '../system/cores.ts'
import { UsageError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'
import { messageOf } from '../system/problems.ts'
import type { EmbeddingBackend } from './backend.ts'
import { BatchFit } from './batch-fit.ts'
import { Limiter } from './limiter.ts'

/** @throws UsageError for a bundle in a precision that the CPU cannot compute */
export function requireCpuPrecision({ folder, manifest: { precision, attention } }: Bundle): void {
  if (computesOnCpu(precision)) return
  throw new UsageError(`the bundle ${folder} is in ${precision}, which the CPU cannot compute`, {
    detail: { code: 'needs-server', data: { fused: attention === 'fused' } },
  })
}

/** The graphs to run, and on how many threads. */
export interface OnnxRuntimeOptions {
  /** Path of each model's graph, or its content with the weights inside, and the width of its embedding. */
  models: Record<ModelName, { graph: string | Uint8Array; dimension: number }>
  /** Threads of one call, at most one for each core this process may use. @default as many */
  threads?: number | undefined
  /** Of the graphs, for the description. @default 'fp32' */
  precision?: string
  /**
   * Throws when the files of the graphs are not what they were. The runtime maps weights into memory: what is written to
   * their file enters the next batch.
   */
  unchanged?: (() => Promise<void>) | undefined
  /** The quantized model that can be rechecked, and what opens its partner when it is first asked. */
  recheck?:
    | {
        readonly facts: RecheckFacts
        /** Opens the partner, with so many threads. */
        open(threads: number): Promise<HostedGraph>
      }
    | undefined
  /** Gets a warning when the memory does not hold a batch. */
  logger?: Logger | undefined
}

/** The graph of a partner, and what throws when its files are not what they were. */
export interface HostedGraph {
  readonly session: InferenceSession
  /** Throws when the files of the graph are not what they were. */
  readonly unchanged: () => Promise<void>
}

interface Model {
  readonly session: InferenceSession
  readonly dimension: number
  readonly fit: BatchFit
  readonly unchanged: OnnxRuntimeOptions['unchanged']
}

/**
 * Runs the models in this process on the CPU, the embedded default.
 *
 * One batch at a time: every call already uses all threads, so two at once would only fight for the cores.
 */
export class OnnxRuntimeBackend implements EmbeddingBackend {
  readonly description: string
  readonly concurrency = 1
  readonly tapers = false
  readonly servers = []
  readonly serverFacts = () => Promise.resolve([])
  readonly recheck: RecheckFacts | undefined
  readonly #models: Record<ModelName, Model>
  /** Twice the memory is not taken before there is something to recheck. */
  readonly #openPartner: () => Promise<Model>
  #partner: Promise<Model> | undefined
  readonly #limiter = new Limiter(this.concurrency)
  readonly #fits: BatchFit[]
  #busyMs = 0
  #callStart: number | undefined

  private constructor(
    { precision = 'fp32', recheck, logger }: OnnxRuntimeOptions,
    models: Record<ModelName, Model>,
    threads: number,
  ) {
    const how = precision === 'fp32' ? '' : ` in ${precision}`
    this.description = `ONNX Runtime in this process${how}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`
    this.#models = models
    this.#fits = Object.values(models).map(({ fit }) => fit)
    this.recheck = recheck?.facts
    this.#openPartner = async () => {
      if (recheck === undefined) throw new Error('a partner is asked for, and there is none')
      const { name, model } = recheck.facts
      const { dimension } = models[model]
      const fit = new BatchFit(`${name} in this process`, model, logger)
      return { ...(await recheck.open(threads)), dimension, fit }
    }
  }

  /** Loads the graphs of both models. @throws InferenceError when one cannot be run */
  static async open(options: OnnxRuntimeOptions): Promise<OnnxRuntimeBackend> {
    const threads = threadsToStart(options.threads)
    const models = {} as Record<ModelName, Model>
    try {
      for (const name of MODEL_NAMES) {
        const { graph, dimension } = options.models[name]
        const fit = new BatchFit(`${name} in this process`, name, options.logger)
        const session = await openSession(graph, { threads })
        models[name] = { session, dimension, fit, unchanged: options.unchanged }
      }
      return new OnnxRuntimeBackend(options, models, threads)
    } catch (error) {
      for (const { session } of Object.values(models)) await session.release()
      throw error
    }
  }

  /** Runs the models of a bundle for CPUs; its files are compared with their checksums. @throws BundleError */
  static async openBundle(
    bundle: Bundle,
    options: Pick<OnnxRuntimeOptions, 'threads' | 'logger'>,
    signal: AbortSignal | undefined,
  ): Promise<OnnxRuntimeBackend> {
    const { precision } = bundle.manifest
    const models = forModels((name) => {
      const { graph, dimension } = bundle.manifest.models[name]
      return { graph: bundle.pathOf(graph), dimension }
    })
    const facts = await recheckOf(bundle)
    const recheck = facts && {
      facts,
      open: (threads: number) => openPartner(bundle, facts.name, threads, signal),
    }
    const open = (unchanged: () => Promise<void>) =>
      OnnxRuntimeBackend.open({ ...options, models, precision, unchanged, recheck })
    return await bundle.whileVerified(graphFiles(bundle.manifest), open, signal)
  }

  dimension(model: HostedName): number {
    return this.#models[modelOf(model)].dimension
  }

  tokenBudget(): number {
    return CPU_TOKEN_BUDGET
  }

  maxSequences(): undefined {
    return undefined
  }

  embed(name: HostedName, batch: TokenBatch, signal?: AbortSignal): Promise<Float32Array> {
    return this.#limiter.run(async () => {
      const model = await this.#modelOf(name)
      return await model.fit.run(batch, (piece) => {
        signal?.throwIfAborted()
        return this.#timed(name, model, piece)
      })
    })
  }

  #modelOf(name: HostedName): Model | Promise<Model> {
    if (modelOf(name) === name) return this.#models[name as ModelName]
    this.#partner ??= this.#openPartner().then((opened) => {
      this.#fits.push(opened.fit)
      return opened
    })
    return this.#partner
  }

  activity(): MonitoredLane[] {
    const fits = this.#fits
    const sum = (of: keyof BatchFit['done']) => fits.reduce((all, { done }) => all + done[of], 0)
    const limits = fits.flatMap(({ memoryTokens }) => memoryTokens ?? [])
    const current = this.#callStart === undefined ? 0 : performance.now() - this.#callStart
    return [
      {
        name: 'processor',
        model: undefined,
        server: undefined,
        instances: 1,
        healthy: true,
        inFlight: this.#limiter.size,
        batches: sum('batches'),
        sequences: sum('sequences'),
        paddedTokens: sum('paddedTokens'),
        busySeconds: (this.#busyMs + current) / 1000,
        memoryTokens: limits.length === 0 ? undefined : Math.min(...limits),
      },
    ]
  }

  async #timed(name: HostedName, model: Model, batch: TokenBatch): Promise<Float32Array> {
    const start = performance.now()
    this.#callStart = start
    try {
      const vectors = await this.#run(name, model, batch)
      await model.unchanged?.()
      return vectors
    } finally {
      this.#busyMs += performance.now() - start
      this.#callStart = undefined
    }
  }

  async #run(name: HostedName, { session, dimension }: Model, batch: TokenBatch): Promise<Float32Array> {
    const { Tensor } = await loadRuntime()
    const shape = [batch.rows, batch.paddedLength]
    let data: unknown
    try {
      const results = await session.run({
        input_ids: new Tensor('int32', batch.inputIds, shape),
        lengths: new Tensor('int32', batch.lengths, [batch.rows]),
      })
      data = results.embedding?.data
    } catch (error) {
      const reason = messageOf(error)
      throw new InferenceError(`${name} failed on a batch of [${shape}] tokens: ${reason}`, { cause: error })
    }
    const expected = batch.rows * dimension
    if (!(data instanceof Float32Array) || data.length !== expected) {
      throw new InferenceError(
        `${name} gave no float32 embedding of ${expected} values for a batch of [${shape}] tokens; ` +
          'its graph does not fit the bundle: import the models again',
      )
    }
    return data
  }

  /** Frees all sessions when the batches under way are done. */
  async [Symbol.asyncDispose](): Promise<void> {
    // After all that were submitted before.
    await this.#limiter.run(async () => {})
    for (const { session } of Object.values(this.#models)) await session.release()
    const partner = await this.#partner?.catch(() => undefined)
    await partner?.session.release()
  }
}

/** Its files are compared with their checksums. @throws BundleError InferenceError */
async function openPartner(
  bundle: Bundle,
  name: HostedName,
  threads: number,
  signal: AbortSignal | undefined,
): Promise<HostedGraph> {
  const { graph, weights } = hostedModel(bundle.manifest, name)
  const open = async (unchanged: () => Promise<void>) => {
    const session = await openSession(bundle.pathOf(graph), { threads })
    return { session, unchanged, [Symbol.asyncDispose]: () => session.release() }
  }
  return await bundle.whileVerified([graph, weights], open, signal)
}
