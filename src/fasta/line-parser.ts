import { BYTE_ORDER_MARK, SequenceBuffer } from './letters.ts'
import type { RecordSink } from './record-sink.ts'

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

type HeaderFault = 'invalid_utf8' | 'header_too_long' | 'binary'

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

const LINE_FEED = 10
const CARRIAGE_RETURN = 13

/** What FASTA and FASTQ have in common: line ends as Python sees them, headers, letters. */
export abstract class LineParser {
  /** Set once the rest of the input is to be left out. */
  abandoned = false

  protected readonly sink: RecordSink
  protected readonly header = new HeaderBuffer()
  protected readonly letters = new SequenceBuffer()
  /** 1-based line of the next byte. */
  protected line: number
  protected headerLine = 0
  /** The record at hand is already reported: its letters are read over. */
  protected refused = false
  /** Bytes of a byte order mark at the start of a line, met so far. */
  protected mark = 0
  #afterReturn = false

  /** @param line line of the first byte that is pushed */
  constructor(sink: RecordSink, line: number) {
    this.sink = sink
    this.line = line
  }

  get currentLine(): number {
    return this.line
  }

  /** Takes the bytes of `chunk` from `start` on. */
  push(chunk: Uint8Array, start = 0): void {
    let position = start
    // The second half of a '\r\n' that was split over two chunks.
    if (this.#afterReturn && position < chunk.length) {
      this.#afterReturn = false
      if (chunk[position] === LINE_FEED) position++
    }
    this.parse(chunk, position)
  }

  /** The next bytes follow without a line end that was split. */
  protected joinedNext(): void {
    this.#afterReturn = false
  }

  /** Called at the end of the input. */
  abstract finish(): void

  protected abstract parse(chunk: Uint8Array, start: number): void

  /** Steps over '\n', '\r' or '\r\n' at `position`. @returns the index after it */
  protected endLine(chunk: Uint8Array, position: number): number {
    this.line++
    if (chunk[position] !== CARRIAGE_RETURN) return position + 1
    if (position + 1 === chunk.length) this.#afterReturn = true
    else if (chunk[position + 1] === LINE_FEED) return position + 2
    return position + 1
  }

  /**
   * Steps over a byte order mark at the start of a line, as where files of Windows were joined.
   * @returns whether the byte belongs to one
   */
  protected takesMark(byte: number): boolean {
    if (byte !== BYTE_ORDER_MARK[this.mark as 0 | 1 | 2]) {
      this.mark = 0
      return false
    }
    this.mark = (this.mark + 1) % BYTE_ORDER_MARK.length
    // At the start of a file it is nothing unusual.
    if (this.mark === 0 && this.line > 1) this.sink.reportMark(this.line, '')
    return true
  }

  protected startHeader(): void {
    this.header.clear()
    this.letters.clear()
    this.headerLine = this.line
    this.refused = false
  }

  /** Called when the header's line is complete. */
  protected endHeader(): void {
    const fault = this.header.parse()
    if (fault === undefined) return
    const { id } = this.header
    if (fault === 'binary') this.abandonBinary(this.headerLine, 0)
    else if (fault === 'invalid_utf8') {
      this.refuse(fault, 'the header is not valid UTF-8', 'convert the file: "iconv -f LATIN1 -t UTF-8"')
    } else {
      this.refuse(fault, 'the header is longer than 16 MiB', `check the line ends after ${id.slice(0, 20)}`)
    }
  }

  /** Reports bytes that no sequence holds; `line` is where they are. */
  protected checkBadBytes(line: number): void {
    const { badByte } = this.letters
    if (this.letters.sawControl) this.abandonBinary(line, badByte)
    else if (!this.refused) {
      this.sink.invalid(
        'non_ascii',
        line,
        this.header.id,
        `byte 0x${hex(badByte)} in the sequence of ${JSON.stringify(this.header.id)} is no letter (not ASCII)`,
        'remove it; it may come from a word processor or a web page',
      )
      this.refused = true
    }
    if (this.refused) this.letters.forgetLetters()
  }

  /** Reports the record at hand once and reads over the rest of it. */
  protected refuse(
    reason: 'invalid_utf8' | 'header_too_long' | 'malformed_fastq',
    what: string,
    todo: string,
  ): void {
    if (!this.refused) this.sink.invalid(reason, this.headerLine, this.header.id, what, todo)
    this.refused = true
  }

  protected abandonBinary(line: number, byte: number): void {
    this.sink.invalid(
      'binary',
      line,
      '',
      `byte 0x${hex(byte)}: this is binary data, neither FASTA nor FASTQ`,
      'check that the file is what it should be, and complete',
      'the rest of the file is left out',
    )
    this.abandoned = true
  }
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0')
}
