import type { TokenBatch } from '../batching/index.ts'
import { type HostedName, type ModelName, modelOf, type RecheckFacts } from '../bundle/index.ts'
import type { EmbeddingBackend, MonitoredLane, MonitoredServer, ServerFacts } from '../dispatch/index.ts'

/** Opens what computes; what has to be closed after it goes to the stack. */
type Open = (signal: AbortSignal, stack: AsyncDisposableStack) => Promise<EmbeddingBackend>

/**
 * What computes the embeddings of a run. It is opened by {@link start}, and a server takes a while to be ready: until then
 * the run reads and prepares, and only what computes waits.
 */
export class RunBackend implements EmbeddingBackend {
  readonly #open: Open
  readonly #dimensions: Readonly<Record<ModelName, number>>
  readonly #recheck: RecheckFacts | undefined
  readonly #stack = new AsyncDisposableStack()
  readonly #closing = new AbortController()
  #opening: Promise<void> | undefined
  #opened: EmbeddingBackend | undefined
  #hasFailed = false

  /** @param recheck what is known of it before it is opened */
  constructor(
    dimensions: Readonly<Record<ModelName, number>>,
    recheck: RecheckFacts | undefined,
    open: Open,
  ) {
    this.#dimensions = dimensions
    this.#recheck = recheck
    this.#open = open
  }

  /** Begins to open it; only the first call counts. @param onFailure is called when that fails */
  start(onFailure: (error: unknown) => void = () => {}): void {
    if (this.#opening !== undefined) return
    this.#opening = this.#begin()
    // Whoever waits meets the error, too.
    this.#opening.catch((error) => {
      if (this.#closing.signal.aborted) return
      this.#hasFailed = true
      onFailure(error)
    })
  }

  async #begin(): Promise<void> {
    const backend = await this.#open(this.#closing.signal, this.#stack)
    this.#opened = this.#stack.use(backend)
  }

  /** Whether it could not be opened, or the run was stopped meanwhile. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** Resolves when it can compute. */
  async ready(): Promise<void> {
    this.start()
    await this.#opening
  }

  /** What does not depend on the device is known before. */
  dimension(model: HostedName): number {
    return this.#dimensions[modelOf(model)]
  }

  get recheck(): RecheckFacts | undefined {
    return this.#opened === undefined ? this.#recheck : this.#opened.recheck
  }

  get description(): string {
    return this.#opened?.description ?? 'a Triton server that is starting'
  }

  get servers(): readonly MonitoredServer[] {
    return this.#opened?.servers ?? []
  }

  activity(): MonitoredLane[] {
    return this.#opened?.activity() ?? []
  }

  get concurrency(): number {
    return this.#opened?.concurrency ?? 1
  }

  get tapers(): boolean {
    return this.#computing.tapers
  }

  tokenBudget(model: HostedName): number {
    return this.#computing.tokenBudget(model)
  }

  maxSequences(model: HostedName): number | undefined {
    return this.#computing.maxSequences(model)
  }

  get #computing(): EmbeddingBackend {
    if (this.#opened === undefined) throw new Error('the backend is asked before it is ready')
    return this.#opened
  }

  async embed(
    model: HostedName,
    batch: TokenBatch,
    signal?: AbortSignal,
    onServer?: (server: string) => void,
  ): Promise<Float32Array> {
    await this.ready()
    return await this.#computing.embed(model, batch, signal, onServer)
  }

  async serverFacts(): Promise<ServerFacts[]> {
    await this.ready()
    return await this.#computing.serverFacts()
  }

  /** Ends a start under way, too. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the run has ended'))
    await this.#opening?.catch(() => {})
    await this.#stack.disposeAsync()
  }
}
