import { TritonError } from '#tritonclient-ts'
import { type TokenBatch, takeRows } from '../batching/index.ts'
import { MODELS, type ModelName } from '../bundle/index.ts'
import { InferenceError } from '../onnx/index.ts'
import type { Logger } from '../system/logger.ts'

/** What ONNX Runtime, TensorRT, CUDA, PyTorch and C++ say, also in the text that a server passes on. */
const OUT_OF_MEMORY = /out.?of.?memory|failed to allocate|allocation failed|bad_?alloc|cudaMalloc/i

/** Longest rows of a range of lengths, and the most of them that a batch may have. */
interface ShapeLimit {
  readonly rows: number
  readonly tokens: number
}

/**
 * Keeps batches within what one model takes in one place: computes a larger one in pieces, puts the rows together in
 * their order, and counts what was computed. What a server says beforehand are the shapes of its plans; how much the memory
 * holds is known once it has run out. The planning of batches knows nothing of either, so that a run's batches stay
 * what they are.
 */
export class BatchFit {
  readonly done = { batches: 0, sequences: 0, paddedTokens: 0 }
  /** Most padded tokens that the memory holds, once it has run out. */
  memoryTokens: number | undefined
  readonly #name: string
  readonly #model: ModelName
  readonly #logger: Logger | undefined
  /** Most rows of a batch, whatever its length. */
  readonly #rows: number
  #shapes: readonly ShapeLimit[] = []
  #alreadyLogged = false

  /**
   * @param logger - gets a warning, once, when a batch was too large for the memory
   * @param rows - the most of a batch that are computed at once
   */
  constructor(name: string, model: ModelName, logger: Logger | undefined, rows = Number.POSITIVE_INFINITY) {
    this.#name = name
    this.#model = model
    this.#logger = logger
    this.#rows = rows
  }

  /** @param shapes - as `repository build` writes them, `ROWSxTOKENS,…`; what cannot be read sets no limit */
  allow(shapes: string): void {
    this.#shapes = Array.from(shapes.matchAll(/(?<=^|,)(\d+)x(\d+)(?=,|$)/g), ([, rows, tokens]) => ({
      rows: Number(rows),
      tokens: Number(tokens),
    })).sort((a, b) => a.tokens - b.tokens)
  }

  async run(batch: TokenBatch, infer: (piece: TokenBatch) => Promise<Float32Array>): Promise<Float32Array> {
    const embeddings = await this.#fitting(batch, infer)
    const tokens = this.memoryTokens
    if (tokens !== undefined && !this.#alreadyLogged) {
      this.#alreadyLogged = true
      this.#logger?.warn(
        `${this.#name} ran out of memory; from now on batches of more than ${tokens} tokens are computed there in pieces`,
        { code: 'memory-too-small', data: { model: MODELS[this.#model].short, tokens } },
      )
    }
    return embeddings
  }

  async #fitting(
    batch: TokenBatch,
    infer: (piece: TokenBatch) => Promise<Float32Array>,
  ): Promise<Float32Array> {
    const { rows, paddedLength } = batch
    if (rows <= this.#mostRows(paddedLength)) {
      try {
        const embeddings = await infer(batch)
        this.done.batches++
        this.done.sequences += rows
        this.done.paddedTokens += rows * paddedLength
        return embeddings
      } catch (error) {
        if (rows === 1 || !isOutOfMemory(error)) throw error
        const half = Math.floor((rows * paddedLength) / 2)
        this.memoryTokens = Math.min(this.memoryTokens ?? half, half)
      }
    }
    const places = Array.from({ length: rows }, (_, row) => row)
    const middle = Math.ceil(rows / 2)
    const first = await this.#fitting(takeRows(batch, places.slice(0, middle)), infer)
    const second = await this.#fitting(takeRows(batch, places.slice(middle)), infer)
    const joined = new Float32Array(first.length + second.length)
    joined.set(first)
    joined.set(second, first.length)
    return joined
  }

  #mostRows(length: number): number {
    const limit = Number.POSITIVE_INFINITY
    const shape = this.#shapes.find(({ tokens }) => length <= tokens)
    return Math.max(
      1,
      Math.min(this.#rows, shape?.rows ?? limit, Math.floor((this.memoryTokens ?? limit) / length)),
    )
  }
}

function isOutOfMemory(error: unknown): boolean {
  if (error instanceof TritonError) return OUT_OF_MEMORY.test(`${error.message} ${error.details}`)
  return error instanceof InferenceError && OUT_OF_MEMORY.test(error.message)
}
