import { crc32 } from 'node:zlib'
import { writeAtomically } from '../system/atomic.ts'
import { MOST_BYTES, readWithin } from '../system/read-within.ts'
import { READ } from '../system/regular-file.ts'
import { unlessMissing } from '../system/system-error.ts'
import type { PartDigests } from './part-files.ts'

/** Ids and scores of one finished part. */
export interface PartScores {
  ids: string[]
  /** Row-major [n, 2] float32: probability of `others`, of `virus`. */
  scores: Float32Array
  /** SHA-256 of the ids and sequences that were scored; undefined in a file of version 0.1.0. */
  content: string | undefined
  /** What a recheck has to know of each frame, see `frameFacts`; undefined in a run without one. */
  facts?: Uint32Array | undefined
  /** Of the `.pt` files that were written with it; empty when none are kept. */
  files: PartDigests
}

const MAGIC = 'VNPSCOR3'
/** Without the digest of the content. */
const OLD_MAGIC = 'VNPSCOR2'
/** With facts of the frames. */
const FACTS_MAGIC = 'VNPSCOR4'
const MAGICS: ReadonlySet<string> = new Set([MAGIC, OLD_MAGIC, FACTS_MAGIC])
const HEADER_BYTES = 24
/** DNABERT-S, ESM-2, merged. */
const FILES_OF_PART = 3

/**
 * Layout, little-endian: magic (8 bytes), frames (u32), bytes of the texts (u32), CRC-32 of all that follows the
 * header (u32), digests of files (u32), the scores (8 bytes per frame), facts of the frames if the magic says so (u32 each), the texts joined by line ends (UTF-8): digest of the
 * content, digests of files, then ids.
 */
export async function writePartScores(
  path: string,
  { ids, scores, content = '', facts, files }: PartScores,
): Promise<void> {
  const texts = Buffer.from([content, ...files, ...ids].join('\n'))
  const body = Buffer.concat([bytesOf(scores), ...(facts === undefined ? [] : [bytesOf(facts)]), texts])
  const header = Buffer.alloc(HEADER_BYTES)
  header.write(facts === undefined ? MAGIC : FACTS_MAGIC, 'latin1')
  header.writeUInt32LE(ids.length, 8)
  header.writeUInt32LE(texts.length, 12)
  header.writeUInt32LE(crc32(body), 16)
  header.writeUInt32LE(files.length, 20)
  await writeAtomically(path, Buffer.concat([header, body]))
}

/** The scores of a finished part, undefined where there are none or where they are damaged. */
export async function readPartScores(path: string): Promise<PartScores | undefined> {
  const bytes = await readWithin(path, MOST_BYTES.part, READ).catch(unlessMissing(path))
  if (bytes === undefined || bytes.length < HEADER_BYTES) return undefined
  const magic = bytes.toString('latin1', 0, 8)
  if (!MAGICS.has(magic)) return undefined
  const frames = bytes.readUInt32LE(8)
  const textBytes = bytes.readUInt32LE(12)
  const digests = bytes.readUInt32LE(20)
  const body = bytes.subarray(HEADER_BYTES)
  const numbers = frames * (magic === FACTS_MAGIC ? 12 : 8)
  if (body.length !== numbers + textBytes || crc32(body) !== bytes.readUInt32LE(16)) return undefined
  const scores = new Float32Array(2 * frames)
  Buffer.from(scores.buffer).set(body.subarray(0, 8 * frames))
  const facts = magic === FACTS_MAGIC ? new Uint32Array(frames) : undefined
  if (facts !== undefined) Buffer.from(facts.buffer).set(body.subarray(8 * frames, numbers))
  const texts = body.toString('utf8', numbers).split('\n')
  const content = magic === OLD_MAGIC ? undefined : texts.shift()
  const ids = texts.slice(digests)
  const files = texts.slice(0, digests)
  const isWhole = ids.length === frames && areDigests(content, files)
  return isWhole ? { ids, scores, content, facts, files } : undefined
}

const DIGEST = /^[0-9a-f]{64}$/

/** The header, which no checksum covers, says how many texts are digests and whether the first is that of the content. */
function areDigests(content: string | undefined, files: PartDigests): boolean {
  const ofContent = content === undefined || content === '' || DIGEST.test(content)
  return (
    ofContent &&
    (files.length === 0 || files.length === FILES_OF_PART) &&
    files.every((text) => DIGEST.test(text))
  )
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Uint32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
