import { quoted } from './errors.ts'
import { FastaParser } from './fasta-parser.ts'
import { FastqParser } from './fastq-parser.ts'
import { recogniseBinary, recogniseText } from './formats.ts'
import { KIND, Kind } from './letters.ts'
import { LineParser } from './line-parser.ts'
import type { RecordSink } from './record-sink.ts'

const GREATER = 62
const AT = 64

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
    if (this.#parser !== undefined) {
      this.#parser.push(chunk, start)
      this.abandoned = this.#parser.abandoned
      return
    }
    let position = start
    while (position < chunk.length) {
      const byte = chunk[position]!
      if (this.#atLineStart && this.takesMark(byte)) {
        position++
        continue
      }
      const kind = KIND[byte]
      if (kind === Kind.lineEnd) {
        position = this.endLine(chunk, position)
        this.#atLineStart = true
        continue
      }
      if (this.#atLineStart && (byte === GREATER || byte === AT) && this.#starts(byte, chunk, position)) {
        return
      }
      if (kind === Kind.control) this.abandonBinary(this.line, byte)
      else if (kind !== Kind.blank && !this.#skipping) this.#refuseText()
      if (this.abandoned) return
      this.#atLineStart = false
      position++
    }
  }

  override finish(): void {
    if (this.abandoned) return
    if (this.#parser !== undefined) this.#parser.finish()
    else if (!this.#skipping) {
      const what = this.#head.length === 0 ? 'is empty' : 'holds nothing but blank lines'
      this.sink.emptyInput(`the ${this.sink.isRegular ? 'file' : 'input'} ${what}`)
    }
  }

  /** A record starts. @returns whether it does: a skipped text may hold lines with '@' */
  #starts(byte: number, chunk: Uint8Array, position: number): boolean {
    if (byte === AT && (this.#skipping || recogniseText(this.#headText()) !== undefined)) return false
    this.#parser =
      byte === GREATER ? new FastaParser(this.sink, this.line) : new FastqParser(this.sink, this.line)
    this.sink.format = byte === GREATER ? 'fasta' : 'fastq'
    this.#parser.push(chunk, position)
    this.abandoned = this.#parser.abandoned
    return true
  }

  #refuseText(): void {
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
