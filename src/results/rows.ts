import type { ByteSink } from '../system/atomic.ts'

const BUFFER_BYTES = 1 << 17
/** Room for a number and what stands between cells. */
const MOST = 1 << 6
const TAB = 9
const LINE_FEED = 10
const DASH = 0x2d

/** Every score that four decimals can say. */
const SCORES: Uint8Array[] = []
const SCALE = 10_000
for (let n = 0; n <= SCALE; n++) SCORES.push(Buffer.from((n / SCALE).toFixed(4)))

/** The bytes of words, so that none is made twice. */
export function spellings<const Word extends string>(
  words: readonly Word[],
): Readonly<Record<Word, Uint8Array>> {
  return Object.fromEntries(words.map((word) => [word, Buffer.from(word)])) as unknown as Record<
    Word,
    Uint8Array
  >
}

/** As many cells without anything to say as are asked for. */
const MISSING = Array.from({ length: 8 }, (_, cells) => Buffer.from(Array(cells).fill('NA').join('\t')))

/** Rows of a table as bytes: no text is made for a cell. */
export class Rows {
  /** Rows so far. */
  count = 0
  readonly #sink: ByteSink
  #bytes = new Uint8Array(BUFFER_BYTES)
  #used = 0
  #isRowBegun = false

  constructor(sink: ByteSink) {
    this.#sink = sink
  }

  get isFull(): boolean {
    return this.#used > BUFFER_BYTES / 2
  }

  async flush(): Promise<void> {
    await this.#sink.write(this.#bytes.subarray(0, this.#used))
    this.#used = 0
  }

  /** A cell of text, UTF-8. */
  text(bytes: Uint8Array, length = bytes.length): void {
    this.#begin()
    this.more(bytes, length)
  }

  /** Goes on with a cell. */
  more(bytes: Uint8Array, length = bytes.length): void {
    this.#reserve(length)
    const target = this.#bytes
    let used = this.#used
    // Names are short: a loop is faster than a copy.
    for (let i = 0; i < length; i++) target[used++] = bytes[i] as number
    this.#used = used
  }

  /** Cells in which there is nothing to say, at most seven. */
  missing(cells = 1): void {
    this.text(MISSING[cells] as Uint8Array)
  }

  /** A whole number of at least 0. */
  whole(value: number): void {
    this.#begin()
    this.moreWhole(value)
  }

  moreWhole(value: number): void {
    this.#reserve(0)
    let digits = 1
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++
    for (let at = this.#used + digits - 1, rest = value; at >= this.#used; at--) {
      const tenth = Math.floor(rest / 10)
      this.#bytes[at] = 48 + rest - 10 * tenth
      rest = tenth
    }
    this.#used += digits
  }

  /** A number from -1 to 1, with four decimals; halves away from 0. */
  score(value: number): void {
    this.#begin()
    this.moreScore(value)
  }

  moreScore(value: number): void {
    this.#reserve(0)
    const rounded = Math.round(Math.abs(value) * SCALE)
    const text = SCORES[rounded] as Uint8Array
    if (value < 0 && rounded > 0) this.#bytes[this.#used++] = DASH
    for (let i = 0; i < text.length; i++) this.#bytes[this.#used++] = text[i] as number
  }

  /**
   * Goes on with lines of so many letters, each ended once it is full.
   *
   * @param column - letters that the last line has already
   * @returns letters that the last line has then
   */
  lines(letters: Uint8Array, width: number, column: number): number {
    this.#reserve(letters.length + Math.ceil(letters.length / width))
    const target = this.#bytes
    let used = this.#used
    let room = width - column
    for (let i = 0; i < letters.length; i++) {
      target[used++] = letters[i] as number
      if (--room > 0) continue
      target[used++] = LINE_FEED
      room = width
    }
    this.#used = used
    return width - room
  }

  endRow(): void {
    this.#bytes[this.#used++] = LINE_FEED
    this.#isRowBegun = false
    this.count++
  }

  /** Begins a cell. */
  #begin(): void {
    this.#reserve(0)
    if (this.#isRowBegun) this.#bytes[this.#used++] = TAB
    this.#isRowBegun = true
  }

  /** Makes room for so many bytes and a number. */
  #reserve(bytes: number): void {
    if (this.#used + bytes + MOST <= this.#bytes.length) return
    const larger = new Uint8Array(2 * this.#bytes.length + bytes)
    larger.set(this.#bytes.subarray(0, this.#used))
    this.#bytes = larger
  }
}
