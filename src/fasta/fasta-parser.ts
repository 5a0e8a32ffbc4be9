import { LineParser } from './line-parser.ts'

const GREATER = 62

/** FASTA, from the first '>' on. */
export class FastaParser extends LineParser {
  #inHeader = false
  #atLineStart = true
  #started = false

  protected override parse(chunk: Uint8Array, start: number): void {
    let position = start
    while (position < chunk.length && !this.abandoned) {
      if (this.#inHeader) {
        position = this.header.append(chunk, position, chunk.length)
        if (position === chunk.length) return
        this.endHeader()
        this.#inHeader = false
      } else {
        if (this.#atLineStart && chunk[position] === GREATER) {
          this.#endRecord()
          this.startHeader()
          this.#inHeader = this.#started = true
          this.#atLineStart = false
          position++
          continue
        }
        if (this.#atLineStart) this.letters.startLine(this.line)
        position = this.letters.append(chunk, position, chunk.length)
        // What follows a byte order mark at the start of a line is at its start.
        this.#atLineStart = this.letters.atMark
        if (this.letters.badByte >= 0) this.checkBadBytes(this.line)
        if (position === chunk.length) return
        if (this.#atLineStart) continue
      }
      position = this.endLine(chunk, position)
      this.#atLineStart = true
    }
  }

  override finish(): void {
    if (this.abandoned) return
    if (this.#inHeader) this.endHeader()
    if (!this.abandoned) this.#endRecord()
  }

  #endRecord(): void {
    this.letters.breakMark()
    if (this.letters.badByte >= 0 && !this.refused) this.checkBadBytes(this.line)
    if (this.#started && !this.refused) this.sink.accept(this.header, this.letters, this.headerLine)
  }
}
