import { CompressedDataError, differingBits, refuseOtherCompression } from './compressed-data.ts'

const MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50

/** Whether the four bytes (little endian) start a zstd frame, skippable ones included. */
export function isZstdMagic(word: number): boolean {
  return word === MAGIC || (word & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC
}

const MAGIC_BYTES = [0x28, 0xb5, 0x2f, 0xfd] as const

type Step = 'magic' | 'skippable_size' | 'descriptor' | 'block' | 'skip'

/**
 * Follows the frames of a zstd stream (RFC 8878) without decompressing them. The built-in decompressor takes a
 * stream cut inside a frame for a complete one, and drops foreign bytes after a frame without a word.
 */
export class ZstdFrames {
  #step: Step = 'magic'
  #field = new Uint8Array(4)
  #have = 0
  #need = 4
  #skip = 0
  #afterSkip: Step = 'magic'
  #checksum = 0
  #offset = 0

  /** Where something that is no frame follows the last one. */
  trailingAt: number | undefined

  /** @returns what of the chunk, and of the one before it, is known to belong to frames */
  push(chunk: Uint8Array): Uint8Array[] {
    const held = this.#step === 'magic' ? this.#field.slice(0, this.#have) : new Uint8Array(0)
    let position = 0
    while (position < chunk.length && this.trailingAt === undefined) {
      if (this.#step === 'skip') {
        const taken = Math.min(this.#skip, chunk.length - position)
        position += taken
        this.#skip -= taken
        if (this.#skip === 0) this.#expect(this.#afterSkip)
        continue
      }
      this.#field[this.#have++] = chunk[position++]!
      if (this.#have === this.#need) this.#take(this.#offset + position)
    }
    this.#offset += position
    // The bytes of a magic number that is not whole wait for the rest of it.
    const waiting = this.trailingAt !== undefined ? this.#need : this.#step === 'magic' ? this.#have : 0
    const known = held.length + position - waiting
    return [held.subarray(0, known), chunk.subarray(0, Math.max(0, known - held.length))].filter(
      (bytes) => bytes.length > 0,
    )
  }

  /** Called at the end of the data. */
  finish(): void {
    if (this.trailingAt !== undefined) return
    const start = this.#field.subarray(0, this.#have)
    const isCutMagic = start.every((byte, at) => byte === MAGIC_BYTES[at])
    if (this.#step !== 'magic' || (this.#have > 0 && isCutMagic)) {
      throw new CompressedDataError('the zstd data ends inside a frame')
    }
    if (this.#have > 0) this.trailingAt = this.#offset - this.#have
  }

  #take(end: number): void {
    const word =
      (this.#field[0]! | (this.#field[1]! << 8) | (this.#field[2]! << 16) | (this.#field[3]! << 24)) >>> 0
    if (this.#step === 'magic') {
      if (word === MAGIC) this.#expect('descriptor')
      else if (isZstdMagic(word)) this.#expect('skippable_size')
      else if (differingBits(this.#field, MAGIC_BYTES) <= 3)
        throw new CompressedDataError(`no zstd frame at byte ${end - 4}, where the one before it ends`)
      else {
        refuseOtherCompression('zstd', this.#field, end - 4)
        this.trailingAt = end - 4
      }
    } else if (this.#step === 'skippable_size') this.#skipThen(word, 'magic')
    else if (this.#step === 'descriptor') this.#takeDescriptor(this.#field[0]!)
    else this.#takeBlock(word & 0xffffff)
  }

  #takeDescriptor(descriptor: number): void {
    const singleSegment = (descriptor & 0x20) !== 0
    const dictionaryId = [0, 1, 2, 4][descriptor & 3]!
    const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!
    this.#checksum = (descriptor & 4) !== 0 ? 4 : 0
    this.#skipThen((singleSegment ? 0 : 1) + dictionaryId + contentSize, 'block')
  }

  #takeBlock(header: number): void {
    const last = (header & 1) !== 0
    const isRunLength = ((header >> 1) & 3) === 1
    const size = isRunLength ? 1 : header >> 3
    if (last) this.#skipThen(size + this.#checksum, 'magic')
    else this.#skipThen(size, 'block')
  }

  #skipThen(bytes: number, next: Step): void {
    if (bytes === 0) {
      this.#expect(next)
      return
    }
    this.#step = 'skip'
    this.#skip = bytes
    this.#afterSkip = next
  }

  #expect(step: Step): void {
    this.#step = step
    this.#have = 0
    this.#field.fill(0)
    this.#need = step === 'descriptor' ? 1 : step === 'block' ? 3 : 4
  }
}
