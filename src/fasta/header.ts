/** Longer headers are refused: a file without line ends must not be taken into memory as one. */
const MAX_HEADER_BYTES = 16 << 20

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

export type HeaderFault = 'invalid_utf8' | 'header_too_long' | 'binary'

/** Bytes of one header line without its '>' or '@', and the id in them. */
export class HeaderBuffer {
  id = ''
  /** The id's UTF-8: these bytes of {@link idSource}, valid until the next header. */
  idStart = 0
  idEnd = 0

  #bytes: Buffer = Buffer.allocUnsafeSlow(1 << 12)
  #idSource: Uint8Array = this.#bytes
  #used = 0
  #high = 0
  #sawNul = false
  #tooLong = false

  get idSource(): Uint8Array {
    return this.#idSource
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
    return this.#high < 0x80 ? this.#parseAscii() : this.#parseUnicode()
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
      this.id = PYTHON_WORD.exec(this.#bytes.toString('utf8', 0, this.#used))?.[0] ?? ''
      return 'invalid_utf8'
    }
    this.id = PYTHON_WORD.exec(text)?.[0] ?? ''
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
