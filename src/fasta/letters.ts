/** What a byte means inside a sequence line. */
export const Kind = {
  /** IUPAC nucleotide code but U, either case. */
  nucleotide: 0,
  /** '\n' or '\r'. */
  lineEnd: 1,
  /** Space, tab, vertical tab, form feed: removed. */
  blank: 2,
  /** '-', '.', '*': kept, but no letter. */
  gap: 3,
  /** E F I J L O P Q Z, either case: amino acids that are no nucleotide code. */
  aminoAcid: 4,
  /** Any other printable ASCII: kept and counted, as the original accepts it. */
  unknown: 5,
  /** NUL and the other control bytes: no text file holds them. */
  control: 6,
  /** 0x80 and above. */
  nonAscii: 7,
  /** U, either case: a nucleotide of RNA, which no codon of the original has. */
  uracil: 8,
} as const

/** Kind of each byte. */
export const KIND = new Uint8Array(256).fill(Kind.unknown)

function assign(kind: number, letters: string): void {
  for (const letter of letters) {
    KIND[letter.charCodeAt(0)] = kind
    KIND[letter.toLowerCase().charCodeAt(0)] = kind
  }
}

KIND.fill(Kind.control, 0, 0x20)
KIND[0x7f] = Kind.control
KIND.fill(Kind.nonAscii, 0x80)
assign(Kind.nucleotide, 'ACGTRYSWKMBDHVN')
assign(Kind.uracil, 'U')
assign(Kind.aminoAcid, 'EFIJLOPQZ')
assign(Kind.gap, '-.*')
assign(Kind.blank, ' \t\v\f')
assign(Kind.lineEnd, '\n\r')

/** 0 where both bytes of a 16-bit word are nucleotide codes: two lookups check four letters. */
const PAIR_KIND = new Uint8Array(1 << 16)
for (let low = 0; low < 256; low++) {
  for (let high = 0; high < 256; high++) PAIR_KIND[(high << 8) | low] = KIND[low]! | KIND[high]!
}

/**
 * Whether a record reads as protein. E F I L P Q (and the rare J O Z) make up a third of real proteins and
 * are no nucleotide code, so 5 % of the letters and at least 3 of them is far from both sides: DNA holds none,
 * and typing errors stay below. Short peptides pass the 3, so 2 of them count from a fifth of the letters on.
 * X is no evidence: vector and repeat maskers write it into DNA.
 */
export function looksLikeProtein(aminoAcids: number, letters: number): boolean {
  return (aminoAcids >= 3 && aminoAcids * 20 >= letters) || (aminoAcids >= 2 && aminoAcids * 5 >= letters)
}

/** Shorter ones may be peptides of few kinds of residues. */
const LEAST_DNA = 30

/**
 * Whether a record reads as DNA or RNA where a protein is expected: nothing but A C G T U N, and three of the bases. Hardly any protein
 * of that length has so few kinds of residues.
 */
export function looksLikeDna(sequence: Uint8Array): boolean {
  if (sequence.length < LEAST_DNA) return false
  const letters = new Set(sequence)
  const found = new Set(Array.from(letters, (byte) => String.fromCharCode(byte).toUpperCase()))
  return [...found].every((letter) => 'ACGTUN'.includes(letter)) && new Set([...found, 'N']).size > 3
}

/** A chromosome grows by blocks of this size: no copy on growth, one copy at the end. */
const BLOCK_BYTES = 1 << 20
/** Of the first block: a read, or what a parser that never sees letters can do without. */
const FIRST_BLOCK_BYTES = 1 << 13

/** U+FEFF in UTF-8. */
export const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const
const GREATER = 62
const UPPER_X = 88
const LOWER_X = 120
/** Different letters that a message shows. */
const SHOWN_LETTERS = 8

/** Lines on which a record holds something unusual first; 0 for none. */
export interface OddLines {
  /** '>' after letters. */
  headerInside: number
  /** '>' after nothing but blanks. */
  headerAfterBlank: number
  /** Letters that are no nucleotide codes, those of a header inside left out. */
  unknown: number
  /** U, unless proteins are expected; that of a header inside left out. */
  uracil: number
  gap: number
  mark: number
}

function noLines(): OddLines {
  return { headerInside: 0, headerAfterBlank: 0, unknown: 0, uracil: 0, gap: 0, mark: 0 }
}

/** Letters of the current record, with what decides whether it is valid and what is unusual in it. */
export class SequenceBuffer {
  /** Letters so far, gaps included. */
  length = 0
  gaps = 0
  aminoAcids = 0
  unknown = 0
  odd = noLines()
  /** Some of the letters that are no nucleotide codes. */
  unknownLetters = ''
  /** Set when `append` has ended after a byte order mark at the start of a line, where a header may follow. */
  atMark = false
  /** Whether amino acids are what is expected. */
  isProtein = false
  /** First byte above 0x7F that was met, -1 for none. Such bytes are not stored. */
  badByte = -1
  /** First control byte that was met, -1 for none. What follows it is not looked at. */
  controlByte = -1

  get hasBadBytes(): boolean {
    return this.badByte >= 0 || this.controlByte >= 0
  }

  #block = new Uint8Array(FIRST_BLOCK_BYTES)
  #blockView = new DataView(this.#block.buffer)
  #used = 0
  #line = 0
  #lineStart = 0
  #headerOnLine = 0
  /** Bytes of a byte order mark met so far. */
  #mark = 0
  #full: Uint8Array<ArrayBuffer>[] = []
  #chunk: Uint8Array = new Uint8Array(0)
  #chunkView = new DataView(this.#chunk.buffer)

  /** Says on which line the letters to come are, at its start. */
  startLine(line: number): void {
    this.#line = line
    this.#lineStart = this.length
  }

  /**
   * Takes the bytes of `chunk` from `start` up to a line end or `end`, or up to the end of a byte order mark at the start of
   * the line; then `atMark` is set.
   * @returns index of the line end or of the byte after the mark, or `end`
   */
  append(chunk: Uint8Array, start: number, end: number): number {
    if (chunk !== this.#chunk) this.#lookAt(chunk)
    let position = start
    this.atMark = false
    while (position < end) {
      if (this.#used === this.#block.length) this.#nextBlock()
      const limit = Math.min(end, position + this.#block.length - this.#used)
      const stop = this.#copyNucleotides(chunk, position, limit)
      if (stop > position) this.breakMark()
      this.#used += stop - position
      this.length += stop - position
      position = stop
      if (position === limit) continue
      const byte = chunk[position]!
      const kind = KIND[byte]!
      if (kind !== Kind.nonAscii) this.breakMark()
      if (kind === Kind.lineEnd) return position
      this.#takeOdd(byte, kind)
      position++
      if (this.atMark) return position
    }
    return position
  }

  /** The letters, as bytes of their own. Here only their counts are left. */
  take(): Uint8Array {
    if (this.#full.length === 0) return this.#block.slice(0, this.#used)
    const all = new Uint8Array(this.length)
    let offset = 0
    for (const block of this.#full) {
      all.set(block, offset)
      offset += block.length
      // At once, and not with the next collection: a chromosome would be in memory twice.
      block.buffer.transfer(0)
    }
    this.#full = []
    all.set(this.#block.subarray(0, this.#used), offset)
    return all
  }

  /** Forgets everything, ready for the next record. */
  clear(): void {
    this.length = 0
    this.gaps = 0
    this.aminoAcids = 0
    this.unknown = 0
    this.odd = noLines()
    this.unknownLetters = ''
    this.badByte = -1
    this.controlByte = -1
    this.#mark = 0
    this.#lineStart = 0
    this.#headerOnLine = 0
    this.#used = 0
    if (this.#full.length > 0) this.#full = []
  }

  /** Drops the letters but keeps the length and the counts: for a record already refused. */
  forgetLetters(): void {
    this.#used = 0
    if (this.#full.length > 0) this.#full = []
  }

  /** Four letters a step: twice the speed of one (1,250 against 640 MB/s). @returns index of the first other byte */
  #copyNucleotides(chunk: Uint8Array, start: number, limit: number): number {
    const block = this.#block
    const from = this.#chunkView
    const to = this.#blockView
    let used = this.#used
    let position = start
    for (;;) {
      for (const last = limit - 4; position <= last; position += 4, used += 4) {
        const word = from.getInt32(position, true)
        if ((PAIR_KIND[word & 0xffff]! | PAIR_KIND[word >>> 16]!) !== 0) break
        to.setInt32(used, word, true)
      }
      if (position >= limit) return position
      const byte = chunk[position]!
      if (KIND[byte] !== Kind.nucleotide) return position
      block[used++] = byte
      position++
    }
  }

  #lookAt(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#chunkView = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  }

  #nextBlock(): void {
    this.#full.push(this.#block)
    this.#block = new Uint8Array(BLOCK_BYTES)
    this.#blockView = new DataView(this.#block.buffer)
    this.#used = 0
  }

  /** A byte order mark has begun and does not go on. */
  breakMark(): void {
    if (this.#mark > 0) this.#takeBad(BYTE_ORDER_MARK[0])
  }

  #takeOdd(byte: number, kind: number): void {
    if (kind === Kind.blank) return
    if (kind === Kind.nonAscii && byte === BYTE_ORDER_MARK[this.#mark as 0 | 1 | 2]) {
      this.#takeMark()
      return
    }
    if (kind === Kind.control || kind === Kind.nonAscii) {
      this.#takeBad(this.#mark > 0 ? BYTE_ORDER_MARK[0] : byte)
      return
    }
    if (kind === Kind.gap) {
      this.gaps++
      this.odd.gap ||= this.#line
    } else if (kind === Kind.uracil) {
      if (!this.isProtein && this.#headerOnLine !== this.#line) this.odd.uracil ||= this.#line
    } else this.#takeUnknown(byte, kind)
    this.#block[this.#used++] = byte
    this.length++
  }

  #takeBad(byte: number): void {
    this.#mark = 0
    // No header can follow on this line.
    this.#lineStart = -1
    if (this.controlByte >= 0) return
    if (byte < 0x80) this.controlByte = byte
    else if (this.badByte < 0) this.badByte = byte
  }

  #takeMark(): void {
    if (++this.#mark < BYTE_ORDER_MARK.length) return
    this.#mark = 0
    this.odd.mark ||= this.#line
    this.atMark = this.length === this.#lineStart
  }

  #takeUnknown(byte: number, kind: number): void {
    if (this.isProtein && (kind === Kind.aminoAcid || byte === UPPER_X || byte === LOWER_X)) {
      this.aminoAcids++
      return
    }
    this.unknown++
    if (byte === GREATER && this.#headerOnLine !== this.#line) {
      this.#headerOnLine = this.#line
      if (this.length === this.#lineStart) this.odd.headerAfterBlank ||= this.#line
      else this.odd.headerInside ||= this.#line
    }
    // Letters of a header are what follows from it, and no sign of a protein.
    if (this.#headerOnLine === this.#line) return
    if (kind === Kind.aminoAcid) this.aminoAcids++
    this.odd.unknown ||= this.#line
    const letter = String.fromCharCode(byte)
    if (this.unknownLetters.length < SHOWN_LETTERS && !this.unknownLetters.includes(letter))
      this.unknownLetters += letter
  }
}
