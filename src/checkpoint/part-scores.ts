import { readFile } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { writeAtomically } from '../system/atomic.ts'
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
  /** Of the `.pt` files that were written with it; empty when none are kept. */
  files: PartDigests
}

const MAGIC = 'VNPSCOR3'
/** Without the digest of the content. */
const OLD_MAGIC = 'VNPSCOR2'
const HEADER_BYTES = 24

/**
 * Layout, little-endian: magic (8 bytes), frames (u32), bytes of the texts (u32), CRC-32 of all that follows the
 * header (u32), digests of files (u32), the scores (8 bytes per frame), the texts joined by line ends (UTF-8): digest of the
 * content, digests of files, then ids.
 */
export async function writePartScores(
  path: string,
  { ids, scores, content = '', files }: PartScores,
): Promise<void> {
  const texts = Buffer.from([content, ...files, ...ids].join('\n'))
  const body = Buffer.concat([Buffer.from(scores.buffer, scores.byteOffset, scores.byteLength), texts])
  const header = Buffer.alloc(HEADER_BYTES)
  header.write(MAGIC, 'latin1')
  header.writeUInt32LE(ids.length, 8)
  header.writeUInt32LE(texts.length, 12)
  header.writeUInt32LE(crc32(body), 16)
  header.writeUInt32LE(files.length, 20)
  await writeAtomically(path, Buffer.concat([header, body]))
}

/** The scores of a finished part, undefined where there are none or where they are damaged. */
export async function readPartScores(path: string): Promise<PartScores | undefined> {
  const bytes = await readFile(path, { flag: READ }).catch(unlessMissing(path))
  const magic = bytes?.toString('latin1', 0, 8)
  if (bytes === undefined || bytes.length < HEADER_BYTES || (magic !== MAGIC && magic !== OLD_MAGIC))
    return undefined
  const frames = bytes.readUInt32LE(8)
  const textBytes = bytes.readUInt32LE(12)
  const digests = bytes.readUInt32LE(20)
  const body = bytes.subarray(HEADER_BYTES)
  if (body.length !== 8 * frames + textBytes || crc32(body) !== bytes.readUInt32LE(16)) return undefined
  const scores = new Float32Array(2 * frames)
  Buffer.from(scores.buffer).set(body.subarray(0, 8 * frames))
  const texts = body.toString('utf8', 8 * frames).split('\n')
  const content = magic === MAGIC ? texts.shift() : undefined
  const ids = texts.slice(digests)
  return ids.length === frames ? { ids, scores, content, files: texts.slice(0, digests) } : undefined
}
