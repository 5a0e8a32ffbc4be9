import { type TritonClient, TritonError } from 'tritonclient-ts'
import type { TokenBatch } from '../../batching/index.ts'
import { forModels, MODEL_NAMES, MODELS, type ModelName } from '../../bundle/index.ts'
import { InferenceError } from '../../onnx/index.ts'
import type { Logger } from '../../system/logger.ts'
import { foreign } from '../../system/printable.ts'
import type { BackendServer, EmbeddingBackend, LaneActivity, ServerFacts } from '../backend.ts'
import type { Contract } from './contract.ts'
import { AccessError, type Agreement, connect, describe, ModelLane, type TritonAccess } from './endpoint.ts'
import { PullQueue } from './pull-queue.ts'
import { askServers, NoServerError, TIMEOUT_ADVICE } from './start.ts'

export interface TritonOptions {
  /** `grpc://HOST:PORT` or `grpcs://HOST:PORT`, at least one. */
  endpoints: readonly string[]
  /** Where each of them answers for Prometheus. @default the port after that of gRPC, as Triton has it */
  metricsUrls?: readonly string[] | undefined
  access: TritonAccess
  models: Record<ModelName, Contract>
  /** Whether what listens at an address now may be sent sequences; asked before each request. @default always */
  isTrusted?: ((url: string) => boolean) | undefined
  /** Seconds in which work waits and no server finishes any of it, after which the run is given up. */
  serverTimeout: number
  /** Use servers that do not say which model they host, too. @default false */
  trustServer?: boolean
  logger: Logger
  signal?: AbortSignal | undefined
}

/** As for ONNX Runtime in this process. */
const CPU_TOKEN_BUDGET = 2048
/** A server that is well tells its name in a few milliseconds. */
const METADATA_MS = 2000

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
  /** Server programs, by the name of the server. */
  readonly #programs = new Map<string, string>()
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
    this.#queues = forModels((model) => queueOf(lanes[model], options))
    this.concurrency = Math.max(...MODEL_NAMES.map((model) => this.#queues[model].depth))
    const instances = MODEL_NAMES.map((model) => {
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
    const lanes = (model: ModelName) => {
      const agreement: Agreement = { contract: options.models[model], trust: options.trustServer ?? false }
      const { logger, isTrusted } = options
      return clients.map((client) => new ModelLane(client, model, { agreement, logger, isTrusted }))
    }
    const all = forModels(lanes)
    try {
      await askServers(clients, all, options)
    } catch (error) {
      for (const client of clients) client.close()
      throw error
    }
    return new TritonBackend(options, clients, all)
  }

  /**
   * What `engines tune` found, where every server that answers says so: the smallest, since all servers take from one queue.
   * Else what filled one GPU: more tokens in a batch gave under 1 % more speed. On processors as many as in this process:
   * a batch for a GPU would take one so long that nobody could tell it from a server that has stopped.
   */
  tokenBudget(model: ModelName): number {
    const known = this.#lanes[model].filter(({ isKnown }) => isKnown)
    const tuned = known.flatMap(({ tokenBudget }) => tokenBudget ?? [])
    if (tuned.length > 0 && tuned.length === known.length) return Math.min(...tuned)
    if (known.length > 0 && known.every(({ onCpu }) => onCpu)) return CPU_TOKEN_BUDGET
    return MODELS[model].tokenBudget
  }

  maxSequences(model: ModelName): number {
    return MODELS[model].maxSequences
  }

  dimension(model: ModelName): number {
    return this.#models[model].dimension
  }

  async embed(model: ModelName, batch: TokenBatch, signal?: AbortSignal): Promise<Float32Array> {
    try {
      return await this.#queues[model].submit(batch, signal)
    } catch (error) {
      // Both models are on the same servers: what ends one ends the run.
      if (error instanceof NoServerError || error instanceof AccessError)
        for (const queue of Object.values(this.#queues)) queue.stop(error)
      if (!(error instanceof TritonError)) throw error
      const shape = `${batch.rows} sequences of up to ${batch.paddedLength} tokens`
      throw new InferenceError(`${model} failed on a batch of ${shape}: ${describe(error)}`, {
        cause: error,
        kind: 'unavailable',
      })
    }
  }

  activity(): LaneActivity[] {
    return MODEL_NAMES.flatMap((model) => {
      const states = this.#queues[model].state()
      return this.#lanes[model].map((lane, i) => ({
        name: `${model} at ${hostPort(lane.url)}`,
        model,
        server: hostPort(lane.url),
        instances: lane.instances,
        healthy: states[i]?.inOrder ?? true,
        inFlight: states[i]?.running ?? 0,
        ...lane.done,
        busySeconds: undefined,
        memoryTokens: lane.memoryTokens,
      }))
    })
  }

  async serverFacts(): Promise<ServerFacts[]> {
    return await Promise.all(
      this.servers.map(async ({ name, client }, i) => {
        if (!this.#programs.has(name)) {
          const about = await client.serverMetadata({ deadlineMs: METADATA_MS }).catch(() => undefined)
          if (about !== undefined) this.#programs.set(name, foreign(`${about.name} ${about.version}`, 80))
        }
        const models = forModels((model) => this.#lanes[model][i]?.served)
        const unstated = MODEL_NAMES.filter(
          (model) => this.#lanes[model][i]?.isKnown && models[model] === undefined,
        )
        return { address: name, program: this.#programs.get(name), models, unstated }
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const model of MODEL_NAMES) this.#queues[model].close()
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
        logger.warn(
          `${name} cannot be used now (${foreign(reason)}); its batches go elsewhere, it is tried again`,
        )
      else logger.info(`${name} answers again`)
    },
    gaveUp: (reason) =>
      new NoServerError(
        `no inference server has finished a batch for ${serverTimeout} s, though work was waiting (${foreign(reason) || 'they are ready and give no answer'}). ` +
          `What is done is kept: look at the servers and give the same command again; ${TIMEOUT_ADVICE}`,
        { kind: 'tryAgain' },
      ),
  })
}
