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
  /** Lines of byte order marks after what may be its record. */
  marks: number[]
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
      const next = used > 0 ? position + used : this.#finishLine(chunk, position)
      if (next === undefined) return
      position = next
    }
    this.#doubt?.kept.push(chunk.slice(this.#doubt.start))
  }

  /** @returns bytes that are used up; undefined where the doubtful line is parsed once more */
  #beginLine(chunk: Uint8Array, position: number): number | undefined {
    const byte = chunk[position]!
    const isBetween = this.#part === 'between'
    if (isBetween && this.takesMark(byte)) return 1
    const isStray = isBetween && this.breaksMark(byte)
    if (this.#settleDoubt(chunk, position, isStray)) return undefined
    this.#atLineStart = false
    if (isStray) this.#refuseLine()
    return this.#startLine(chunk, position, isStray) ? 1 : 0
  }

  /** @returns index of the start of the next line, or the end of the chunk; undefined where the doubtful line is parsed once more */
  #finishLine(chunk: Uint8Array, start: number): number | undefined {
    const position = this.#restOfLine(chunk, start)
    if (position === undefined || this.abandoned || position === chunk.length) return position
    this.#endPart()
    this.#atLineStart = true
    return this.endLine(chunk, position)
  }

  override finish(): void {
    if (this.abandoned) return
    const isStray = this.breaksMark()
    if (this.#part === 'letters') this.endLetters()
    if (this.abandoned) return
    if (this.#part !== 'between' && this.#part !== 'resync' && !this.#atLineStart) this.#endPart()
    if (this.#doubt !== undefined && (isStray || this.#part === 'quality' || this.#part === 'resync')) {
      this.#rewind(this.#doubt, new Uint8Array(0), 0)
      this.parse(new Uint8Array(0), 0)
      this.finish()
    } else this.#finishPart(isStray)
  }

  /** @param isStray - the last bytes are the beginning of a byte order mark */
  #finishPart(isStray: boolean): void {
    if (this.abandoned || this.#part === 'resync') return
    if (isStray) this.#refuseLine()
    else if (this.#part === 'between') this.#acceptDoubtful()
    else
      this.#malformed(
        this.#part === 'quality' ? this.#lengths() : 'the file ends inside the record',
        'the file may be cut off: get it again',
      )
  }

  /** What comes after a doubtful record is reported after it. */
  protected override reportMark(): void {
    if (this.#doubt === undefined) super.reportMark()
    else this.#doubt.marks.push(this.line)
  }

  /**
   * At the start of a line: what came before decides whether the doubtful line was quality.
   * @param isStray - the line does not start here, but with bytes of a byte order mark that is none
   * @returns whether it was not: the bytes from it on are parsed once more
   */
  #settleDoubt(chunk: Uint8Array, position: number, isStray: boolean): boolean {
    const doubt = this.#doubt
    if (doubt === undefined || this.#part === 'quality') return false
    if (this.#part === 'between' && !isStray) {
      // A blank line decides nothing.
      if (chunk[position]! <= 32) return false
      if (chunk[position] === AT) {
        this.#acceptDoubtful()
        return false
      }
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
    const { marks } = this.#doubt
    this.#doubt = undefined
    this.#acceptRecord()
    for (const line of marks) this.sink.reportMark(line, '')
  }

  /** Acts on the first byte of a line. @returns whether the byte is used up */
  #startLine(chunk: Uint8Array, position: number, isStray: boolean): boolean {
    const byte = chunk[position]!
    const isAt = byte === AT && !isStray
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
        this.#doubt = { line: this.line, quality: this.#quality, marks: [], kept: [], start: position }
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

  /** Takes bytes up to the line end. @returns its index, or the end of the chunk; undefined as for {@link #finishLine} */
  #restOfLine(chunk: Uint8Array, start: number): number | undefined {
    switch (this.#part) {
      case 'header':
        return this.header.append(chunk, start, chunk.length)
      case 'letters': {
        let end = this.letters.append(chunk, start, chunk.length)
        while (this.letters.atMark && end < chunk.length) end = this.letters.append(chunk, end, chunk.length)
        if (this.letters.hasBadBytes) this.checkBadBytes(this.line)
        return end
      }
      default:
        return this.#scan(chunk, start)
    }
  }

  /** Lines whose bytes are not kept: '+', quality, and what is between records. */
  #scan(chunk: Uint8Array, start: number): number | undefined {
    // Looked at for each byte.
    const isBetween = this.#part === 'between'
    let visible = 0
    let position = start
    for (; position < chunk.length; position++) {
      const byte = chunk[position]!
      if (byte > 32) {
        if (isBetween && visible === 0 && !this.#meetText(chunk, position)) return undefined
        visible++
      } else if (byte === 10 || byte === 13) break
      else if (byte < 9) return this.#meetControl(chunk, position, byte)
    }
    if (this.#part === 'quality') this.#quality += visible
    return position
  }

  /** Something between records. @returns false where the doubtful line is parsed once more */
  #meetText(chunk: Uint8Array, position: number): boolean {
    if (this.#settleDoubt(chunk, position, true)) return false
    this.#refuseLine()
    return true
  }

  /** @returns the position; undefined where the doubtful line is parsed once more */
  #meetControl(chunk: Uint8Array, position: number, byte: number): number | undefined {
    if (this.#doubt !== undefined && this.#part === 'quality') {
      this.#rewind(this.#doubt, chunk, position)
      return undefined
    }
    this.#acceptDoubtful()
    this.abandonBinary(this.line, byte)
    return position
  }

  /** Something where a record should start; the next one is looked for. */
  #refuseLine(): void {
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
