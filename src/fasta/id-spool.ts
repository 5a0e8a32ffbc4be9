import { closeSync, readSync, writeSync } from 'node:fs'
import { openScratch } from '../system/kept-files.ts'
import { WriteError } from '../system/system-error.ts'

/** Ids of smaller inputs stay in memory and never touch a disk. */
const TAIL_BYTES = 4 << 20
/** Covers nearly every entry with one read. */
const READ_BYTES = 512

/** One id and where it was seen. */
export interface SpoolEntry {
  id: Uint8Array
  line: number
  sourceIndex: number
}

/**
 * Append-only list of ids, the newest few MiB in memory and the rest in an unlinked temporary file, so that
 * memory does not grow with the ids and any entry is one read away, for pipes and compressed files too.
 * Entry: line, source, length as LEB128, then the bytes.
 */
export class IdSpool {
  readonly #folder: string
  #tail = new Uint8Array(1 << 16)
  #used = 1 // offset 0 means "no entry" to the table
  #base = 0
  #descriptor = -1

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Adds `bytes[start..end)`. @returns offset of the entry, never 0 */
  append(bytes: Uint8Array, start: number, end: number, line: number, sourceIndex: number): number {
    this.#reserve(end - start + 30)
    const offset = this.#base + this.#used
    this.#number(line)
    this.#number(sourceIndex)
    this.#number(end - start)
    const tail = this.#tail
    let used = this.#used
    for (let index = start; index < end; index++) tail[used++] = bytes[index]!
    this.#used = used
    return offset
  }

  read(offset: number): SpoolEntry {
    if (offset >= this.#base) return parseEntry(this.#tail.subarray(offset - this.#base, this.#used))!
    for (let size = READ_BYTES; ; size *= 2) {
      const bytes = new Uint8Array(size)
      const read = readSync(this.#descriptor, bytes, 0, size, offset)
      const entry = parseEntry(bytes.subarray(0, read))
      if (entry !== undefined) return entry
      if (read < size) throw new Error(`id list: entry at ${offset} is cut off`)
    }
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor)
    this.#descriptor = -1
  }

  #number(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.#tail[this.#used++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#tail[this.#used++] = rest
  }

  #reserve(extra: number): void {
    if (this.#used + extra <= this.#tail.length) return
    if (this.#used + extra > TAIL_BYTES) this.#flush()
    if (extra <= this.#tail.length - this.#used) return
    const grown = new Uint8Array(Math.max(this.#used + extra, this.#tail.length * 2))
    grown.set(this.#tail.subarray(0, this.#used))
    this.#tail = grown
  }

  #flush(): void {
    try {
      if (this.#descriptor < 0) this.#descriptor = openScratch(this.#folder)
      for (let done = 0; done < this.#used; ) {
        done += writeSync(this.#descriptor, this.#tail, done, this.#used - done, this.#base + done)
      }
    } catch (cause) {
      throw new WriteError(this.#folder, cause, {
        what: `the list of ids, which finds duplicates, in ${this.#folder}`,
      })
    }
    this.#base += this.#used
    this.#used = 0
  }
}

function parseEntry(bytes: Uint8Array): SpoolEntry | undefined {
  let position = 0
  const numbers: number[] = []
  while (numbers.length < 3) {
    let value = 0
    for (let scale = 1; ; scale *= 0x80) {
      const byte = bytes[position++]
      if (byte === undefined) return undefined
      value += (byte & 0x7f) * scale
      if (byte < 0x80) break
    }
    numbers.push(value)
  }
  const [line, sourceIndex, length] = numbers as [number, number, number]
  if (position + length > bytes.length) return undefined
  return { id: bytes.subarray(position, position + length), line, sourceIndex }
}
