import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'

/** Bytes of a key: the SHA-256 of the sequence that was embedded. */
export const KEY_BYTES = 32

/** In place of a dimension: sequences that the model refused, without embeddings. */
export const REFUSED = 0

/** Some embeddings of one model, as one batch gave them; or, with `REFUSED` for a dimension, what it did not take of one. */
export interface JournalEntry {
  model: string
  /** [n * 32]: the key of each sequence. */
  keys: Uint8Array
  /** Row-major [n, dimension]. */
  vectors: Float32Array
  dimension: number
}

const MAGIC = 'VNPJRNL1'
export const HEADER_BYTES = 40
/** Length of the body, and its CRC-32. */
const FRAME_BYTES = 8
/** Larger entries are compared with their checksums piece by piece before they are taken into memory: few batches have as much. */
const LARGE_BYTES = 16 << 20
/** No batch has more: 100,000 embeddings of 2,560 numbers. */
const MAX_ENTRY_BYTES = 1 << 30
/** Bytes of the model's name, sequences, dimension. */
const BODY_HEAD_BYTES = 12

/** The first bytes of a journal: magic, then the SHA-256 of the digest of the models its vectors come from. */
export function journalHeader(models: string): Buffer {
  return Buffer.concat([Buffer.from(MAGIC, 'latin1'), new Bun.CryptoHasher('sha256').update(models).digest()])
}

/**
 * Layout of an entry, little-endian: bytes of the body (u32), CRC-32 of the body (u32); the body is bytes of the
 * model's name (u32), sequences n (u32), dimension d (u32), the name, n keys of 32 bytes, n * d float32.
 *
 * @returns the pieces of the entry in order; the vectors are not copied
 */
export function encodeEntry({ model, keys, vectors, dimension }: JournalEntry): Uint8Array[] {
  const name = Buffer.from(model)
  const head = Buffer.alloc(FRAME_BYTES + BODY_HEAD_BYTES)
  const numbers = new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength)
  head.writeUInt32LE(BODY_HEAD_BYTES + name.length + keys.length + numbers.length, 0)
  head.writeUInt32LE(name.length, FRAME_BYTES)
  head.writeUInt32LE(keys.length / KEY_BYTES, FRAME_BYTES + 4)
  head.writeUInt32LE(dimension, FRAME_BYTES + 8)
  let crc = crc32(head.subarray(FRAME_BYTES))
  for (const piece of [name, keys, numbers]) crc = crc32(piece, crc)
  head.writeUInt32LE(crc, 4)
  return [Buffer.concat([head, name, keys]), numbers]
}

/** A key as text, to look it up by: a byte a letter. */
export function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}

/** Where an entry lies in its file, in bytes. */
export interface EntryPlace {
  start: number
  end: number
}

/** An entry from all of its bytes; undefined where they are not those of one whole entry. */
export function decodeEntry(bytes: Buffer): JournalEntry | undefined {
  if (bytes.length < FRAME_BYTES || bytes.readUInt32LE(0) !== bytes.length - FRAME_BYTES) return undefined
  const body = bytes.subarray(FRAME_BYTES)
  return crc32(body) === bytes.readUInt32LE(4) ? decodeBody(body) : undefined
}

/** The entry of a body whose checksum is right; undefined where its lengths do not add up. */
function decodeBody(body: Buffer): JournalEntry | undefined {
  if (body.length < BODY_HEAD_BYTES) return undefined
  const nameBytes = body.readUInt32LE(0)
  const count = body.readUInt32LE(4)
  const dimension = body.readUInt32LE(8)
  const keysAt = BODY_HEAD_BYTES + nameBytes
  const vectorsAt = keysAt + count * KEY_BYTES
  if (body.length !== vectorsAt + 4 * count * dimension) return undefined
  const vectors = new Float32Array(count * dimension)
  new Uint8Array(vectors.buffer).set(body.subarray(vectorsAt))
  return {
    model: body.toString('utf8', BODY_HEAD_BYTES, keysAt),
    keys: body.subarray(keysAt, vectorsAt),
    vectors,
    dimension,
  }
}

/**
 * Reads the entries of a journal in order, one in memory at a time.
 *
 * A process that is killed leaves a torn entry at the end; it and anything after the first damage is left out.
 *
 * @param visit - is given each entry and where it lies; its vectors are the last of it
 * @returns offset of the end of the last whole entry; 0 when the journal is of other models, or none at all
 */
export async function readJournal(
  file: FileHandle,
  models: string,
  visit: (entry: JournalEntry, at: EntryPlace) => void,
): Promise<number> {
  const { size } = await file.stat()
  const header = await readAt(file, 0, HEADER_BYTES)
  if (!header.equals(journalHeader(models))) return 0
  for (let start = HEADER_BYTES; ; ) {
    const frame = await readAt(file, start, FRAME_BYTES)
    if (frame.length < FRAME_BYTES) return start
    const end = start + FRAME_BYTES + frame.readUInt32LE(0)
    // Before anything is allocated: the length of a damaged entry can be any number.
    if (end > size) return start
    if (end - start > LARGE_BYTES && !(await isLargeEntry(file, start, end))) return start
    const entry = decodeEntry(await readAt(file, start, end - start))
    if (entry === undefined) return start
    visit(entry, { start, end })
    start = end
  }
}

/** Whether the checksum of an entry of such a size is right, found without taking it into memory. */
async function isLargeEntry(file: FileHandle, start: number, end: number): Promise<boolean> {
  if (end - start > MAX_ENTRY_BYTES) return false
  const expected = (await readAt(file, start, FRAME_BYTES)).readUInt32LE(4)
  let crc = 0
  for (let at = start + FRAME_BYTES; at < end; at += LARGE_BYTES)
    crc = crc32(await readAt(file, at, Math.min(LARGE_BYTES, end - at)), crc)
  return crc === expected
}

/** Up to `length` bytes; fewer only at the end of the file. */
export async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}
