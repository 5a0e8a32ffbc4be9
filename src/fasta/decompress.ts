import { createGunzip, createZstdDecompress } from 'node:zlib'
import { FastaError } from './errors.ts'
import { recogniseCompression } from './formats.ts'
import { CompressedDataError, isZstdMagic, ZstdFrames } from './zstdFrames.ts'

/** Output of one turn of the decompressor: at 64 KiB the turns cost as much as the work. */
const OUTPUT_BYTES = 1 << 20

/** The empty block that ends every bgzip file (SAM specification, section 4.1.2). */
const BGZF_END = Buffer.from('1f8b08040000000000ff0600424302001b0003000000000000000000', 'hex')

export type Compression = 'none' | 'gzip' | 'zstd'

/** Compression by magic bytes; what we recognise but do not read is refused. */
export function detectCompression(source: string, head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
  const word = (head[0]! | (head[1]! << 8) | (head[2]! << 16) | (head[3]! << 24)) >>> 0
  if (head.length >= 4 && isZstdMagic(word)) return 'zstd'
  const foreign = recogniseCompression(head)
  if (foreign === undefined) return 'none'
  const name = source === '<stdin>' ? '' : ` ${source}`
  throw new FastaError(
    `${source}: compressed with ${foreign.name}, which is not read directly; ` +
      `decompress it first: "${foreign.command}${name} | virnucpro predict --input - ..."`,
    { source, line: 1, reason: 'unsupported_compression' },
  )
}

/** Facts that only the end of the compressed data tells. */
export interface CompressionEnd {
  /** A bgzip file without its end marker. */
  missingBgzfEnd: boolean
}

/**
 * Decompresses every member or frame. Raw chunks must not be reused by their source.
 * @throws CompressedDataError for data that is cut off, damaged, or followed by something else;
 *   zero bytes after the last gzip member are padding, as to gzip itself
 */
export async function* decompress(
  compression: 'gzip' | 'zstd',
  raw: AsyncGenerator<Uint8Array>,
  readBytes: number,
  end: CompressionEnd,
): AsyncGenerator<Uint8Array> {
  const chunkSize = Math.max(64, Math.min(OUTPUT_BYTES, readBytes * 4))
  const stream = compression === 'gzip' ? createGunzip({ chunkSize }) : createZstdDecompress({ chunkSize })
  const tail = new RawTail(compression)
  let ended = false
  let wake = () => {}
  stream.on('error', () => {}) // thrown to the reader below; here it must not be an uncaught event
  stream.on('drain', () => wake())
  stream.on('close', () => wake())
  stream.on('end', () => {
    ended = true
    wake()
  })

  const feed = async () => {
    for await (const chunk of raw) {
      tail.push(chunk, stream.bytesWritten)
      if (ended || stream.destroyed) continue // only zero bytes may come now: the tail checks them
      const writable = new Promise<void>((resolve) => {
        wake = resolve
      })
      if (!stream.write(chunk)) await writable
    }
    tail.finish()
    if (!stream.destroyed) stream.end()
  }
  let failure: unknown
  const feeding = feed().catch((error: Error) => {
    failure = error
    stream.destroy(error)
  })
  try {
    for await (const chunk of stream) yield chunk as Uint8Array
    await feeding
    if (failure !== undefined) throw failure
    if (compression === 'gzip') tail.checkPadding(stream.bytesWritten)
    end.missingBgzfEnd = tail.missingBgzfEnd
  } catch (error) {
    throw failure ?? explain(compression, error)
  } finally {
    stream.destroy()
    await raw.return(undefined)
  }
}

function explain(compression: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'Z_BUF_ERROR') return new CompressedDataError(`the ${compression} data is cut off`)
  if (typeof code === 'string' && /^Z_|^ZSTD/.test(code)) {
    return new CompressedDataError(`the ${compression} data is damaged (${message})`)
  }
  return error
}

/** Watches the end of the compressed bytes for what the decompressor does not tell. */
class RawTail {
  #chunks: { start: number; bytes: Uint8Array }[] = []
  #total = 0
  #isBgzf = false
  #last: Uint8Array = new Uint8Array(0)
  readonly #frames: ZstdFrames | undefined

  constructor(compression: 'gzip' | 'zstd') {
    this.#frames = compression === 'zstd' ? new ZstdFrames() : undefined
  }

  get missingBgzfEnd(): boolean {
    return this.#isBgzf && !BGZF_END.equals(this.#last)
  }

  push(bytes: Uint8Array, consumed: number): void {
    this.#frames?.push(bytes)
    if (this.#total < 16) this.#isBgzf = isBgzf(Buffer.concat([...this.#chunks.map((c) => c.bytes), bytes]))
    this.#last = Buffer.concat([this.#last, bytes.subarray(-BGZF_END.length)]).subarray(-BGZF_END.length)
    // One chunk more than needed, so that the first 16 bytes stay at hand.
    if (this.#total >= 16) this.#chunks = this.#chunks.filter((c) => c.start + c.bytes.length > consumed)
    this.#chunks.push({ start: this.#total, bytes })
    this.#total += bytes.length
  }

  finish(): void {
    this.#frames?.finish()
  }

  /** After zero padding the decompressor ignores everything, a further member included. */
  checkPadding(consumed: number): void {
    for (const { start, bytes } of this.#chunks) {
      const from = Math.max(0, consumed - start)
      const odd = bytes.subarray(from).findIndex((byte) => byte !== 0)
      if (odd < 0) continue
      throw new CompressedDataError(
        `the gzip data ends at byte ${consumed}, but something else follows the zero bytes after it, ` +
          `at byte ${start + from + odd}`,
      )
    }
  }
}

/** A gzip member whose first extra field is BC, the size of a bgzip block. */
function isBgzf(start: Uint8Array): boolean {
  return start.length >= 16 && (start[3]! & 4) !== 0 && start[12] === 0x42 && start[13] === 0x43
}
