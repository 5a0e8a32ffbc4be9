import { LineParser } from './lineParser.ts'

const AT = 64
const PLUS = 43

type Part = 'between' | 'header' | 'letters' | 'plus' | 'quality' | 'resync'

/**
 * FASTQ with any line lengths: the quality ends when it is as long as the sequence, as '@' and '+' are quality
 * letters too (Cock et al. 2010, Nucleic Acids Res. 38:1767). Quality is counted, not kept.
 */
export class FastqParser extends LineParser {
  #part: Part = 'between'
  #atLineStart = true
  #letterLines = 0
  #quality = 0
  #qualityLines = 0

  protected override parse(chunk: Uint8Array, start: number): void {
    let position = start
    while (position < chunk.length && !this.abandoned) {
      if (this.#atLineStart) {
        this.#atLineStart = false
        if (this.#startLine(chunk[position]!)) {
          position++
          continue
        }
      }
      position = this.#restOfLine(chunk, position)
      if (this.abandoned || position === chunk.length) return
      this.#endPart()
      position = this.endLine(chunk, position)
      this.#atLineStart = true
    }
  }

  override finish(): void {
    if (this.abandoned) return
    if (this.#part !== 'between' && this.#part !== 'resync' && !this.#atLineStart) this.#endPart()
    if (this.abandoned || this.#part === 'between' || this.#part === 'resync') return
    this.#malformed(
      this.#part === 'quality' ? this.#lengths() : 'the file ends inside the record',
      'the file may be cut off: get it again',
    )
  }

  /** Acts on the first byte of a line. @returns whether the byte is used up */
  #startLine(byte: number): boolean {
    const isAt = byte === AT
    switch (this.#part) {
      case 'letters':
        if (byte === PLUS) {
          this.#part = 'plus'
          return true
        }
        if (!isAt) break
        this.#malformed("the '+' line is missing", 'repair or remove the record')
        return this.#startRecord()
      case 'quality':
        // With the sequence on one line the quality is too: this is the next record already.
        if (!isAt || this.#qualityLines !== 1 || this.#letterLines !== 1) break
        this.#malformed(this.#lengths(), 'repair or remove the record')
        return this.#startRecord()
      case 'between':
      case 'resync':
        if (isAt) return this.#startRecord()
        break
    }
    return false
  }

  #startRecord(): true {
    this.startHeader()
    this.#part = 'header'
    this.#letterLines = this.#quality = this.#qualityLines = 0
    return true
  }

  /** Takes bytes up to the line end. @returns its index, or the end of the chunk */
  #restOfLine(chunk: Uint8Array, start: number): number {
    switch (this.#part) {
      case 'header':
        return this.header.append(chunk, start, chunk.length)
      case 'letters': {
        const end = this.letters.append(chunk, start, chunk.length)
        if (this.letters.badByte >= 0) this.checkBadBytes(this.line)
        return end
      }
      default:
        return this.#scan(chunk, start)
    }
  }

  /** Lines whose bytes are not kept: '+', quality, and what is between records. */
  #scan(chunk: Uint8Array, start: number): number {
    let visible = 0
    let position = start
    for (; position < chunk.length; position++) {
      const byte = chunk[position]!
      if (byte > 32) visible++
      else if (byte === 10 || byte === 13) break
      else if (byte < 9) {
        this.abandonBinary(this.line, byte)
        return position
      }
    }
    if (this.#part === 'quality') this.#quality += visible
    else if (this.#part === 'between' && visible > 0) {
      this.headerLine = this.line
      this.header.clear()
      this.header.parse()
      this.refused = false
      this.#malformed(
        "a record must start with '@' here",
        'the quality before it may be longer than its sequence, or the file mixes formats: repair it',
      )
      this.#part = 'resync'
    }
    return position
  }

  /** Called at the end of each line. */
  #endPart(): void {
    if (this.#part === 'header') {
      this.endHeader()
      this.#part = 'letters'
    } else if (this.#part === 'letters') this.#letterLines++
    else if (this.#part === 'plus') {
      // A record without letters has no quality either; an empty quality line is blank space.
      if (this.letters.length === 0) this.#endRecord()
      else this.#part = 'quality'
    } else if (this.#part === 'quality') {
      this.#qualityLines++
      if (this.#quality === this.letters.length) this.#endRecord()
      else if (this.#quality > this.letters.length) {
        this.#malformed(this.#lengths(), 'repair or remove the record')
        this.#part = 'resync'
      }
    }
  }

  #endRecord(): void {
    if (!this.refused) this.sink.accept(this.header, this.letters, this.headerLine)
    this.letters.clear()
    this.#part = 'between'
  }

  #lengths(): string {
    return `the quality has ${this.#quality} letters, the sequence ${this.letters.length}`
  }

  #malformed(what: string, todo: string): void {
    const { id } = this.header
    this.refuse('malformed_fastq', `${id === '' ? '' : `record ${JSON.stringify(id)}: `}${what}`, todo)
  }
}
