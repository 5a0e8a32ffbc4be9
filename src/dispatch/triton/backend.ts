import { type TritonClient, TritonError } from '#tritonclient-ts'
import type { TokenBatch } from '../../batching/index.ts'
import {
  forModels,
  type HostedName,
  MODEL_NAMES,
  MODELS,
  type ModelName,
  modelOf,
  type RecheckFacts,
} from '../../bundle/index.ts'
import type { MonitoredLane, MonitoredServer } from '../../monitor/index.ts'
import { InferenceError } from '../../onnx/index.ts'
import { CPU_TOKEN_BUDGET } from '../../settings/index.ts'
import { type ErrorKind, VirnucproError } from '../../system/errors.ts'
import type { Logger } from '../../system/logger.ts'
import { foreign } from '../../system/printable.ts'
import type { EmbeddingBackend, ServerFacts } from '../backend.ts'
import { PullQueue } from '../pull-queue.ts'
import { AccessError, accessError, connect, describe, type TritonAccess } from './access.ts'
import {
  Agreement,
  type Contract,
  type ModelStatement,
  OtherModelError,
  type PartnerContracts,
} from './contract.ts'
import { type Answer, ModelLane } from './lane.ts'
import { findPartner, type HostedPartner } from './partner.ts'

/** The servers, how to get in, and what they must host. */
export interface TritonOptions {
  /** `grpc://HOST:PORT` or `grpcs://HOST:PORT`, at least one. */
  endpoints: readonly string[]
  /** Where each of them answers for Prometheus. @default the port after that of gRPC, as Triton has it */
  metricsUrls?: readonly string[] | undefined
  access: TritonAccess
  models: Record<ModelName, Contract>
  /** What a partner of a quantized model must be, where servers host one. @default none is looked for */
  partners?: PartnerContracts | undefined
  /** Whether what listens at an address now may be sent sequences; asked before each request. @default always */
  isTrusted?: ((url: string) => boolean) | undefined
  /** Seconds in which work waits and no server finishes any of it, after which the run is given up. */
  serverTimeout: number
  /** Use servers that do not say which model they host, too. @default false */
  trustServer?: boolean
  logger: Logger
  signal?: AbortSignal | undefined
}

/** No server answers, or none finishes anything; the run can be continued. */
export class NoServerError extends VirnucproError {
  constructor(message: string, kind: ErrorKind) {
    super(message, { kind, detail: { code: 'no-server', data: {} } })
  }
}

/** A healthy server answers with its name in a few milliseconds. */
const METADATA_MS = 2000
/** Between two rounds of questions. */
const PAUSE_MS = 200

/**
 * Runs the models on Triton servers. Each model has a queue of its own, from which every server pulls as fast as it
 * computes; a GPU that hosts several is shared by the server, which always has a batch of each waiting.
 */
export class TritonBackend implements EmbeddingBackend {
  readonly description: string
  readonly concurrency: number
  /** With one instance as well: the batches, and with them the last digits, must not depend on how many there are. */
  readonly tapers = true
  readonly servers: readonly MonitoredServer[]
  readonly recheck: RecheckFacts | undefined
  /** What the servers host: the models, and a partner where there is one. */
  readonly #hosted: readonly HostedName[]
  readonly #lanes: HostedLanes
  readonly #models: TritonOptions['models']
  /** Server programs, by the name of the server. */
  readonly #programs = new Map<string, string>()
  readonly #queues: Readonly<Partial<Record<HostedName, PullQueue<TokenBatch, Answer>>>>

  private constructor(
    options: TritonOptions,
    clients: TritonClient[],
    models: Record<ModelName, ModelLane[]>,
    partner: HostedPartner | undefined,
  ) {
    const lanes: HostedLanes = { ...models, ...(partner && { [partner.name]: partner.lanes }) }
    this.#lanes = lanes
    this.#hosted = [...MODEL_NAMES, ...(partner === undefined ? [] : [partner.name])]
    this.recheck = partner?.facts
    this.servers = clients.map((client, i) => ({
      name: hostPort(client.url),
      client,
      metricsUrl: options.metricsUrls?.[i] ?? usualMetricsUrl(client.url),
    }))
    this.#models = options.models
    const queues = this.#hosted.map((name) => [name, queueOf(lanes[name] ?? [], options)] as const)
    this.#queues = Object.fromEntries(queues)
    this.concurrency = Math.max(...queues.map(([, { depth }]) => depth))
    const instances = this.#hosted.map((model) => {
      const count = (lanes[model] ?? []).reduce((sum, lane) => sum + lane.instances, 0)
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
    const { logger, isTrusted, trustServer = false } = options
    const clients = options.endpoints.map((url) => connect(url, options.access))
    const lanes = forModels((model) => {
      const agreement = new Agreement(options.models[model], trustServer)
      return clients.map((client) => new ModelLane(client, model, { agreement, logger, isTrusted }))
    })
    const partner = await askServers(lanes, options)
      .then(() => findPartner(clients, lanes, options))
      .catch((error: unknown) => {
        for (const client of clients) client.close()
        throw error
      })
    const backend = new TritonBackend(options, clients, lanes, partner)
    backend.#warnOfUnstated(logger)
    return backend
  }

  /** For servers that are used since the user trusts them. */
  #warnOfUnstated(logger: Logger): void {
    for (const [i, { name }] of this.servers.entries()) {
      const unstated = this.#unstated(i)
      if (unstated.length === 0) continue
      logger.warn(
        `the server ${name} does not say which model it hosts as ${unstated.join(' and ')}, and is used since it is trusted: ` +
          'nothing shows whether another model takes its place',
      )
    }
  }

  /** Models of which a server does not say what they are, among those that are to be of a bundle. */
  #unstated(server: number): ModelName[] {
    return MODEL_NAMES.filter((model) => {
      if (this.#models[model].source === '') return false
      const known = this.#lanes[model][server]?.known
      return known !== undefined && known.served === undefined
    })
  }

  /**
   * What `engines tune` found, where every server that answers says so: the smallest, since all servers take from one queue.
   * Else what filled one GPU: more tokens in a batch gave under 1 % more speed. On processors as many as in this process:
   * a batch for a GPU would take one so long that nobody could distinguish it from a server that has stopped.
   */
  tokenBudget(model: HostedName): number {
    const known = (this.#lanes[model] ?? []).flatMap((lane) => lane.known ?? [])
    const tuned = known.flatMap(({ tokenBudget }) => tokenBudget ?? [])
    if (tuned.length > 0 && tuned.length === known.length) return Math.min(...tuned)
    if (known.length > 0 && known.every(({ onCpu }) => onCpu)) return CPU_TOKEN_BUDGET
    return MODELS[modelOf(model)].tokenBudget
  }

  maxSequences(model: HostedName): number {
    return MODELS[modelOf(model)].maxSequences
  }

  dimension(model: HostedName): number {
    return this.#models[modelOf(model)].dimension
  }

  async embed(
    model: HostedName,
    batch: TokenBatch,
    signal?: AbortSignal,
    onServer?: (server: string) => void,
  ): Promise<Float32Array> {
    const queue = this.#queues[model]
    if (queue === undefined) throw new Error(`no server hosts ${model}`)
    try {
      const { vectors, url } = await queue.submit(batch, signal)
      onServer?.(hostPort(url))
      return vectors
    } catch (error) {
      // All models are on the same servers: what ends one ends the run.
      if (error instanceof NoServerError || error instanceof AccessError)
        for (const each of Object.values(this.#queues)) each.stop(error)
      if (!(error instanceof TritonError)) throw error
      const shape = `${batch.rows} sequences of up to ${batch.paddedLength} tokens`
      throw new InferenceError(`${model} failed on a batch of ${shape}: ${describe(error)}`, {
        cause: error,
        kind: 'unavailable',
      })
    }
  }

  activity(): MonitoredLane[] {
    return this.#hosted.flatMap((model) => {
      const states = this.#queues[model]?.state() ?? []
      return (this.#lanes[model] ?? []).map(({ url, instances, fit }, i) => ({
        name: `${model} at ${hostPort(url)}`,
        model,
        server: hostPort(url),
        instances,
        healthy: states[i]?.healthy ?? true,
        inFlight: states[i]?.running ?? 0,
        ...fit.done,
        busySeconds: undefined,
        memoryTokens: fit.memoryTokens,
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
        const models = forModels((model) => this.#lanes[model][i]?.known?.served)
        return { address: name, program: this.#programs.get(name), models, unstated: this.#unstated(i) }
      }),
    )
  }

  /** Ends the queues and closes the connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const queue of Object.values(this.#queues)) queue.close()
    for (const { client } of this.servers) client.close()
  }
}

type HostedLanes = Readonly<Record<ModelName, readonly ModelLane[]>> &
  Readonly<Partial<Record<HostedName, readonly ModelLane[]>>>

function hostPort(url: string): string {
  return url.replace(/^[a-z]+:\/\//, '')
}

/** Triton has gRPC at 8001 and its metrics at 8002, and `serve` keeps that order for every server. */
export function usualMetricsUrl(url: string): string {
  const [, host, port] = /^(.*):(\d+)$/.exec(hostPort(url)) ?? []
  return `http://${host ?? hostPort(url)}:${Number(port ?? 8001) + 1}/metrics`
}

function queueOf(
  lanes: readonly ModelLane[],
  { serverTimeout, logger }: TritonOptions,
): PullQueue<TokenBatch, Answer> {
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
          'What is done is kept',
        'tryAgain',
      ),
  })
}

/**
 * Asks each server what it hosts, until every model is ready on one server at least.
 *
 * @throws NoServerError after the timeout; AccessError; OtherModelError when one hosts something else
 */
async function askServers(
  lanes: Record<ModelName, readonly ModelLane[]>,
  { serverTimeout, logger, signal }: TritonOptions,
): Promise<void> {
  const end = performance.now() + serverTimeout * 1000
  for (;;) {
    const unknown = MODEL_NAMES.flatMap((model) => lanes[model].filter(({ known }) => known === undefined))
    const answers = await Promise.all(unknown.map((lane) => ask(lane, signal)))
    signal?.throwIfAborted()
    const problems: string[] = []
    // One after the other: it is the first server that the others must agree with.
    for (const [i, answer] of answers.entries()) {
      if (typeof answer === 'string') problems.push(answer)
      else unknown[i]!.accept(answer)
    }
    if (MODEL_NAMES.every((model) => lanes[model].some(({ known }) => known !== undefined))) {
      for (const problem of problems) logger.warn(`no answer yet: ${problem}`)
      return
    }
    if (performance.now() >= end) {
      throw new NoServerError(
        `no inference server with every model has answered for ${serverTimeout} s (${problems[0] ?? ''})`,
        'unavailable',
      )
    }
    await Bun.sleep(PAUSE_MS)
  }
}

/** @returns why it could not be asked: a server that is down now may come later, one with the wrong model never helps */
async function ask(lane: ModelLane, signal: AbortSignal | undefined): Promise<ModelStatement | string> {
  try {
    return await lane.ask(signal)
  } catch (error) {
    const refused = accessError(error) ?? (error instanceof OtherModelError ? error : undefined)
    if (refused !== undefined) throw refused
    return describe(error)
  }
}
