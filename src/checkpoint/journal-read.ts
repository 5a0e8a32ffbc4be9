import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { decodeBody, FRAME_BYTES, HEADER_BYTES, type JournalEntry, journalHeader } from './journal-format.ts'

/**
 * Reads the entries of a journal in order, one in memory at a time.
 *
 * A process that is killed leaves a torn entry at the end; it and anything after the first damage is left out.
 *
 * @param visit - is given each entry and the offset of its vectors in the file
 * @returns offset of the end of the last whole entry; 0 when the journal is of other models, or none at all
 */
export async function readJournal(
  file: FileHandle,
  models: string,
  visit: (entry: JournalEntry, vectorsAt: number) => void,
): Promise<number> {
  const { size } = await file.stat()
  const header = await readAt(file, 0, HEADER_BYTES)
  if (!header.equals(journalHeader(models))) return 0
  for (let offset = HEADER_BYTES; ; ) {
    const frame = await readAt(file, offset, FRAME_BYTES)
    if (frame.length < FRAME_BYTES) return offset
    const length = frame.readUInt32LE(0)
    // Before anything is allocated: the length of a damaged entry can be any number.
    if (offset + FRAME_BYTES + length > size) return offset
    const body = await readAt(file, offset + FRAME_BYTES, length)
    if (body.length < length || crc32(body) !== frame.readUInt32LE(4)) return offset
    const entry = decodeBody(body)
    if (entry === undefined) return offset
    offset += FRAME_BYTES + length
    visit(entry, offset - entry.vectors.byteLength)
  }
}

/** Up to `length` bytes; fewer only at the end of the file. */
async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}
