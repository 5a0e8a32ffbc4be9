import { constants, createZstdDecompress } from 'node:zlib'
import { ByteQueue } from './byte-queue.ts'
import { CompressedDataError } from './compressed-data.ts'
import { decompressed } from './decompressor.ts'
import { FastaError } from './errors.ts'
import { recogniseCompression } from './formats.ts'
import { type GzipEnd, gunzipMembers } from './gzip-members.ts'
import { isZstdMagic, ZstdFrames } from './zstd-frames.ts'

/** Output of one turn of the decompressor: at 64 KiB the turns cost as much as the work. */
const OUTPUT_BYTES = 1 << 20

/** Windows of 2 GiB, the most that zstd writes (`--long=31`); memory is taken only as far as there is text. */
const ZSTD_WINDOW_LOG = 31

export type Compression = 'none' | 'gzip' | 'zstd'

/** Facts that only the end of the compressed data tells. */
export type CompressionEnd = GzipEnd

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

/**
 * Decompresses every member or frame. Raw chunks must not be reused by their source. What follows the last member or frame
 * and is none is left unread, and told in `end`.
 *
 * @throws CompressedDataError for data that is cut off or damaged
 */
export async function* decompress(
  compression: 'gzip' | 'zstd',
  raw: AsyncGenerator<Uint8Array>,
  readBytes: number,
  end: CompressionEnd,
): AsyncGenerator<Uint8Array> {
  const chunkSize = Math.max(64, Math.min(OUTPUT_BYTES, readBytes * 4))
  try {
    if (compression === 'gzip') yield* gunzipMembers(new ByteQueue(raw), chunkSize, end)
    else yield* unzstd(raw, chunkSize, end)
  } finally {
    await raw.return(undefined)
  }
}

async function* unzstd(
  raw: AsyncGenerator<Uint8Array>,
  chunkSize: number,
  end: CompressionEnd,
): AsyncGenerator<Uint8Array> {
  const params = { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG }
  const stream = createZstdDecompress({ chunkSize, params })
  const frames = new ZstdFrames()
  let wake = () => {}
  stream.on('drain', () => wake())
  stream.on('close', () => wake())

  const feed = async () => {
    for await (const chunk of raw) {
      const known = frames.push(chunk)
      if (stream.destroyed) return
      const writable = new Promise<void>((resolve) => {
        wake = resolve
      })
      for (const bytes of known) if (!stream.write(bytes)) await writable
      if (frames.trailingAt !== undefined) break
    }
    frames.finish()
    end.trailingAt = frames.trailingAt
    if (!stream.destroyed) stream.end()
  }
  yield* decompressed(stream, feed, inWords)
}

function inWords(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ZSTD_error_frameParameter_windowTooLarge')
    return new CompressedDataError('the zstd data has a window of more than 2 GiB')
  if (typeof code === 'string' && code.startsWith('ZSTD'))
    return new CompressedDataError(`the zstd data is damaged (${message})`)
  return error
}
