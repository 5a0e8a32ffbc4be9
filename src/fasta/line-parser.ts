import { HeaderBuffer } from './ids.ts'
import { BYTE_ORDER_MARK, SequenceBuffer } from './letters.ts'
import type { RecordSink } from './record-sink.ts'

const LINE_FEED = 10
const CARRIAGE_RETURN = 13

/** Takes the text of an input piece by piece. */
export interface Parser {
  /** Whether the rest of the input is to be left out. */
  readonly abandoned: boolean
  /** Where it is: a line, or the number of a record in BAM; from 1. */
  readonly currentLine: number
  push(chunk: Uint8Array): void
  finish(): void
}

/** What FASTA and FASTQ have in common: line ends as Python sees them, headers, letters. */
export abstract class LineParser implements Parser {
  /** Set once the rest of the input is to be left out. */
  abandoned = false

  protected readonly sink: RecordSink
  protected readonly header = new HeaderBuffer()
  protected readonly letters = new SequenceBuffer()
  /** 1-based line of the next byte. */
  protected line: number
  protected headerLine = 0
  /** The current record is already reported: its letters are skipped. */
  protected refused = false
  /** Bytes of a byte order mark at the start of a line, met so far. */
  protected mark = 0
  #afterReturn = false

  /** @param line line of the first byte that is pushed */
  constructor(sink: RecordSink, line: number) {
    this.sink = sink
    this.line = line
    this.letters.isProtein = sink.isProtein
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
    if (byte !== BYTE_ORDER_MARK[this.mark as 0 | 1 | 2]) return false
    this.mark = (this.mark + 1) % BYTE_ORDER_MARK.length
    // At the start of a file it is nothing unusual.
    if (this.mark === 0 && this.line > 1) this.reportMark()
    return true
  }

  /** Whether bytes of a mark were stepped over that are none: this one, or the end, comes before the rest of it. */
  protected breaksMark(byte?: number): boolean {
    if (this.mark === 0 || byte === BYTE_ORDER_MARK[this.mark as 1 | 2]) return false
    this.mark = 0
    return true
  }

  protected reportMark(): void {
    this.sink.reportMark(this.line, '')
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
    if (fault === 'binary') this.abandonBinary(this.headerLine, 0)
    else if (fault === 'invalid_utf8') {
      this.refuse(fault, 'the header is not valid UTF-8', 'convert the file: "iconv -f LATIN1 -t UTF-8"')
    } else if (fault === 'id_too_long') {
      const todo = 'write a blank after the id; what follows it is a description'
      this.refuse('header_too_long', 'the id, the first word of the header, is longer than 16 KiB', todo)
    } else this.refuse(fault, 'the header is longer than 16 MiB', 'check the line ends of the file')
  }

  /** Reports bytes that no sequence holds; `line` is where they are. */
  protected checkBadBytes(line: number): void {
    const { badByte, controlByte } = this.letters
    if (badByte >= 0 && !this.refused) {
      this.sink.invalid(
        'non_ascii',
        line,
        this.header.id,
        `byte 0x${hex(badByte)} in the sequence of ${JSON.stringify(this.header.id)} is no letter (not ASCII)`,
        'remove it; it may come from a word processor or a web page',
      )
      this.refused = true
    }
    if (controlByte >= 0) this.abandonBinary(line, controlByte)
    if (this.refused) this.letters.forgetLetters()
  }

  /** Called at the end of a record, where a byte order mark may have begun that does not go on. */
  protected endLetters(): void {
    this.letters.breakMark()
    if (this.letters.hasBadBytes && !this.refused) this.checkBadBytes(this.line)
  }

  /** Reports the current record once and skips the rest of it. */
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
