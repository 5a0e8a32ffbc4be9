import type { Transform } from 'node:stream'
import { constants, crc32, createInflateRaw, createZstdDecompress, inflateRawSync } from 'node:zlib'
import { recogniseCompression } from './formats.ts'
import { FastaError } from './types.ts'

/** Output of one turn of the decompressor: at 64 KiB the turns cost as much as the work. */
const OUTPUT_BYTES = 1 << 20

export type Compression = 'none' | 'gzip' | 'zstd'

/** What only the end of the compressed data shows. */
export interface CompressionEnd {
  /** A bgzip file without its end marker, which is an empty block. */
  missingBgzfEnd: boolean
  /** Where something that is neither a member nor a frame follows the last one. */
  trailingAt: number | undefined
}

/** Compressed data that is cut off or damaged. */
export class CompressedDataError extends Error {
  /** What to do about it. */
  readonly remedy: string

  constructor(message: string, remedy = 'the file is incomplete or damaged: get it again') {
    super(message)
    this.remedy = remedy
  }
}

/** First bytes of compressed data, as far as they are the same in all of its kind. Sources: RFC 1952, RFC 8878. */
const MAGIC = {
  gzip: [0x1f, 0x8b, 8],
  zstd: [0x28, 0xb5, 0x2f, 0xfd],
  xz: [0xfd, 0x37, 0x7a, 0x58],
  bzip2: [0x42, 0x5a, 0x68],
  lz4: [0x04, 0x22, 0x4d, 0x18],
} as const

/** Whether the bytes begin a file of this kind, as far as there are any. */
function begins(bytes: Uint8Array, kind: keyof typeof MAGIC): boolean {
  return MAGIC[kind].every((byte, at) => at >= bytes.length || bytes[at] === byte)
}

/** A frame that holds no text begins with `0x184d2a50` to `0x184d2a5f`, little-endian. */
function isSkippableFrame(bytes: Uint8Array): boolean {
  return (bytes[0]! & 0xf0) === 0x50 && bytes[1] === 0x2a && bytes[2] === 0x4d && bytes[3] === 0x18
}

/** Compression by magic bytes; what we recognise but do not read is refused. */
export function detectCompression(source: string, head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
  if (head.length >= 4 && (begins(head, 'zstd') || isSkippableFrame(head))) return 'zstd'
  const foreign = recogniseCompression(head)
  if (foreign === undefined) return 'none'
  const command = source === '<stdin>' ? foreign.command : `${foreign.command} ${source}`
  throw new FastaError(
    `${source}: compressed with ${foreign.name}, which is not read directly; decompress it first: "${command}"`,
    {
      source,
      line: 1,
      reason: 'unsupported_compression',
      detail: { code: 'foreign-compression', data: { command } },
    },
  )
}

/**
 * Decompresses every member or frame. Raw chunks must not be reused by their source. What follows the last member or
 * frame and is neither is left unread and reported in `end`.
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
  const input = new ByteQueue(raw, compression)
  try {
    if (compression === 'gzip') yield* gunzip(input, chunkSize, end)
    else yield* unzstd(input, chunkSize, readBytes, end)
  } finally {
    await raw.return(undefined)
  }
}

/** Compressed bytes that come in chunks, taken in pieces of any size. */
class ByteQueue {
  readonly #chunks: AsyncGenerator<Uint8Array>
  readonly #kind: 'gzip' | 'zstd'
  #rest: Uint8Array = new Uint8Array(0)
  /** Bytes taken so far. */
  taken = 0

  constructor(chunks: AsyncGenerator<Uint8Array>, kind: 'gzip' | 'zstd') {
    this.#chunks = chunks
    this.#kind = kind
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

  /** The next `count` bytes. @throws CompressedDataError where there are fewer */
  async take(count: number): Promise<Uint8Array> {
    const bytes = await this.peek(count)
    if (bytes.length < count) throw this.cutOff()
    this.#drop(count)
    return bytes
  }

  /** Bytes that have been read already, at least one and at most so many; none at the end. */
  async takeSome(most = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
    await this.peek(1)
    const bytes = this.#rest.subarray(0, Math.min(most, this.#rest.length))
    this.#drop(bytes.length)
    return bytes
  }

  /** Puts back the end of what was taken last. */
  putBack(bytes: Uint8Array): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([bytes, this.#rest])
    this.taken -= bytes.length
  }

  cutOff(): CompressedDataError {
    return new CompressedDataError(
      this.#kind === 'gzip' ? 'the gzip data is cut off' : 'the zstd data ends inside a frame',
    )
  }

  #drop(count: number): void {
    this.#rest = this.#rest.subarray(count)
    this.taken += count
  }
}

/**
 * What follows the end of a member or frame and does not begin another one: damage, or something else.
 *
 * @param next - the first four bytes of it, or fewer at the end of the data
 * @throws CompressedDataError where it looks like the damaged start of another, or is a part of the input that is
 *   compressed in another way and must not be left out
 */
function refuseDamage(kind: 'gzip' | 'zstd', next: Uint8Array, at: number, damage: string): void {
  const expected = MAGIC[kind]
  // With the two bytes of gzip, whatever its method is said to be.
  const isGzip = kind === 'gzip' && next[0] === expected[0] && next[1] === expected[1]
  if (next.length >= expected.length && (isGzip || differingBits(next, expected) <= 3))
    throw new CompressedDataError(damage)
  for (const other of Object.keys(MAGIC) as (keyof typeof MAGIC)[]) {
    if (other === kind || next.length < MAGIC[other].length || !begins(next, other)) continue
    throw new CompressedDataError(
      `the ${kind} data ends at byte ${at}, and ${other} data follows it`,
      'decompress each by itself and join the texts',
    )
  }
}

function differingBits(bytes: Uint8Array, expected: readonly number[]): number {
  let count = 0
  for (const [at, byte] of expected.entries())
    for (let rest = bytes[at]! ^ byte; rest > 0; rest >>= 1) count += rest & 1
  return count
}

/**
 * What a decompressor makes of the pieces that are written to it.
 *
 * @throws what `feed` throws before anything of the decompressor
 */
async function* decompressed(
  kind: 'gzip' | 'zstd',
  stream: Transform,
  feed: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  stream.on('error', () => {}) // thrown to the reader below; here it must not be an uncaught event
  let failure: unknown
  const feeding = feed().catch((error: Error) => {
    failure = error
    stream.destroy(error)
  })
  try {
    for await (const chunk of stream) yield chunk as Uint8Array
    await feeding
    if (failure !== undefined) throw failure
  } catch (error) {
    throw failure ?? inWords(kind, error)
  } finally {
    stream.destroy()
  }
}

function inWords(kind: 'gzip' | 'zstd', error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'Z_BUF_ERROR') return new CompressedDataError('the gzip data is cut off')
  if (code === 'ZSTD_error_frameParameter_windowTooLarge')
    return new CompressedDataError('the zstd data has a window of more than 2 GiB')
  if (typeof code === 'string' && /^Z(_|STD)/.test(code))
    return new CompressedDataError(`the ${kind} data is damaged (${message})`)
  return error
}

/** Resolves when a stream has taken the bytes in, or has failed. */
function written(stream: Transform, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => stream.write(bytes, () => resolve()))
}

const FLAG_HEADER_CRC = 2
const FLAG_EXTRA = 4
const FLAG_NAME = 8
const FLAG_COMMENT = 16
const RESERVED_FLAGS = 0xe0
const TRAILER_BYTES = 8

/**
 * Decompresses every member (RFC 1952). Zero bytes after the last one are padding, and what is no member is left alone,
 * as gzip itself does; unlike there, a member whose first bytes are damaged is not taken for such an end.
 */
async function* gunzip(input: ByteQueue, chunkSize: number, end: CompressionEnd): AsyncGenerator<Uint8Array> {
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

async function anotherFollows(input: ByteQueue, end: CompressionEnd): Promise<boolean> {
  const memberEnd = input.taken
  const padded = await skipZeros(input)
  const next = await input.peek(4)
  if (next.length === 0) return false
  const isMember = begins(next, 'gzip')
  if (isMember && !padded) return true
  const damage = padded
    ? `the gzip data ends at byte ${memberEnd}, but something else follows the zero bytes after it, at byte ${input.taken}`
    : `the gzip data is damaged (no member starts at byte ${memberEnd}, where the one before it ends)`
  if (isMember) throw new CompressedDataError(damage)
  refuseDamage('gzip', next, input.taken, damage)
  end.trailingAt = input.taken
  return false
}

async function skipZeros(input: ByteQueue): Promise<boolean> {
  const start = input.taken
  for (;;) {
    const bytes = await input.takeSome()
    const odd = bytes.findIndex((byte) => byte !== 0)
    if (odd >= 0) input.putBack(bytes.subarray(odd))
    if (odd >= 0 || bytes.length === 0) return input.taken > start
  }
}

/** @returns bytes of the compressed data of a bgzip block; undefined for any other member */
async function readHeader(input: ByteQueue): Promise<number | undefined> {
  const start = input.taken
  let crc = 0
  const take = async (count: number) => {
    const bytes = await input.take(count)
    crc = crc32(bytes, crc)
    return bytes
  }
  const head = await take(10)
  const flags = head[3]!
  if (!begins(head, 'gzip') || (flags & RESERVED_FLAGS) !== 0)
    throw new CompressedDataError('the gzip data is damaged (incorrect header check)')
  let blockBytes: number | undefined
  if ((flags & FLAG_EXTRA) !== 0) {
    const extra = await take(word16(await take(2)))
    // SAM specification, section 4.1: a field BC of two bytes, the size of the whole block less one.
    const isBgzf = extra.length >= 6 && extra[0] === 0x42 && extra[1] === 0x43 && extra[2] === 2
    if (isBgzf) blockBytes = word16(extra, 4) + 1
  }
  for (const flag of [FLAG_NAME, FLAG_COMMENT]) {
    if ((flags & flag) !== 0) while ((await take(1))[0] !== 0);
  }
  const expected = crc & 0xffff
  if ((flags & FLAG_HEADER_CRC) !== 0 && word16(await input.take(2)) !== expected)
    throw new CompressedDataError('the gzip data is damaged (incorrect header checksum)')
  return blockBytes === undefined ? undefined : blockBytes - (input.taken - start) - TRAILER_BYTES
}

/** A bgzip block is small, and its size is known: no stream is needed. */
async function inflateBlock(input: ByteQueue, blockBytes: number): Promise<Uint8Array> {
  if (blockBytes < 0) throw new CompressedDataError('the gzip data is damaged (size of a bgzip block)')
  const deflated = await input.take(blockBytes)
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
    for (let before = 0; ; before = stream.bytesWritten) {
      const chunk = await input.takeSome()
      if (stream.destroyed && !ended) return
      if (chunk.length === 0) break
      if (!ended) await written(stream, chunk)
      // The member ends inside this chunk, or ended with the one before it.
      const used = stream.bytesWritten - before
      if (used === chunk.length) continue
      input.putBack(chunk.subarray(used))
      break
    }
    stream.end()
  }
  let crc = 0
  let length = 0
  for await (const chunk of decompressed('gzip', stream, feed)) {
    crc = crc32(chunk, crc)
    length += chunk.length
    yield chunk
  }
  await checkTrailer(input, crc, length)
}

async function checkTrailer(input: ByteQueue, crc: number, length: number): Promise<void> {
  const trailer = Buffer.from(await input.take(TRAILER_BYTES))
  if (trailer.readUInt32LE(0) !== crc)
    throw new CompressedDataError('the gzip data is damaged (incorrect data check)')
  if (trailer.readUInt32LE(4) !== length % 2 ** 32)
    throw new CompressedDataError('the gzip data is damaged (incorrect length check)')
}

function word16(bytes: Uint8Array, at = 0): number {
  return bytes[at]! | (bytes[at + 1]! << 8)
}

/** Windows of 2 GiB, the most that zstd writes (`--long=31`); memory is taken only as far as there is text. */
const ZSTD_WINDOW_LOG = 31
/** A block has a few kilobytes, and each write to the decompressor has its price. */
const LEAST_GATHERED_BYTES = 1 << 13

async function* unzstd(
  input: ByteQueue,
  chunkSize: number,
  readBytes: number,
  end: CompressionEnd,
): AsyncGenerator<Uint8Array> {
  const params = { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG }
  const stream = createZstdDecompress({ chunkSize, params })
  const frames = new ZstdFrames(input, end)
  const feed = async () => {
    for await (const bytes of gathered(frames.pieces(), Math.max(LEAST_GATHERED_BYTES, readBytes))) {
      if (stream.destroyed) return
      await written(stream, bytes)
    }
    if (!stream.destroyed) stream.end()
  }
  let length = 0
  for await (const chunk of decompressed('zstd', stream, feed)) {
    length += chunk.length
    yield chunk
  }
  // Of a frame that comes in pieces the decompressor does not compare it where the last block is empty.
  if (frames.contentBytes !== undefined && frames.contentBytes !== length)
    throw new CompressedDataError('the zstd data is damaged (incorrect length)')
}

/** The same bytes in larger pieces; all before an error come before it. */
async function* gathered(pieces: AsyncGenerator<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let bytes = 0
  let failure: unknown
  try {
    for await (const piece of pieces) {
      held.push(piece)
      bytes += piece.length
      if (bytes < size) continue
      yield Buffer.concat(held)
      held = []
      bytes = 0
    }
  } catch (error) {
    failure = error
  }
  if (bytes > 0) yield Buffer.concat(held)
  if (failure !== undefined) throw failure
}

/**
 * The frames of zstd data (RFC 8878), piece by piece and not decompressed. The built-in decompressor takes data cut
 * inside a frame for complete, and drops what follows a frame and is none.
 */
class ZstdFrames {
  readonly #input: ByteQueue
  readonly #end: CompressionEnd
  /** Length of the text, as the frames say; undefined once one of them does not. */
  contentBytes: number | undefined = 0

  constructor(input: ByteQueue, end: CompressionEnd) {
    this.#input = input
    this.#end = end
  }

  async *pieces(): AsyncGenerator<Uint8Array> {
    const input = this.#input
    for (;;) {
      const at = input.taken
      const magic = await input.peek(4)
      if (magic.length === 0) return
      if (isSkippableFrame(magic)) {
        const head = Buffer.from(await input.take(8))
        yield head
        yield* this.#pass(head.readUInt32LE(4))
      } else if (begins(magic, 'zstd')) {
        yield await input.take(4)
        yield* this.#frame()
      } else {
        refuseDamage('zstd', magic, at, `no zstd frame at byte ${at}, where the one before it ends`)
        this.#end.trailingAt = at
        return
      }
    }
  }

  /** The rest of a frame, behind its magic number: a header, blocks, and perhaps a checksum. */
  async *#frame(): AsyncGenerator<Uint8Array> {
    const input = this.#input
    const descriptor = (await input.peek(1))[0] ?? 0
    const isSingleSegment = (descriptor & 0x20) !== 0
    const dictionaryId = [0, 1, 2, 4][descriptor & 3]!
    const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!
    const header = await input.take(1 + (isSingleSegment ? 0 : 1) + dictionaryId + sizeBytes)
    yield header
    this.#count(header.subarray(header.length - sizeBytes))
    for (let isLast = false; !isLast; ) {
      const [low = 0, middle = 0, high = 0] = await input.peek(3)
      const block = low | (middle << 8) | (high << 16)
      isLast = (block & 1) !== 0
      const isRunLength = ((block >> 1) & 3) === 1
      yield await input.take(3 + (isRunLength ? 1 : block >> 3))
    }
    if ((descriptor & 4) !== 0) yield await input.take(4)
  }

  /** @param size - the field of the length of the text, which may be missing */
  #count(size: Uint8Array): void {
    if (size.length === 0) this.contentBytes = undefined
    if (this.contentBytes === undefined) return
    const bytes = Buffer.from(size)
    // 6 bytes are as much as a number holds, and more than any file.
    const value = bytes.readUIntLE(0, Math.min(6, size.length))
    this.contentBytes += size.length === 2 ? value + 256 : value
  }

  async *#pass(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0; ) {
      const bytes = await this.#input.takeSome(left)
      if (bytes.length === 0) throw this.#input.cutOff()
      left -= bytes.length
      yield bytes
    }
  }
}
