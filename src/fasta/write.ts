import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { CREATE, temporaryName } from '../system/kept-files.ts'
import { WriteError } from '../system/system-error.ts'

const NEWLINE = 10
const GREATER = 62
const BUFFER_BYTES = 1 << 20

/** The form of a record. */
export interface FormatOptions {
  /**
   * Letters a line; 60 is what Biopython's `SeqIO.write` does. An empty sequence then has no line at all.
   * @default none: the sequence is one line, an empty one an empty line
   */
  wrap?: number
}

const encoder = new TextEncoder()

/** One record as FASTA text, UTF-8. `id` is the whole header line and must hold no line end. */
export function formatRecord(id: string, sequence: Uint8Array, options: FormatOptions = {}): Uint8Array {
  const bytes = new Uint8Array(maxLength(id, sequence, options.wrap))
  return bytes.subarray(0, formatInto(bytes, 0, id, sequence, options.wrap))
}

/** Most bytes the record takes: three for each UTF-16 unit of the id. */
function maxLength(id: string, sequence: Uint8Array, wrap: number | undefined): number {
  return id.length * 3 + 2 + sequence.length + (wrap === undefined ? 1 : Math.ceil(sequence.length / wrap))
}

/** @returns offset after the record */
function formatInto(
  bytes: Uint8Array,
  start: number,
  id: string,
  sequence: Uint8Array,
  wrap: number | undefined,
): number {
  let offset = start
  bytes[offset++] = GREATER
  offset += encoder.encodeInto(id, bytes.subarray(offset)).written
  bytes[offset++] = NEWLINE
  if (wrap === undefined) {
    bytes.set(sequence, offset)
    offset += sequence.length
    bytes[offset++] = NEWLINE
    return offset
  }
  for (let from = 0; from < sequence.length; from += wrap) {
    const end = Math.min(from + wrap, sequence.length)
    for (let index = from; index < end; index++) bytes[offset++] = sequence[index]!
    bytes[offset++] = NEWLINE
  }
  return offset
}

/**
 * Writes a FASTA file that is complete or absent: under a temporary name in the same folder, flushed to the
 * disk and renamed by {@link FastaFileWriter.close}. Leaving the scope of `using` without closing removes it.
 */
export class FastaFileWriter {
  readonly path: string
  /** Bytes appended so far. */
  bytes = 0
  /** Records appended so far. */
  records = 0

  readonly #temporary: string
  readonly #wrap: number | undefined
  #descriptor: number
  #buffer = new Uint8Array(BUFFER_BYTES)
  #used = 0

  /** @throws WriteError when the file cannot be made */
  constructor(path: string, options: FormatOptions = {}) {
    this.path = path
    this.#wrap = options.wrap
    this.#temporary = temporaryName(path)
    this.#descriptor = this.#attempt(() => openSync(this.#temporary, constants.O_WRONLY | CREATE))
  }

  /** Adds a record. @param id - the whole header line, without a line end. @throws WriteError */
  append(id: string, sequence: Uint8Array): void {
    const most = maxLength(id, sequence, this.#wrap)
    if (most > BUFFER_BYTES - this.#used) this.#flush()
    let written: number
    if (most > BUFFER_BYTES) {
      const record = formatRecord(id, sequence, this.#wrap === undefined ? {} : { wrap: this.#wrap })
      this.#write(record)
      written = record.length
    } else {
      const end = formatInto(this.#buffer, this.#used, id, sequence, this.#wrap)
      written = end - this.#used
      this.#used = end
    }
    this.bytes += written
    this.records++
  }

  /** Puts the file in its place. @throws WriteError, with the temporary file removed */
  close(): void {
    this.#flush()
    try {
      this.#attempt(() => {
        fsyncSync(this.#descriptor)
        closeSync(this.#descriptor)
        this.#descriptor = -1
        renameSync(this.#temporary, this.path)
        syncFolder(dirname(this.path))
      })
    } catch (error) {
      this.discard()
      throw error
    }
  }

  /** Gives the file up; nothing stays behind. */
  discard(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor)
    this.#descriptor = -1
    rmSync(this.#temporary, { force: true })
  }

  /** Removes a file that was not closed. */
  [Symbol.dispose](): void {
    if (this.#descriptor >= 0) this.discard()
  }

  #flush(): void {
    if (this.#used > 0) this.#write(this.#buffer.subarray(0, this.#used))
    this.#used = 0
  }

  #write(bytes: Uint8Array): void {
    this.#attempt(() => {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#descriptor, bytes, done, bytes.length - done)
      }
    })
  }

  #attempt<T>(action: () => T): T {
    try {
      return action()
    } catch (cause) {
      throw new WriteError(this.path, cause)
    }
  }
}

/** Makes the rename itself survive a power cut. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
