import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib'
import type { ByteQueue } from './byte-queue.ts'
import { CompressedDataError, differingBits, refuseOtherCompression } from './compressed-data.ts'
import { decompressed } from './decompressor.ts'

/** First bytes of a member: magic and method (RFC 1952). */
const START = [0x1f, 0x8b, 8] as const
const FLAG_HEADER_CRC = 2
const FLAG_EXTRA = 4
const FLAG_NAME = 8
const FLAG_COMMENT = 16
const RESERVED_FLAGS = 0xe0
const TRAILER_BYTES = 8

/** What the end of gzip data tells. */
export interface GzipEnd {
  /** A bgzip file without its end marker, which is an empty block. */
  missingBgzfEnd: boolean
  /** Where something that is no member follows the last one. */
  trailingAt: number | undefined
}

/**
 * Decompresses every member. Zero bytes after the last one are padding, and what is no member is left alone, as gzip itself
 * does; unlike there, a member whose first bytes are damaged is not taken for such an end.
 *
 * @throws CompressedDataError for data that is cut off or damaged
 */
export async function* gunzipMembers(
  input: ByteQueue,
  chunkSize: number,
  end: GzipEnd,
): AsyncGenerator<Uint8Array> {
  do {
    const blockBytes = await readHeader(input)
    if (blockBytes === undefined) {
      end.missingBgzfEnd = false
      yield* inflateMember(input, chunkSize)
    } else {
      const bytes = await inflateBlock(input, blockBytes)
      end.missingBgzfEnd = bytes.length > 0
      yield bytes
    }
  } while (await anotherFollows(input, end))
}

async function anotherFollows(input: ByteQueue, end: GzipEnd): Promise<boolean> {
  const memberEnd = input.taken
  const padded = await skipZeros(input)
  const next = await input.peek(START.length)
  if (next.length === 0) return false
  const isMember = START.every((byte, at) => at >= next.length || next[at] === byte)
  if (isMember && !padded) return true
  if (isMember || differingBits(next, START) <= 3) {
    throw new CompressedDataError(
      padded
        ? `the gzip data ends at byte ${memberEnd}, but something else follows the zero bytes after it, at byte ${input.taken}`
        : `the gzip data is damaged (no member starts at byte ${memberEnd}, where the one before it ends)`,
    )
  }
  refuseOtherCompression('gzip', await input.peek(4), input.taken)
  end.trailingAt = input.taken
  return false
}

async function skipZeros(input: ByteQueue): Promise<boolean> {
  let padded = false
  for (;;) {
    const bytes = await input.takeSome()
    const odd = bytes.findIndex((byte) => byte !== 0)
    if (odd < 0 && bytes.length > 0) {
      padded = true
      continue
    }
    if (odd >= 0) input.putBack(bytes.subarray(odd))
    return padded || odd > 0
  }
}

/** @returns bytes of the compressed data of a bgzip block; undefined for any other member */
async function readHeader(input: ByteQueue): Promise<number | undefined> {
  const start = input.taken
  const head = await takeAll(input, 10)
  const flags = head[3]!
  if (START.some((byte, at) => head[at] !== byte) || (flags & RESERVED_FLAGS) !== 0) {
    throw new CompressedDataError('the gzip data is damaged (incorrect header check)')
  }
  let blockBytes: number | undefined
  if ((flags & FLAG_EXTRA) !== 0) {
    const extra = await takeAll(input, word16(await takeAll(input, 2)))
    // SAM specification, section 4.1: a field BC of two bytes, the size of the whole block less one.
    const isBgzf = extra.length >= 6 && extra[0] === 0x42 && extra[1] === 0x43 && extra[2] === 2
    if (isBgzf) blockBytes = word16(extra, 4) + 1
  }
  for (const flag of [FLAG_NAME, FLAG_COMMENT]) {
    if ((flags & flag) !== 0) while ((await takeAll(input, 1))[0] !== 0);
  }
  if ((flags & FLAG_HEADER_CRC) !== 0) await takeAll(input, 2)
  return blockBytes === undefined ? undefined : blockBytes - (input.taken - start) - TRAILER_BYTES
}

/** A bgzip block is small, and its size is known: no stream is needed. */
async function inflateBlock(input: ByteQueue, blockBytes: number): Promise<Uint8Array> {
  if (blockBytes < 0) throw new CompressedDataError('the gzip data is damaged (size of a bgzip block)')
  const deflated = await takeAll(input, blockBytes)
  let bytes: Uint8Array
  try {
    bytes = inflateRawSync(deflated)
  } catch (error) {
    throw new CompressedDataError(`the gzip data is damaged (${(error as Error).message})`)
  }
  await checkTrailer(input, crc32(bytes), bytes.length)
  return bytes
}

async function* inflateMember(input: ByteQueue, chunkSize: number): AsyncGenerator<Uint8Array> {
  const stream = createInflateRaw({ chunkSize })
  let ended = false
  stream.on('end', () => {
    ended = true
  })
  const feed = async () => {
    for (let written = 0; ; ) {
      const chunk = await input.takeSome()
      if (stream.destroyed && !ended) return
      if (chunk.length === 0) {
        if (!ended) stream.end()
        return
      }
      if (!ended) await new Promise<void>((resolve) => stream.write(chunk, () => resolve()))
      // The member ends inside this chunk, or ended with the one before it.
      const used = stream.bytesWritten - written
      written += used
      if (used < chunk.length) {
        input.putBack(chunk.subarray(used))
        stream.end()
        return
      }
    }
  }
  let crc = 0
  let length = 0
  for await (const chunk of decompressed(stream, feed, inWords)) {
    crc = crc32(chunk, crc)
    length += chunk.length
    yield chunk
  }
  await checkTrailer(input, crc, length)
}

function inWords(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'Z_BUF_ERROR') return cutOff()
  if (typeof code === 'string' && code.startsWith('Z_'))
    return new CompressedDataError(`the gzip data is damaged (${message})`)
  return error
}

async function checkTrailer(input: ByteQueue, crc: number, length: number): Promise<void> {
  const trailer = Buffer.from(await takeAll(input, TRAILER_BYTES))
  if (trailer.readUInt32LE(0) !== crc)
    throw new CompressedDataError('the gzip data is damaged (incorrect data check)')
  if (trailer.readUInt32LE(4) !== length % 2 ** 32)
    throw new CompressedDataError('the gzip data is damaged (incorrect length check)')
}

async function takeAll(input: ByteQueue, count: number): Promise<Uint8Array> {
  const bytes = await input.take(count)
  if (bytes.length < count) throw cutOff()
  return bytes
}

function cutOff(): CompressedDataError {
  return new CompressedDataError('the gzip data is cut off')
}

function word16(bytes: Uint8Array, at = 0): number {
  return bytes[at]! | (bytes[at + 1]! << 8)
}
