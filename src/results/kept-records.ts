import { closeSync, readSync, writeSync } from 'node:fs'
import { openScratch } from '../system/kept-files.ts'
import { WriteError } from '../system/system-error.ts'
import { FIRST_BYTES, grown } from './growing.ts'

/** Smaller inputs stay in memory and never touch a disk. */
const BLOCK_BYTES = 1 << 20
/** Bytes of the description, letters, whether these are packed. */
const HEAD_BYTES = 4 + 6 + 1
/** Letters that are unpacked at once. */
const PIECE = 1 << 14
const NONE = Buffer.alloc(0)

const LETTERS = Buffer.from('ACGT')
/** Two bits for each of the four letters. */
const CODES = new Uint8Array(256).fill(4)
for (const [code, letter] of LETTERS.entries()) CODES[letter] = code
/** The four letters of a byte. */
const UNPACKED = Uint8Array.from(
  { length: 4 * 256 },
  (_, i) => LETTERS[((i >> 2) >> (2 * (i & 3))) & 3] as number,
)

/**
 * Descriptions and letters of records, to be read once more in the order in which they came: in a file without a name, the newest MiB
 * in memory. Records of A, C, G and T alone take a byte for four letters.
 */
export class KeptRecords implements Disposable {
  readonly #folder: string
  #descriptor = -1
  #block = Buffer.allocUnsafeSlow(FIRST_BYTES)
  readonly #head = Buffer.allocUnsafeSlow(HEAD_BYTES)
  #used = 0
  /** Bytes in the file. */
  #spilled = 0

  /** @param folder - for what does not fit into memory */
  constructor(folder: string) {
    this.#folder = folder
  }

  add(description: string, sequence: Uint8Array): void {
    const text = description === '' ? NONE : Buffer.from(description)
    const isPacked = isPlain(sequence)
    const head = this.#head
    head.writeUInt32LE(text.length)
    head.writeUIntLE(sequence.length, 4, 6)
    head.writeUInt8(Number(isPacked), 10)
    this.#append(head)
    this.#append(text)
    if (isPacked) this.#pack(sequence)
    else this.#append(sequence)
  }

  #append(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      const end = Math.min(bytes.length, from + this.#room(bytes.length - from))
      this.#block.set(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end), this.#used)
      this.#used += end - from
      from = end
    }
  }

  #pack(sequence: Uint8Array): void {
    // Letters after the last one count as A, and are not read.
    const code = (at: number) => (at < sequence.length ? (CODES[sequence[at] as number] as number) : 0)
    for (let i = 0; i < sequence.length; ) {
      const end = this.#used + this.#room(Math.ceil((sequence.length - i) / 4))
      const block = this.#block
      let used = this.#used
      for (; used < end && i < sequence.length; i += 4)
        block[used++] = code(i) | (code(i + 1) << 2) | (code(i + 2) << 4) | (code(i + 3) << 6)
      this.#used = used
    }
  }

  /** Makes room for so many bytes, or for some of them. @returns for how many */
  #room(bytes: number): number {
    if (this.#used === BLOCK_BYTES) this.#spill()
    this.#block = grown(this.#block, this.#used + bytes, BLOCK_BYTES)
    return this.#block.length - this.#used
  }

  #spill(): void {
    const folder = this.#folder
    try {
      if (this.#descriptor < 0) this.#descriptor = openScratch(folder)
      for (let at = 0; at < this.#used; )
        at += writeSync(this.#descriptor, this.#block, at, this.#used - at, this.#spilled + at)
    } catch (cause) {
      throw new WriteError(folder, cause, { what: `the records that may be called viral, in ${folder}` })
    }
    this.#spilled += this.#used
    this.#used = 0
  }

  /** Reads all from the beginning, once nothing is added any more. */
  read(): KeptReader {
    return new KeptReader((into, offset) => this.#copy(into, offset))
  }

  /** @returns how many bytes were there */
  #copy(into: Buffer, offset: number): number {
    if (offset >= this.#spilled) {
      const from = offset - this.#spilled
      return this.#block.copy(into, 0, from, Math.min(this.#used, from + into.length))
    }
    return readSync(this.#descriptor, into, 0, Math.min(into.length, this.#spilled - offset), offset)
  }

  [Symbol.dispose](): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor)
    this.#descriptor = -1
  }
}

function isPlain(sequence: Uint8Array): boolean {
  let bits = 0
  for (let i = 0; i < sequence.length; i++) bits |= CODES[sequence[i] as number] as number
  return bits < 4
}

/** Reads {@link KeptRecords}: a record, then its letters, as far as they are wanted. */
export class KeptReader {
  /** UTF-8. */
  description: Uint8Array = NONE
  readonly #copy: (into: Buffer, offset: number) => number
  readonly #buffer = Buffer.allocUnsafeSlow(1 << 16)
  readonly #letters = new Uint8Array(PIECE)
  #at = 0
  #end = 0
  #offset = 0
  /** Letters of the record that were not taken yet. */
  #left = 0
  #isPacked = false

  constructor(copy: (into: Buffer, offset: number) => number) {
    this.#copy = copy
  }

  /** Goes to the next record. */
  next(): void {
    for (let rest = this.#isPacked ? Math.ceil(this.#left / 4) : this.#left; rest > 0; )
      rest -= this.#take(rest)
    const head = this.#whole(HEAD_BYTES)
    const described = head.readUInt32LE()
    this.#left = head.readUIntLE(4, 6)
    this.#isPacked = head[10] === 1
    // Its bytes may be overwritten by those that follow.
    this.description = described === 0 ? NONE : new Uint8Array(this.#whole(described))
  }

  /** The next letters of the record, some thousand, valid until more is read; none at its end. */
  letters(): Uint8Array {
    const most = Math.min(this.#left, PIECE)
    const taken = most === 0 ? 0 : this.#take(this.#isPacked ? Math.ceil(most / 4) : most)
    const bytes = this.#buffer
    const start = this.#at - taken
    const count = Math.min(most, this.#isPacked ? 4 * taken : taken)
    this.#left -= count
    if (!this.#isPacked) return bytes.subarray(start, this.#at)
    const letters = this.#letters
    for (let i = 0; i < count; i++)
      letters[i] = UNPACKED[4 * (bytes[start + (i >> 2)] as number) + (i & 3)] as number
    return letters.subarray(0, count)
  }

  /** Passes over the next bytes, at most so many, which then end at `#at`. @returns how many they are */
  #take(most: number): number {
    if (this.#at === this.#end) {
      this.#at = 0
      this.#end = this.#copy(this.#buffer, this.#offset)
      if (this.#end === 0) throw new Error('the list of records that may be called viral is cut off')
      this.#offset += this.#end
    }
    const taken = Math.min(most, this.#end - this.#at)
    this.#at += taken
    return taken
  }

  #whole(count: number): Buffer {
    const taken = this.#take(count)
    if (taken === count) return this.#buffer.subarray(this.#at - count, this.#at)
    const bytes = Buffer.allocUnsafe(count)
    this.#buffer.copy(bytes, 0, this.#at - taken, this.#at)
    for (let at = taken; at < count; ) {
      const more = this.#take(count - at)
      this.#buffer.copy(bytes, at, this.#at - more, this.#at)
      at += more
    }
    return bytes
  }
}
