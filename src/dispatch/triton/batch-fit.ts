import { TritonError } from 'tritonclient-ts'
import type { TokenBatch } from '../backend.ts'

/** How TensorRT, CUDA and ONNX Runtime say it, in the text that the server passes on. */
const OUT_OF_MEMORY = /out of memory|out_of_memory|failed to allocate memory|bad_?alloc/i

/** Longest rows of a range of lengths, and the most of them that a batch may have. */
interface ShapeLimit {
  readonly rows: number
  readonly tokens: number
}

/**
 * Keeps batches within what one model on one server takes: computes a larger one in pieces and puts the rows together
 * in their order. What the server says beforehand are the shapes of its plans; what it shows is how much its GPU's
 * memory holds. The planning of batches knows nothing of either, so that a run's batches stay what they are.
 */
export class BatchFit {
  readonly #onShrink: (tokens: number) => void
  #shapes: readonly ShapeLimit[] = []
  #tokens = Number.POSITIVE_INFINITY
  #told = false

  /** @param onShrink told once, when a batch was too large for the memory, how many padded tokens are not */
  constructor(onShrink: (tokens: number) => void) {
    this.#onShrink = onShrink
  }

  /** @param shapes - as `repository build` writes them, `ROWSxTOKENS,…`; what cannot be read sets no limit */
  allow(shapes: string): void {
    const limits = shapes.split(',').map((shape) => /^(\d+)x(\d+)$/.exec(shape))
    this.#shapes = limits
      .flatMap((found) => (found === null ? [] : [{ rows: Number(found[1]), tokens: Number(found[2]) }]))
      .sort((a, b) => a.tokens - b.tokens)
  }

  /** Most padded tokens that the memory holds, once it has run out. */
  get memoryTokens(): number | undefined {
    return this.#tokens < Number.POSITIVE_INFINITY ? this.#tokens : undefined
  }

  async run(batch: TokenBatch, infer: (piece: TokenBatch) => Promise<Float32Array>): Promise<Float32Array> {
    const embeddings = await this.#fitting(batch, infer)
    if (!this.#told && this.#tokens < Number.POSITIVE_INFINITY) {
      this.#told = true
      this.#onShrink(this.#tokens)
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
        return await infer(batch)
      } catch (error) {
        if (rows === 1 || !isOutOfMemory(error)) throw error
        this.#tokens = Math.min(this.#tokens, Math.floor((rows * paddedLength) / 2))
      }
    }
    const middle = Math.ceil(rows / 2)
    const first = await this.#fitting(slice(batch, 0, middle), infer)
    const second = await this.#fitting(slice(batch, middle, rows), infer)
    const joined = new Float32Array(first.length + second.length)
    joined.set(first)
    joined.set(second, first.length)
    return joined
  }

  #mostRows(length: number): number {
    const shape = this.#shapes.find(({ tokens }) => length <= tokens)
    return Math.max(1, Math.min(shape?.rows ?? Number.POSITIVE_INFINITY, Math.floor(this.#tokens / length)))
  }
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof TritonError && OUT_OF_MEMORY.test(`${error.message} ${error.details}`)
}

/** Some rows of a batch, as wide as it is. */
function slice({ inputIds, lengths, paddedLength }: TokenBatch, from: number, to: number): TokenBatch {
  return {
    inputIds: inputIds.subarray(from * paddedLength, to * paddedLength),
    lengths: lengths.subarray(from, to),
    rows: to - from,
    paddedLength,
  }
}
