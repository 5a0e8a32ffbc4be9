import { closeSync, readSync, writeSync } from 'node:fs'
import { openScratch } from '../system/kept-files.ts'
import { WriteError } from '../system/system-error.ts'

/** Ids of smaller inputs stay in memory and never touch a disk. */
const TAIL_BYTES = 4 << 20
/** Covers nearly every entry with one read. */
const READ_BYTES = 512
/** Before the bytes of an id: 5 of its line, 3 of its source, 4 of its length. */
const HEAD_BYTES = 12

/** One id and where it was seen. */
export interface SpoolEntry {
  id: Uint8Array
  line: number
  sourceIndex: number
}

/**
 * Append-only list of ids, the newest few MiB in memory and the rest in an unlinked temporary file, so that
 * memory does not grow with the ids and any entry is one read away, for pipes and compressed files too.
 */
class IdSpool {
  readonly #folder: string
  #tail = Buffer.allocUnsafeSlow(1 << 16)
  #used = 1 // offset 0 means "no entry" to the table
  #base = 0
  #descriptor = -1

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Adds `bytes[start..end)`. @returns offset of the entry, never 0 */
  append(bytes: Uint8Array, start: number, end: number, line: number, sourceIndex: number): number {
    this.#reserve(HEAD_BYTES + end - start)
    const offset = this.#base + this.#used
    const tail = this.#tail
    tail.writeUIntLE(line, this.#used, 5)
    tail.writeUIntLE(sourceIndex, this.#used + 5, 3)
    tail.writeUInt32LE(end - start, this.#used + 8)
    let used = this.#used + HEAD_BYTES
    for (let index = start; index < end; index++) tail[used++] = bytes[index]!
    this.#used = used
    return offset
  }

  read(offset: number): SpoolEntry {
    if (offset >= this.#base) return parseEntry(this.#tail.subarray(offset - this.#base, this.#used))!
    for (let size = READ_BYTES; ; size *= 2) {
      const bytes = Buffer.allocUnsafe(size)
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

  #reserve(extra: number): void {
    if (this.#used + extra <= this.#tail.length) return
    if (this.#used + extra > TAIL_BYTES) this.#flush()
    if (extra <= this.#tail.length - this.#used) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#used + extra, this.#tail.length * 2))
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

/** The entry at the start of the bytes; undefined where they do not hold the whole of it. */
function parseEntry(bytes: Buffer): SpoolEntry | undefined {
  if (bytes.length < HEAD_BYTES) return undefined
  const end = HEAD_BYTES + bytes.readUInt32LE(8)
  if (bytes.length < end) return undefined
  return {
    id: bytes.subarray(HEAD_BYTES, end),
    line: bytes.readUIntLE(0, 5),
    sourceIndex: bytes.readUIntLE(5, 3),
  }
}

const FIRST_SLOTS = 1 << 12
/** Linear probing stays near 8 probes for an unseen id at this load. */
const MAX_LOAD = 0.75
/** 32-bit words of a slot: hash, low half of the offset, then 16 more bits of each. One cache line a lookup. */
const WORDS = 3

/**
 * Ids seen so far. Open addressing over one typed array, 12 bytes a slot (48 bits of hash, 48 of the entry's
 * offset in the spool): 16 to 32 bytes an id. Equal hashes are confirmed against the id itself, so the answer
 * is exact and the hash decides only how often that is needed (hundreds of times in 10^8 ids).
 */
export class IdTable {
  readonly #spool: IdSpool
  #slots = FIRST_SLOTS
  #count = 0
  #table = new Uint32Array(FIRST_SLOTS * WORDS)

  readonly #hashMask: number

  /** @param hashMask bits of the hash to use; tests narrow it so that different ids share one */
  constructor(tempDir: string, hashMask = 0xffffffff) {
    this.#hashMask = hashMask
    this.#spool = new IdSpool(tempDir)
  }

  /** Whether the id is known. */
  has(id: Uint8Array): boolean {
    return this.#seek(id, 0, id.length).entry !== undefined
  }

  /** Adds the id `bytes[start..end)` unless it is known. @returns its first occurrence, undefined for a new id */
  add(
    bytes: Uint8Array,
    start: number,
    end: number,
    line: number,
    sourceIndex: number,
  ): SpoolEntry | undefined {
    if (this.#count >= this.#slots * MAX_LOAD) this.#grow()
    const { entry, slot, low, high } = this.#seek(bytes, start, end)
    if (entry !== undefined) return entry
    const table = this.#table
    const offset = this.#spool.append(bytes, start, end, line, sourceIndex)
    table[slot * WORDS] = low
    table[slot * WORDS + 1] = offset
    table[slot * WORDS + 2] = ((high << 16) | Math.floor(offset / 2 ** 32)) >>> 0
    this.#count++
    return undefined
  }

  /** The entry of an id, or the free slot where it would be, with the hash it would have there. */
  #seek(
    bytes: Uint8Array,
    start: number,
    end: number,
  ): { entry: SpoolEntry | undefined; slot: number; low: number; high: number } {
    // Two-lane multiply-and-shift with a murmur3-like end.
    let a = 0x9e3779b9
    let b = end - start
    for (let index = start; index < end; index++) {
      const byte = bytes[index]!
      a = Math.imul(a ^ byte, 0x85ebca6b)
      a ^= a >>> 15
      b = Math.imul(((b << 13) | (b >>> 19)) + byte, 0xc2b2ae35)
    }
    a = Math.imul(a ^ (b >>> 16), 0x85ebca6b)
    a = Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
    b = Math.imul(b ^ (b >>> 15) ^ a, 0x27d4eb2f)
    const low = ((a ^ (a >>> 16)) & this.#hashMask) >>> 0
    const high = (b >>> 16) & this.#hashMask

    const table = this.#table
    const mask = this.#slots - 1
    let slot = (low & mask) >>> 0
    for (; ; slot = ((slot + 1) & mask) >>> 0) {
      const at = slot * WORDS
      const rest = table[at + 2]!
      const offset = (rest & 0xffff) * 2 ** 32 + table[at + 1]!
      if (offset === 0) break
      if (table[at] !== low || rest >>> 16 !== high) continue
      const entry = this.#spool.read(offset)
      if (Buffer.compare(entry.id, bytes.subarray(start, end)) === 0) return { entry, slot, low, high }
    }
    return { entry: undefined, slot, low, high }
  }

  close(): void {
    this.#spool.close()
  }

  #grow(): void {
    const slots = this.#slots * 2
    const mask = slots - 1
    const old = this.#table
    const table = new Uint32Array(slots * WORDS)
    for (let from = 0; from < old.length; from += WORDS) {
      if (old[from + 1] === 0 && (old[from + 2]! & 0xffff) === 0) continue
      let slot = (old[from]! & mask) >>> 0
      while (table[slot * WORDS + 1] !== 0 || (table[slot * WORDS + 2]! & 0xffff) !== 0) {
        slot = ((slot + 1) & mask) >>> 0
      }
      table[slot * WORDS] = old[from]!
      table[slot * WORDS + 1] = old[from + 1]!
      table[slot * WORDS + 2] = old[from + 2]!
    }
    this.#slots = slots
    this.#table = table
  }
}

/** Longer headers are refused: a file without line ends must not be taken into memory as one. */
const MAX_HEADER_BYTES = 16 << 20

/**
 * So are longer ids, the first words of headers: frames, tables and states of a run have each id thousands of times, and a part
 * of ten thousand frames has to fit into memory.
 */
const MAX_ID_BYTES = 16 << 10

/** ASCII part of what Python's `str.split()` splits at; line ends cannot occur here. */
function isAsciiSpace(byte: number): boolean {
  return byte === 0x20 || byte === 9 || byte === 11 || byte === 12 || (byte >= 0x1c && byte <= 0x1f)
}

// Python's str.isspace(): unlike \s it has \x1c-\x1f and \x85, and lacks U+FEFF.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are separators to Python
const PYTHON_WORD = /[^\t\n\v\f\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u

// A U+FEFF right after '>' belongs to the id, as in Python.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

type HeaderFault = 'invalid_utf8' | 'header_too_long' | 'id_too_long' | 'binary'

/** As Python's `str.strip()`. */
function stripped(text: string): string {
  const start = text.search(PYTHON_WORD)
  let end = text.length
  while (end > start && !PYTHON_WORD.test(text[end - 1]!)) end--
  return start < 0 ? '' : text.slice(start, end)
}

/** Bytes of one header line without its '>' or '@', and the id in them. */
export class HeaderBuffer {
  id = ''
  /** The id's UTF-8: these bytes of {@link idSource}, valid until the next header. */
  idStart = 0
  idEnd = 0

  #bytes: Buffer = Buffer.allocUnsafeSlow(1 << 12)
  #idSource: Uint8Array = this.#bytes
  /** The description, where the header is not ASCII. */
  #rest = ''
  #used = 0
  #high = 0
  #sawNul = false
  #tooLong = false

  get idSource(): Uint8Array {
    return this.#idSource
  }

  /** What follows the id, without blanks at its ends; of a header that {@link parse} has found no fault in. */
  get description(): string {
    const bytes = this.#bytes
    if (this.#idSource !== bytes) return this.#rest
    let start = this.idEnd
    let end = this.#used
    while (start < end && isAsciiSpace(bytes[start]!)) start++
    while (end > start && isAsciiSpace(bytes[end - 1]!)) end--
    return bytes.toString('latin1', start, end)
  }

  clear(): void {
    this.#used = 0
    this.#high = 0
    this.#sawNul = false
    this.#tooLong = false
  }

  /**
   * Takes the bytes of `chunk` from `start` up to a line end or `end`.
   * @returns index of the line end, or `end`
   */
  append(chunk: Uint8Array, start: number, end: number): number {
    this.#reserve(end - start)
    const bytes = this.#bytes
    const room = bytes.length
    let used = this.#used
    let high = this.#high
    let position = start
    for (; position < end; position++) {
      const byte = chunk[position]!
      if (byte === 10 || byte === 13) break
      if (byte === 0) this.#sawNul = true
      high |= byte
      if (used < room) bytes[used++] = byte
      else this.#tooLong = true
    }
    this.#used = used
    this.#high = high
    return position
  }

  /** Finds the id, once the line is complete. */
  parse(): HeaderFault | undefined {
    this.id = ''
    this.idStart = this.idEnd = 0
    if (this.#sawNul) return 'binary'
    if (this.#tooLong) return 'header_too_long'
    const fault = this.#high < 0x80 ? this.#parseAscii() : this.#parseUnicode()
    if (fault !== undefined || this.idEnd - this.idStart <= MAX_ID_BYTES) return fault
    this.id = ''
    return 'id_too_long'
  }

  #parseAscii(): undefined {
    const bytes = this.#bytes
    let start = 0
    while (start < this.#used && isAsciiSpace(bytes[start]!)) start++
    let end = start
    while (end < this.#used && !isAsciiSpace(bytes[end]!)) end++
    this.#idSource = bytes
    this.idStart = start
    this.idEnd = end
    this.id = bytes.toString('latin1', start, end)
  }

  #parseUnicode(): HeaderFault | undefined {
    let text: string
    try {
      text = decoder.decode(this.#bytes.subarray(0, this.#used))
    } catch {
      // The id for the report: what can be read of it.
      this.id =
        PYTHON_WORD.exec(this.#bytes.toString('utf8', 0, Math.min(this.#used, MAX_ID_BYTES)))?.[0] ?? ''
      return 'invalid_utf8'
    }
    const found = PYTHON_WORD.exec(text)
    this.id = found?.[0] ?? ''
    this.#rest = found === null ? '' : stripped(text.slice(found.index + this.id.length))
    this.#idSource = encoder.encode(this.id)
    this.idEnd = this.#idSource.length
    return undefined
  }

  #reserve(extra: number): void {
    const wanted = Math.min(this.#used + extra, MAX_HEADER_BYTES)
    if (wanted <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(wanted, Math.min(this.#bytes.length * 2, MAX_HEADER_BYTES)))
    grown.set(this.#bytes.subarray(0, this.#used))
    this.#bytes = grown
  }
}
