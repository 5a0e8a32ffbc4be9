import type { TritonClient } from 'tritonclient-ts'
import type { TokenBatch } from '../batching/index.ts'
import type { ModelName } from '../bundle/index.ts'

/** One place that computes, and what it is at: for displays, metrics and warnings. */
export interface LaneActivity {
  readonly name: string
  /** What it computes; undefined for both models. */
  readonly model: ModelName | undefined
  /** `HOST:PORT` of its server; undefined in this process. */
  readonly server: string | undefined
  /** Batches computed at once. */
  readonly instances: number
  /** False while it does not answer. */
  readonly healthy: boolean
  /** Batches on their way to it or there. */
  readonly inFlight: number
  /** Work done since the start. */
  readonly batches: number
  readonly sequences: number
  readonly paddedTokens: number
  /** Seconds of computing; undefined where only the server knows. */
  readonly busySeconds: number | undefined
  /** Most padded tokens of a batch that its memory holds, once it has run out; it has said so by then. */
  readonly memoryTokens: number | undefined
}

/** A server that can be asked how it is. */
export interface BackendServer {
  /** `HOST:PORT`. */
  readonly name: string
  readonly client: TritonClient
  /** Where it answers for Prometheus, if it does. */
  readonly metricsUrl: string
}

/** What a server hosts under a model's name, as its configuration states it. */
export interface ServedModel {
  /** Identity of the numbers that the model gives: covers weights, graph and precision. 64 hexadecimal digits. */
  readonly digest: string
  /** What it computes in. */
  readonly precision: string
  /** The version that the digest stands for: every request names it. */
  readonly version: string
}

/** A server of a run, as it has introduced itself. */
export interface ServerFacts {
  /** `HOST:PORT`. */
  readonly address: string
  /** Name and version of the server program; undefined where it did not answer. */
  readonly program: string | undefined
  /** Undefined where it does not say, or has not been asked yet. */
  readonly models: Readonly<Record<ModelName, ServedModel | undefined>>
  /** Models of which it does not say what they are. */
  readonly unstated: readonly ModelName[]
}

/** Something that runs the two models: in this process or on a server. */
export interface EmbeddingBackend extends AsyncDisposable {
  /** For log lines: what computes, and on what. */
  readonly description: string
  /** Batches of one model worth having on their way at once. */
  readonly concurrency: number
  /** Padded tokens in a batch that suit the device, where the user asks for nothing else. */
  tokenBudget(model: ModelName): number
  /** Most sequences that a batch may have; undefined for no limit. */
  maxSequences(model: ModelName): number | undefined
  /** Whether several devices may compute at once, so that the last batches of a run had better be small. */
  readonly tapers: boolean
  /** Width of a model's embedding. */
  dimension(model: ModelName): number
  /**
   * Mean embedding of each sequence.
   *
   * @returns row-major [rows, dimension] float32
   * @throws {InferenceError} when the model fails on this batch; any other error ends the run
   */
  embed(model: ModelName, batch: TokenBatch, signal?: AbortSignal): Promise<Float32Array>
  /** What every place that computes is at now. */
  activity(): LaneActivity[]
  /** Empty when this process computes. */
  readonly servers: readonly BackendServer[]
  /** Asks the servers who they are; those that do not answer are left as they were known. */
  serverFacts(): Promise<ServerFacts[]>
}
