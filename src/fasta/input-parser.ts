import { FastqParser } from './fastq-parser.ts'
import { recogniseBinary, recogniseText } from './formats.ts'
import { KIND, Kind } from './letters.ts'
import { LineParser } from './line-parser.ts'
import type { RecordSink } from './record-sink.ts'
import { quoted } from './types.ts'

const GREATER = 62
const AT = 64

/** FASTA, from the first '>' on. */
class FastaParser extends LineParser {
  #inHeader = false
  #atLineStart = true
  #started = false

  protected override parse(chunk: Uint8Array, start: number): void {
    let position = start
    while (position < chunk.length && !this.abandoned) {
      position = this.#inHeader ? this.#readHeader(chunk, position) : this.#readLetters(chunk, position)
    }
  }

  #readHeader(chunk: Uint8Array, start: number): number {
    const position = this.header.append(chunk, start, chunk.length)
    if (position === chunk.length) return position
    this.endHeader()
    this.#inHeader = false
    return this.#nextLine(chunk, position)
  }

  #readLetters(chunk: Uint8Array, start: number): number {
    if (this.#atLineStart) {
      if (chunk[start] === GREATER) {
        this.#endRecord()
        this.startHeader()
        this.#inHeader = this.#started = true
        this.#atLineStart = false
        return start + 1
      }
      this.letters.startLine(this.line)
    }
    const position = this.letters.append(chunk, start, chunk.length)
    // What follows a byte order mark at the start of a line is at its start.
    this.#atLineStart = this.letters.atMark
    if (this.letters.hasBadBytes) this.checkBadBytes(this.line)
    return position === chunk.length || this.#atLineStart ? position : this.#nextLine(chunk, position)
  }

  #nextLine(chunk: Uint8Array, position: number): number {
    this.#atLineStart = true
    return this.endLine(chunk, position)
  }

  override finish(): void {
    if (this.abandoned) return
    if (this.#inHeader) this.endHeader()
    if (!this.abandoned) this.#endRecord()
  }

  #endRecord(): void {
    this.endLetters()
    if (this.#started && !this.refused) this.sink.accept(this.header, this.letters, this.headerLine)
  }
}

/** One decompressed input: finds its format, then hands over. */
export class InputParser extends LineParser {
  readonly #head: Uint8Array
  #parser: LineParser | undefined
  #atLineStart = true
  /** In text before the first record that is left out. */
  #skipping = false

  /** @param head first bytes of the input, {@link HEAD_BYTES} of them where there are as many */
  constructor(sink: RecordSink, head: Uint8Array) {
    super(sink, 1)
    this.#head = head
    const binary = recogniseBinary(head)
    if (binary === undefined) return
    sink.invalid('binary', 1, '', `this is ${binary.name} data, neither FASTA nor FASTQ`, binary.advice)
    this.abandoned = true
  }

  override get currentLine(): number {
    return this.#parser?.currentLine ?? this.line
  }

  protected override parse(chunk: Uint8Array, start: number): void {
    let position = start
    while (this.#parser === undefined && position < chunk.length && !this.abandoned) {
      position = this.#beforeRecords(chunk, position)
    }
    if (this.#parser === undefined || this.abandoned) return
    this.#parser.push(chunk, position)
    this.abandoned = this.#parser.abandoned
  }

  override finish(): void {
    if (this.abandoned) return
    if (this.#parser !== undefined) this.#parser.finish()
    else if (this.breaksMark()) this.#refuseText()
    else if (!this.#skipping) {
      const what = this.#head.length === 0 ? 'is empty' : 'holds nothing but blank lines'
      this.sink.emptyInput(`the ${this.sink.isRegular ? 'file' : 'input'} ${what}`)
    }
  }

  /** Takes a byte, unless the first record starts with it. @returns index of the next byte */
  #beforeRecords(chunk: Uint8Array, position: number): number {
    const byte = chunk[position]!
    if (this.#atLineStart) {
      if (this.takesMark(byte)) return position + 1
      if (!this.breaksMark(byte)) {
        if (this.#startsRecord(byte)) return position
      } else this.#refuseText()
      if (this.abandoned) return position
    }
    const kind = KIND[byte]
    this.#atLineStart = kind === Kind.lineEnd
    if (this.#atLineStart) return this.endLine(chunk, position)
    if (kind === Kind.control) this.abandonBinary(this.line, byte)
    else if (kind !== Kind.blank) this.#refuseText()
    return position + 1
  }

  /** Chooses the parser where a record starts: a skipped text may hold lines with '@'. */
  #startsRecord(byte: number): boolean {
    if (byte === GREATER) this.#parser = new FastaParser(this.sink, this.line)
    else if (byte === AT && !this.#skipping && recogniseText(this.#headText()) === undefined)
      this.#parser = new FastqParser(this.sink, this.line)
    else return false
    this.sink.format = byte === GREATER ? 'fasta' : 'fastq'
    return true
  }

  #refuseText(): void {
    if (this.#skipping) return
    const bad = this.#head.find((byte) => KIND[byte] === Kind.control)
    if (bad !== undefined) {
      this.abandonBinary(this.line, bad)
      return
    }
    const text = this.#headText()
    this.#skipping = true
    this.sink.invalid(
      'text_before_first_record',
      this.line,
      '',
      `text before the first record: ${quoted(/[^\r\n]*/.exec(text)![0])}`,
      recogniseText(text) ?? "a FASTA file starts with '>' and a FASTQ file with '@': remove the text",
    )
  }

  /** Start of the input's text, as far as the head goes. */
  #headText(): string {
    return new TextDecoder().decode(this.#head).trimStart()
  }
}
