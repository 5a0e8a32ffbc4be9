import { crc32 } from 'node:zlib'
import type { ByteSink } from './atomic.ts'

/** Most bytes of a block before compression: those that cannot be compressed still fit into one. Source: htslib, bgzf.h. */
const BLOCK_BYTES = 0xff00
const HEAD = Uint8Array.of(0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, 0x42, 0x43, 2, 0)
/** Head, the size of the block in two bytes, CRC-32 and size of the content. */
const FRAME_BYTES = HEAD.length + 2 + 8
/** An empty block: nothing is missing after it. */
const END_MARKER = Uint8Array.from([...HEAD, 0x1b, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0])

/**
 * Compresses as `bgzip` does: gzip that every reader of gzip takes, in blocks that `samtools faidx` finds its way in. The same bytes
 * give the same file. Source: SAM specification, section 4.1.
 */
export class BgzfSink implements ByteSink {
  readonly #sink: ByteSink
  readonly #block = new Uint8Array(BLOCK_BYTES)
  #used = 0

  constructor(sink: ByteSink) {
    this.#sink = sink
  }

  async write(bytes: Uint8Array | string): Promise<void> {
    let rest: Uint8Array = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    while (rest.length > 0) {
      const piece = rest.subarray(0, BLOCK_BYTES - this.#used)
      this.#block.set(piece, this.#used)
      this.#used += piece.length
      rest = rest.subarray(piece.length)
      if (this.#used === BLOCK_BYTES) await this.#flush()
    }
  }

  /** Writes what is left and the end marker. */
  async end(): Promise<void> {
    if (this.#used > 0) await this.#flush()
    await this.#sink.write(END_MARKER)
  }

  async #flush(): Promise<void> {
    const content = this.#block.subarray(0, this.#used)
    // As small as level 3 of zlib makes DNA, and three times as fast.
    const deflated = Bun.deflateSync(content, { level: 1, library: 'libdeflate' })
    const block = Buffer.allocUnsafe(FRAME_BYTES + deflated.length)
    block.set(HEAD)
    block.writeUInt16LE(block.length - 1, HEAD.length)
    block.set(deflated, HEAD.length + 2)
    block.writeUInt32LE(crc32(content), block.length - 8)
    block.writeUInt32LE(content.length, block.length - 4)
    this.#used = 0
    await this.#sink.write(block)
  }
}
