import { LineParser } from './line-parser.ts'

const AT = 64
const PLUS = 43

type Part = 'between' | 'header' | 'letters' | 'plus' | 'quality' | 'resync'

/**
 * A line that starts with '@' while the quality is shorter than the sequence: quality of a wrapped record, or the header of
 * the next one where the quality was cut off. It is read as quality, and kept until what follows decides.
 */
interface Doubt {
  line: number
  /** Quality before it. */
  quality: number
  /** All bytes from it on, except those of the current chunk. */
  kept: Uint8Array[]
  /** Where it starts in the current chunk. */
  start: number
}

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
  #doubt: Doubt | undefined
  /** What is to be parsed next, the last first. */
  #pending: { chunk: Uint8Array; start: number }[] = []

  protected override parse(chunk: Uint8Array, start: number): void {
    this.#pending.push({ chunk, start })
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) {
      if (!this.abandoned) this.#parseChunk(next.chunk, next.start)
      // A line end at the end of what is parsed once more is whole.
      if (this.#pending.length > 0) this.joinedNext()
    }
  }

  #parseChunk(chunk: Uint8Array, start: number): void {
    let position = start
    if (this.#doubt !== undefined) this.#doubt.start = start
    while (position < chunk.length && !this.abandoned) {
      const used = this.#atLineStart ? this.#beginLine(chunk, position) : 0
      if (used === undefined) return
      position = used > 0 ? position + used : this.#finishLine(chunk, position)
    }
    this.#doubt?.kept.push(chunk.slice(this.#doubt.start))
  }

  /** @returns bytes that are used up; undefined where the doubtful line is parsed once more */
  #beginLine(chunk: Uint8Array, position: number): number | undefined {
    if (this.#part === 'between' && this.takesMark(chunk[position]!)) return 1
    if (this.#settleDoubt(chunk, position)) return undefined
    this.#atLineStart = false
    return this.#startLine(chunk, position) ? 1 : 0
  }

  /** @returns index of the start of the next line, or the end of the chunk */
  #finishLine(chunk: Uint8Array, start: number): number {
    const position = this.#restOfLine(chunk, start)
    if (this.abandoned || position === chunk.length) return position
    this.#endPart()
    this.#atLineStart = true
    return this.endLine(chunk, position)
  }

  override finish(): void {
    if (this.abandoned) return
    if (this.#part !== 'between' && this.#part !== 'resync' && !this.#atLineStart) this.#endPart()
    if (this.#doubt !== undefined && (this.#part === 'quality' || this.#part === 'resync')) {
      this.#rewind(this.#doubt, new Uint8Array(0), 0)
      this.parse(new Uint8Array(0), 0)
      this.finish()
      return
    }
    if (this.abandoned || this.#part === 'between' || this.#part === 'resync') {
      if (this.#part === 'between') this.#acceptDoubtful()
      return
    }
    this.#malformed(
      this.#part === 'quality' ? this.#lengths() : 'the file ends inside the record',
      'the file may be cut off: get it again',
    )
  }

  /**
   * At the start of a line: what came before decides whether the doubtful line was quality.
   * @returns whether it was not: the bytes from it on are parsed once more
   */
  #settleDoubt(chunk: Uint8Array, position: number): boolean {
    const doubt = this.#doubt
    if (doubt === undefined || this.#part === 'quality') return false
    // A blank line decides nothing.
    if (this.#part === 'between' && chunk[position]! <= 32) return false
    if (this.#part === 'between' && chunk[position] === AT) {
      this.#acceptDoubtful()
      return false
    }
    this.#rewind(doubt, chunk, position)
    return true
  }

  /** The doubtful line is a header: the record before it is too short, and the next one begins there. */
  #rewind(doubt: Doubt, chunk: Uint8Array, position: number): void {
    this.#doubt = undefined
    const kept = Buffer.concat([...doubt.kept, chunk.subarray(doubt.start, position)])
    this.#pending.push({ chunk, start: position }, { chunk: kept, start: 1 })
    this.line = doubt.line
    this.#quality = doubt.quality
    this.#malformed(this.#lengths(), 'repair or remove the record')
    this.#startRecord()
    this.#atLineStart = false
  }

  /** The doubtful line was quality: the record before it is whole. */
  #acceptDoubtful(): void {
    if (this.#doubt === undefined) return
    this.#doubt = undefined
    this.#acceptRecord()
  }

  /** Acts on the first byte of a line. @returns whether the byte is used up */
  #startLine(chunk: Uint8Array, position: number): boolean {
    const byte = chunk[position]!
    const isAt = byte === AT
    switch (this.#part) {
      case 'letters':
        this.letters.startLine(this.line)
        if (byte === PLUS) {
          this.#part = 'plus'
          return true
        }
        if (!isAt) break
        this.#malformed("the '+' line is missing", 'repair or remove the record')
        return this.#startRecord()
      case 'quality':
        // With the sequence on one line the quality most often is, too, and this is the next record already.
        if (!isAt || this.#qualityLines !== 1 || this.#letterLines !== 1) break
        this.#doubt = { line: this.line, quality: this.#quality, kept: [], start: position }
        break
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
        let end = this.letters.append(chunk, start, chunk.length)
        while (this.letters.atMark && end < chunk.length) end = this.letters.append(chunk, end, chunk.length)
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
        if (this.#doubt === undefined) this.#malformed(this.#lengths(), 'repair or remove the record')
        this.#part = 'resync'
      }
    }
  }

  #endRecord(): void {
    this.#part = 'between'
    if (this.#doubt === undefined) this.#acceptRecord()
  }

  #acceptRecord(): void {
    if (!this.refused) this.sink.accept(this.header, this.letters, this.headerLine)
    this.letters.clear()
  }

  #lengths(): string {
    return `the quality has ${this.#quality} letters, the sequence ${this.letters.length}`
  }

  #malformed(what: string, todo: string): void {
    const { id } = this.header
    this.refuse('malformed_fastq', `${id === '' ? '' : `record ${JSON.stringify(id)}: `}${what}`, todo)
  }
}
