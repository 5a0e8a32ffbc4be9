/** The two models that turn a frame into vectors. */
export type ModelName = 'esm2' | 'dnabert_s'

/** Token ids of some sequences, padded to the longest of them. */
export interface TokenBatch {
  /** Row-major [rows, paddedLength]. */
  inputIds: Int32Array
  /** [rows]: tokens of each row, special ones included; what follows them is padding. */
  lengths: Int32Array
  rows: number
  paddedLength: number
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
   * @throws VirnucproError when the model fails
   */
  embed(model: ModelName, batch: TokenBatch, signal?: AbortSignal): Promise<Float32Array>
}
