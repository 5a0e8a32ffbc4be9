import { closeSync, readSync, writeSync } from 'node:fs'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { openScratch } from '../system/kept-files.ts'
import { WriteError } from '../system/system-error.ts'
import { FIRST_BYTES, grown } from './growing.ts'

/** Smaller inputs stay in memory and never touch a disk. */
const BLOCK_BYTES = 1 << 20
const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
/** Bytes of the description, letters. */
const HEAD_BYTES = 4 + 6

/**
 * Descriptions and letters of records, to be read once more in the order in which they came: compressed, in a file without a
 * name, the newest MiB in memory.
 */
export class KeptRecords implements Disposable {
  readonly #folder: string
  #descriptor = -1
  #block = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #used = 0
  /** Bytes in the file. */
  #spilled = 0

  /** @param folder - for what does not fit into memory */
  constructor(folder: string) {
    this.#folder = folder
  }

  add(description: string, sequence: Uint8Array): void {
    const text = Buffer.from(description)
    const head = Buffer.allocUnsafe(HEAD_BYTES)
    head.writeUInt32LE(text.length)
    head.writeUIntLE(sequence.length, 4, 6)
    for (const bytes of [head, text, sequence]) this.#append(bytes)
  }

  #append(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      if (this.#used === BLOCK_BYTES) this.#spill()
      this.#block = grown(this.#block, this.#used + bytes.length - from, BLOCK_BYTES)
      const piece = bytes.subarray(from, from + this.#block.length - this.#used)
      this.#block.set(piece, this.#used)
      this.#used += piece.length
      from += piece.length
    }
  }

  #spill(): void {
    const folder = this.#folder
    const packed = zstdCompressSync(this.#block.subarray(0, this.#used), FAST)
    const size = Buffer.allocUnsafe(4)
    size.writeUInt32LE(packed.length)
    try {
      if (this.#descriptor < 0) this.#descriptor = openScratch(folder)
      for (const bytes of [size, packed]) {
        for (let at = 0; at < bytes.length; )
          at += writeSync(this.#descriptor, bytes, at, bytes.length - at, this.#spilled + at)
        this.#spilled += bytes.length
      }
    } catch (cause) {
      throw new WriteError(folder, cause, { what: `the records that may be called viral, in ${folder}` })
    }
    this.#used = 0
  }

  /** Reads all from the beginning, once nothing is added any more. */
  read(): KeptReader {
    let offset = 0
    return new KeptReader(() => {
      if (offset > this.#spilled) return undefined
      if (offset === this.#spilled) {
        offset = Number.POSITIVE_INFINITY
        return this.#block.subarray(0, this.#used)
      }
      const size = this.#take(offset, 4).readUInt32LE()
      const packed = this.#take(offset + 4, size)
      offset += 4 + size
      return zstdDecompressSync(packed)
    })
  }

  #take(offset: number, count: number): Buffer {
    const bytes = Buffer.allocUnsafe(count)
    for (let at = 0; at < count; ) {
      const read = readSync(this.#descriptor, bytes, at, count - at, offset + at)
      if (read === 0) throw cutOff()
      at += read
    }
    return bytes
  }

  [Symbol.dispose](): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor)
    this.#descriptor = -1
  }
}

/** Reads {@link KeptRecords}: a record, then its letters, as far as they are wanted. */
export class KeptReader {
  /** UTF-8. */
  description: Uint8Array = new Uint8Array()
  readonly #next: () => Uint8Array | undefined
  #block: Uint8Array = new Uint8Array()
  #at = 0
  /** Letters of the record that were not taken yet. */
  #left = 0

  /** @param next - gives block after block */
  constructor(next: () => Uint8Array | undefined) {
    this.#next = next
  }

  /** Goes to the next record. */
  next(): void {
    while (this.letters().length > 0);
    const head = Buffer.from(this.#whole(HEAD_BYTES))
    this.description = this.#whole(head.readUInt32LE())
    this.#left = head.readUIntLE(4, 6)
  }

  /** The next letters of the record, valid until more is read; none at its end. */
  letters(): Uint8Array {
    const piece = this.#left === 0 ? this.#block.subarray(0, 0) : this.#piece(this.#left)
    this.#left -= piece.length
    return piece
  }

  #piece(most: number): Uint8Array {
    while (this.#at === this.#block.length) {
      const block = this.#next()
      if (block === undefined) throw cutOff()
      this.#block = block
      this.#at = 0
    }
    const piece = this.#block.subarray(this.#at, this.#at + most)
    this.#at += piece.length
    return piece
  }

  #whole(count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    for (let at = 0; at < count; ) {
      const piece = this.#piece(count - at)
      bytes.set(piece, at)
      at += piece.length
    }
    return bytes
  }
}

function cutOff(): Error {
  return new Error('the list of records that may be called viral is cut off')
}
