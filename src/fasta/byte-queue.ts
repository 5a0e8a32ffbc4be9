/** Bytes that come in chunks, taken in pieces of any size. */
export class ByteQueue {
  readonly #chunks: AsyncGenerator<Uint8Array>
  #rest: Uint8Array = new Uint8Array(0)
  /** Bytes taken so far. */
  taken = 0

  constructor(chunks: AsyncGenerator<Uint8Array>) {
    this.#chunks = chunks
  }

  /** The next bytes, without taking them; fewer than `count` only at the end. */
  async peek(count: number): Promise<Uint8Array> {
    while (this.#rest.length < count) {
      const { value, done } = await this.#chunks.next()
      if (done) break
      this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value])
    }
    return this.#rest.subarray(0, count)
  }

  /** The next bytes; fewer than `count` only at the end. */
  async take(count: number): Promise<Uint8Array> {
    const bytes = await this.peek(count)
    this.#rest = this.#rest.subarray(bytes.length)
    this.taken += bytes.length
    return bytes
  }

  /** All bytes that have been read so far, at least one; none at the end. */
  async takeSome(): Promise<Uint8Array> {
    await this.peek(1)
    return await this.take(this.#rest.length)
  }

  /** Puts back the end of what was taken last. */
  putBack(bytes: Uint8Array): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([bytes, this.#rest])
    this.taken -= bytes.length
  }
}
