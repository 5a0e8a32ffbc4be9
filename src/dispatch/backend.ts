import type { TokenBatch } from '../batching/index.ts'
import type { HostedName, ModelName, RecheckFacts } from '../bundle/index.ts'
import type { MonitoredLane, MonitoredServer } from '../monitor/index.ts'

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

/** Something that runs the two models, and maybe the partner of a quantized one: in this process or on a server. */
export interface EmbeddingBackend extends AsyncDisposable {
  /** For log lines: what computes, and on what. */
  readonly description: string
  /** Batches of one model worth having on their way at once. */
  readonly concurrency: number
  /** Padded tokens in a batch that suit the device, where the user asks for nothing else. */
  tokenBudget(model: HostedName): number
  /** Most sequences that a batch may have; undefined for no limit. */
  maxSequences(model: HostedName): number | undefined
  /** Whether several devices may compute at once, so that the last batches of a run had better be small. */
  readonly tapers: boolean
  /** Width of a model's embedding. */
  dimension(model: HostedName): number
  /** The quantized model that can be rechecked, and how far it is from its partner; undefined where none can. */
  readonly recheck?: RecheckFacts | undefined
  /**
   * Mean embedding of each sequence.
   *
   * @param model - a partner only where `recheck` names it
   * @param onServer - gets `HOST:PORT` of the server that has computed it; not called when this process has
   * @returns row-major [rows, dimension] float32
   * @throws InferenceError when the model fails on this batch; any other error ends the run
   */
  embed(
    model: HostedName,
    batch: TokenBatch,
    signal?: AbortSignal,
    onServer?: (server: string) => void,
  ): Promise<Float32Array>
  /** What every place that computes is at now. */
  activity(): MonitoredLane[]
  /** Empty when this process computes. */
  readonly servers: readonly MonitoredServer[]
  /** Asks the servers who they are; those that do not answer are left as they were known. */
  serverFacts(): Promise<ServerFacts[]>
}
