import { InferenceError } from '../../onnx/index.ts'
import { type Logger, VirnucproError } from '../../system/index.ts'
import { type TritonClient, TritonError } from '../../tritonclient/index.ts'
import type { BackendServer, EmbeddingBackend, LaneActivity, ModelName, TokenBatch } from '../backend.ts'
import type { Contract } from './contract.ts'
import { connect, describe, ModelLane, type TritonAccess } from './endpoint.ts'
import { PullQueue } from './pull-queue.ts'

export interface TritonOptions {
  /** `grpc://HOST:PORT` or `grpcs://HOST:PORT`, at least one. */
  endpoints: readonly string[]
  /** Where each of them answers for Prometheus. @default the port after that of gRPC, as Triton has it */
  metricsUrls?: readonly string[] | undefined
  access: TritonAccess
  models: Record<ModelName, Contract>
  /** Seconds without any server that answers, after which the run is given up. */
  serverTimeout: number
  logger: Logger
  signal?: AbortSignal | undefined
}

/** No server answers any more; the run can be continued. */
export class NoServerError extends VirnucproError {}

const MODELS = ['esm2', 'dnabert_s'] as const satisfies ModelName[]

/**
 * Runs both models on Triton servers. Each model has a queue of its own, from which every server pulls as fast as it
 * computes; a GPU that hosts both is shared by the server, which always has a batch of each at hand.
 */
export class TritonBackend implements EmbeddingBackend {
  readonly description: string
  readonly concurrency: number
  /** With one instance as well: the batches, and with them the last digits, must not depend on how many there are. */
  readonly tapers = true
  readonly servers: readonly BackendServer[]
  readonly #clients: readonly TritonClient[]
  readonly #lanes: Record<ModelName, readonly ModelLane[]>
  readonly #models: TritonOptions['models']
  readonly #queues: Record<ModelName, PullQueue<TokenBatch, Float32Array>>

  private constructor(
    options: TritonOptions,
    clients: TritonClient[],
    lanes: Record<ModelName, ModelLane[]>,
  ) {
    this.#clients = clients
    this.#lanes = lanes
    this.servers = clients.map((client, i) => ({
      name: hostPort(client.url),
      client,
      metricsUrl: options.metricsUrls?.[i] ?? usualMetricsUrl(client.url),
    }))
    this.#models = options.models
    this.#queues = { esm2: queueOf(lanes.esm2, options), dnabert_s: queueOf(lanes.dnabert_s, options) }
    this.concurrency = Math.max(this.#queues.esm2.depth, this.#queues.dnabert_s.depth)
    const instances = MODELS.map((model) => {
      const count = lanes[model].reduce((sum, lane) => sum + lane.instances, 0)
      return `${count} of ${model}`
    })
    this.description = `Triton at ${options.endpoints.join(', ')}, instances: ${instances.join(', ')}`
  }

  /**
   * Connects to every server; those that do not answer now are tried again during the run.
   *
   * @throws NoServerError when none has answered within the timeout, UsageError when one hosts other models
   */
  static async open(options: TritonOptions): Promise<TritonBackend> {
    const clients = options.endpoints.map((url) => connect(url, options.access))
    const deadlineMs = options.serverTimeout * 1000
    const lanes = (model: ModelName) =>
      clients.map((client) => {
        return new ModelLane(client, model, options.models[model], deadlineMs, (m) => options.logger.warn(m))
      })
    const all = { esm2: lanes('esm2'), dnabert_s: lanes('dnabert_s') }
    try {
      await anyReady(clients, options)
      for (const lane of [...all.esm2, ...all.dnabert_s]) await checkOrWarn(lane, options)
    } catch (error) {
      for (const client of clients) client.close()
      throw error
    }
    return new TritonBackend(options, clients, all)
  }

  /**
   * What `engines tune` found, where every server that answers says so: the smallest, since all servers take from one queue.
   * Else what filled one GPU: more tokens in a batch gave under 1 % more speed.
   */
  tokenBudget(model: ModelName): number {
    const known = this.#lanes[model].filter(({ isKnown }) => isKnown)
    const tuned = known.flatMap(({ tokenBudget }) => tokenBudget ?? [])
    if (tuned.length > 0 && tuned.length === known.length) return Math.min(...tuned)
    return model === 'esm2' ? 16_384 : 65_536
  }

  /** TensorRT plans are built for shapes up to a limit; very short sequences would exceed it within the budget. */
  maxSequences(model: ModelName): number {
    return model === 'esm2' ? 1024 : 4096
  }

  dimension(model: ModelName): number {
    return this.#models[model].dimension
  }

  async embed(model: ModelName, batch: TokenBatch, signal?: AbortSignal): Promise<Float32Array> {
    try {
      return await this.#queues[model].submit(batch, signal)
    } catch (error) {
      if (!(error instanceof TritonError)) throw error
      const shape = `${batch.rows} sequences of up to ${batch.paddedLength} tokens`
      throw new InferenceError(`${model} failed on a batch of ${shape}: ${describe(error)}`, { cause: error })
    }
  }

  activity(): LaneActivity[] {
    return MODELS.flatMap((model) => {
      const states = this.#queues[model].state()
      return this.#lanes[model].map((lane, i) => ({
        name: `${model} at ${hostPort(lane.url)}`,
        model,
        server: hostPort(lane.url),
        instances: lane.instances,
        inOrder: states[i]?.inOrder ?? true,
        inFlight: states[i]?.running ?? 0,
        ...lane.done,
        busySeconds: undefined,
        memoryTokens: lane.memoryTokens,
      }))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const model of MODELS) this.#queues[model].close()
    for (const client of this.#clients) client.close()
  }
}

function hostPort(url: string): string {
  return url.replace(/^[a-z]+:\/\//, '')
}

/** Triton has gRPC at 8001 and its metrics at 8002, and `virnucpro serve` keeps that order for every server. */
function usualMetricsUrl(url: string): string {
  const [, host, port] = /^(.*):(\d+)$/.exec(hostPort(url)) ?? []
  return `http://${host ?? hostPort(url)}:${Number(port ?? 8001) + 1}/metrics`
}

function queueOf(
  lanes: ModelLane[],
  { serverTimeout, logger }: TritonOptions,
): PullQueue<TokenBatch, Float32Array> {
  return new PullQueue(lanes, {
    cost: ({ rows, paddedLength }) => rows * paddedLength,
    patienceMs: serverTimeout * 1000,
    onLane: (name, state, reason) => {
      if (state === 'lost')
        logger.warn(`${name} does not answer (${reason}); its batches go elsewhere, it is tried again`)
      else logger.info(`${name} answers again`)
    },
    gaveUp: (reason) => noServer(serverTimeout, reason),
  })
}

function noServer(seconds: number, reason: string): NoServerError {
  return new NoServerError(
    `no inference server has answered for ${seconds} s (${reason}). What is done is kept: start the servers ` +
      'and give the same command again; --server-timeout changes how long they are waited for',
  )
}

async function anyReady(
  clients: readonly TritonClient[],
  { serverTimeout, signal }: TritonOptions,
): Promise<void> {
  const wait = { models: MODELS, deadlineMs: serverTimeout * 1000, signal }
  const done = new AbortController()
  try {
    await Promise.any(
      clients.map((client) => client.waitUntilReady({ ...wait, signal: either(signal, done.signal) })),
    )
  } catch (error) {
    signal?.throwIfAborted()
    const first = error instanceof AggregateError ? error.errors[0] : error
    throw noServer(serverTimeout, describe(first))
  } finally {
    done.abort()
  }
}

function either(a: AbortSignal | undefined, b: AbortSignal): AbortSignal {
  return a === undefined ? b : AbortSignal.any([a, b])
}

/** A server that is down now may come later; one with the wrong model never helps. */
async function checkOrWarn(lane: ModelLane, { logger, signal }: TritonOptions): Promise<void> {
  try {
    await lane.check(signal)
  } catch (error) {
    if (error instanceof VirnucproError) throw error
    logger.warn(`${lane.name} does not answer yet: ${describe(error)}`)
  }
}
