import { OP } from './opcodes.ts'

const FIRST_CAPACITY = 64 * 1024

/** Growing buffer with the number and text opcodes of pickle protocol 2. */
export class PickleOutput {
  #bytes = new Uint8Array(FIRST_CAPACITY)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Hands over what has been written and starts again. */
  take(): Uint8Array {
    const bytes = this.#bytes.slice(0, this.#length)
    this.#length = 0
    return bytes
  }

  /** Makes room and returns where to write. */
  #room(count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, at))
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    return at
  }

  /** An opcode and its argument of so many bytes. */
  op(opcode: number, argument = 0, bytes: 0 | 1 | 2 | 4 = 0): void {
    const at = this.#room(1 + bytes)
    this.#bytes[at] = opcode
    if (bytes === 1) this.#bytes[at + 1] = argument
    else if (bytes === 2) this.#view.setUint16(at + 1, argument, true)
    else if (bytes === 4) this.#view.setInt32(at + 1, argument, true)
  }

  raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length)
    this.#bytes.set(bytes, at)
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value)
    this.op(OP.BINUNICODE, bytes.length, 4)
    this.raw(bytes)
  }

  global(module: string, name: string): void {
    this.op(OP.GLOBAL)
    this.raw(new TextEncoder().encode(`${module}\n${name}\n`))
  }

  int(value: number | bigint): void {
    if (value >= 0 && value <= 0xff) this.op(OP.BININT1, Number(value), 1)
    else if (value >= 0 && value <= 0xffff) this.op(OP.BININT2, Number(value), 2)
    else if (value >= -0x80000000 && value <= 0x7fffffff) this.op(OP.BININT, Number(value), 4)
    else this.#long(BigInt(value))
  }

  #long(value: bigint): void {
    const bytes: number[] = []
    // Two's complement, least byte first, as short as keeps the sign.
    let rest = value
    do {
      bytes.push(Number(rest & 0xffn))
      rest >>= 8n
    } while (!(rest === 0n && bytes.at(-1)! < 128) && !(rest === -1n && bytes.at(-1)! >= 128))
    this.op(OP.LONG1, bytes.length, 1)
    this.raw(Uint8Array.from(bytes))
  }

  float(value: number): void {
    const at = this.#room(9)
    this.#bytes[at] = OP.BINFLOAT
    this.#view.setFloat64(at + 1, value, false)
  }

  /** float32 values as Python floats; the bits are widened by hand for NaN, whose sign a JS number need not keep. */
  float32s(values: Float32Array, from: number, to: number): void {
    let at = this.#room((to - from) * 9)
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
    for (let i = from; i < to; i++, at += 9) {
      this.#bytes[at] = OP.BINFLOAT
      const value = values[i]!
      if (Number.isNaN(value)) {
        const word = bits[i]!
        const quiet = 0x7ff80000
        this.#view.setUint32(at + 1, ((word & 0x80000000) | quiet | ((word & 0x7fffff) >>> 3)) >>> 0, false)
        this.#view.setUint32(at + 5, (word & 7) << 29, false)
      } else this.#view.setFloat64(at + 1, value, false)
    }
  }

  memo(opcode8: number, opcode32: number, index: number): void {
    if (index < 256) this.op(opcode8, index, 1)
    else this.op(opcode32, index, 4)
  }
}
