import { rawChunks } from './raw-input.ts'
import type { InputSource } from './source.ts'
import type { InputDigest, ReadStatistics } from './types.ts'

export interface ByteOptions {
  readBytes: number
  signal?: AbortSignal | undefined
  statistics?: ReadStatistics | undefined
  /** Whether {@link InputBytes.digest} will be asked for. */
  digest: boolean
}

/**
 * The bytes of one input as stored, in one pass, and the digest of exactly these bytes. Whoever parses may stop before
 * the end; `digest` reads the rest.
 */
export class InputBytes implements AsyncDisposable {
  /** Whether a chunk is valid only until the next is asked for; may change on the way. */
  readonly mode: { reuse: boolean; signal: AbortSignal | undefined }
  readonly #chunks: AsyncGenerator<Uint8Array>
  readonly #statistics: ReadStatistics | undefined
  readonly #hasher: Bun.CryptoHasher | undefined
  #length = 0

  constructor(source: InputSource, { readBytes, signal, statistics, digest }: ByteOptions) {
    this.mode = { reuse: false, signal }
    this.#chunks = rawChunks(source, readBytes, this.mode)
    this.#statistics = statistics
    this.#hasher = digest ? new Bun.CryptoHasher('sha256') : undefined
  }

  /** What has not been read yet. Leaving the loop leaves the rest where it is. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = await this.#next()
      if (chunk === undefined) return
      yield chunk
    }
  }

  async digest(): Promise<InputDigest> {
    while ((await this.#next()) !== undefined) {
      // Only the digest wants these.
    }
    return { bytes: this.#length, sha256: this.#hasher?.digest('hex') ?? '' }
  }

  async #next(): Promise<Uint8Array | undefined> {
    const { value, done } = await this.#chunks.next()
    if (done) return undefined
    this.#length += value.length
    this.#hasher?.update(value)
    if (this.#statistics !== undefined) this.#statistics.bytes += value.length
    return value
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chunks.return(undefined)
  }
}
