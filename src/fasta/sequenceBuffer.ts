import { KIND, Kind, PAIR_KIND } from './letters.ts'

/** A chromosome grows by blocks of this size: no copy on growth, one copy at the end. */
const BLOCK_BYTES = 1 << 20

/** Letters of the record at hand, with the counts that decide whether it is valid. */
export class SequenceBuffer {
  /** Letters so far, gaps included. */
  length = 0
  gaps = 0
  aminoAcids = 0
  unknown = 0
  /** First control or non-ASCII byte met, -1 for none. Such bytes are not stored. */
  badByte = -1
  sawControl = false

  #block = new Uint8Array(BLOCK_BYTES)
  #blockView = new DataView(this.#block.buffer)
  #used = 0
  #full: Uint8Array[] = []
  #chunk: Uint8Array = new Uint8Array(0)
  #chunkView = new DataView(this.#chunk.buffer)

  /**
   * Takes the bytes of `chunk` from `start` up to a line end or `end`.
   * @returns index of the line end, or `end`
   */
  append(chunk: Uint8Array, start: number, end: number): number {
    if (chunk !== this.#chunk) this.#lookAt(chunk)
    let position = start
    while (position < end) {
      if (this.#used === BLOCK_BYTES) this.#nextBlock()
      const limit = Math.min(end, position + BLOCK_BYTES - this.#used)
      const stop = this.#copyNucleotides(chunk, position, limit)
      this.#used += stop - position
      this.length += stop - position
      position = stop
      if (position === limit) continue
      const byte = chunk[position]!
      const kind = KIND[byte]!
      if (kind === Kind.lineEnd) return position
      this.#takeOdd(byte, kind)
      position++
    }
    return position
  }

  /** The letters, as bytes of their own. */
  bytes(): Uint8Array {
    if (this.#full.length === 0) return this.#block.slice(0, this.#used)
    const all = new Uint8Array(this.length)
    let offset = 0
    for (const block of this.#full) {
      all.set(block, offset)
      offset += block.length
    }
    all.set(this.#block.subarray(0, this.#used), offset)
    return all
  }

  /** Forgets everything, ready for the next record. */
  clear(): void {
    this.length = 0
    this.gaps = 0
    this.aminoAcids = 0
    this.unknown = 0
    this.badByte = -1
    this.sawControl = false
    this.#used = 0
    if (this.#full.length > 0) this.#full = []
  }

  /** Drops the letters but keeps the length and the counts: for a record already refused. */
  forgetLetters(): void {
    this.#used = 0
    if (this.#full.length > 0) this.#full = []
  }

  /** Four letters a step: twice the speed of one (1,250 against 640 MB/s). @returns index of the first other byte */
  #copyNucleotides(chunk: Uint8Array, start: number, limit: number): number {
    const block = this.#block
    const from = this.#chunkView
    const to = this.#blockView
    let used = this.#used
    let position = start
    for (;;) {
      for (const last = limit - 4; position <= last; position += 4, used += 4) {
        const word = from.getInt32(position, true)
        if ((PAIR_KIND[word & 0xffff]! | PAIR_KIND[word >>> 16]!) !== 0) break
        to.setInt32(used, word, true)
      }
      if (position >= limit) return position
      const byte = chunk[position]!
      if (KIND[byte] !== Kind.nucleotide) return position
      block[used++] = byte
      position++
    }
  }

  #lookAt(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#chunkView = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  }

  #nextBlock(): void {
    this.#full.push(this.#block)
    this.#block = new Uint8Array(BLOCK_BYTES)
    this.#blockView = new DataView(this.#block.buffer)
    this.#used = 0
  }

  #takeOdd(byte: number, kind: number): void {
    if (kind === Kind.blank) return
    if (kind === Kind.control || kind === Kind.nonAscii) {
      if (this.badByte < 0) this.badByte = byte
      if (kind === Kind.control) this.sawControl = true
      return
    }
    if (kind === Kind.gap) this.gaps++
    else {
      this.unknown++
      if (kind === Kind.aminoAcid) this.aminoAcids++
    }
    this.#block[this.#used++] = byte
    this.length++
  }
}
