/** Whole numbers from 0, a bit each. */
export class BitSet {
  /** How many there are. */
  size = 0
  #bytes: Uint8Array<ArrayBuffer>

  constructor(bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1 << 10)) {
    this.#bytes = bytes
    for (const byte of bytes) this.size += onesIn(byte)
  }

  has(number: number): boolean {
    return (((this.#bytes[number >>> 3] ?? 0) >>> (number & 7)) & 1) === 1
  }

  add(number: number): void {
    const at = number >>> 3
    if (at >= this.#bytes.length) this.#reach(at + 1)
    const byte = this.#bytes[at] as number
    const bit = 1 << (number & 7)
    if ((byte & bit) !== 0) return
    this.#bytes[at] = byte | bit
    this.size++
  }

  addAll(other: BitSet): void {
    this.#reach(other.#bytes.length)
    for (const [at, byte] of other.#bytes.entries()) {
      const before = this.#bytes[at] as number
      this.#bytes[at] = before | byte
      this.size += onesIn(byte & ~before)
    }
  }

  /** Those from one number to another, which is not included, in their order. */
  *between(from: number, to: number): Generator<number> {
    const end = Math.min(to, 8 * this.#bytes.length)
    for (let number = from; number < end; number++) {
      if ((number & 7) === 0 && this.#bytes[number >>> 3] === 0) number += 7
      else if (this.has(number)) yield number
    }
  }

  /** Eight numbers a byte, the lowest bit first, up to the last one. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#bytes.findLastIndex((byte) => byte !== 0) + 1)
  }

  #reach(bytes: number): void {
    if (bytes <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(bytes, 2 * this.#bytes.length))
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}

function onesIn(byte: number): number {
  let ones = 0
  for (let rest = byte; rest > 0; rest &= rest - 1) ones++
  return ones
}
