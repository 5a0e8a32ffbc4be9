import { open } from 'node:fs/promises'
import { HeaderBuffer } from './ids.ts'
import { SequenceBuffer } from './letters.ts'
import type { RecordSink } from './record-sink.ts'
import { FastaError } from './types.ts'

// BAM is what section 4.2 of the SAM specification says; bytes are little-endian.

/** Size of a record, which does not count itself, and its fields of fixed length. */
const HEAD_BYTES = 4 + 32
const FLAG = { reverse: 0x10, first: 0x40, last: 0x80, secondary: 0x100, supplementary: 0x800 } as const
const ALTERNATIVE = FLAG.secondary | FLAG.supplementary
/** Behind the names of mates, as `samtools fasta` writes them. */
const MATES = { [FLAG.first]: Buffer.from('/1'), [FLAG.last]: Buffer.from('/2') } as const

const CODES = '=ACMGRSVTWYHKDBN'
/** Both letters that a byte holds, the first one in the low half. */
const letterPairs = new Uint16Array(256)
/** The same on the other strand: in a code each base has a bit, and that of its partner is at the other end. */
const facing = new Uint8Array(256)
for (let high = 0; high < CODES.length; high++) {
  const letter = CODES.charCodeAt(high)
  const partner = ((high & 1) << 3) | ((high & 2) << 1) | ((high & 4) >> 1) | (high >> 3)
  facing[letter] = CODES.charCodeAt(partner)
  for (let low = 0; low < CODES.length; low++)
    letterPairs[(high << 4) | low] = letter | (CODES.charCodeAt(low) << 8)
}

type Part = 'header' | 'reference count' | 'reference' | 'record' | 'record body'

/** The reads of a decompressed BAM file: primary records, on the strand that was sequenced. */
export class BamParser {
  /** Never set: nothing of it can be left out but single records. */
  readonly abandoned = false
  readonly #sink: RecordSink
  readonly #header = new HeaderBuffer()
  readonly #letters = new SequenceBuffer()
  #part: Part = 'header'
  /** Bytes that the part needs before anything can be done with it. */
  #want = 8
  /** What has come of them, where they do not lie in one chunk. */
  #held = new Uint8Array(1 << 12)
  #used = 0
  /** Bytes to pass over first. */
  #skip = 0
  #references = 0
  #referencesLeft = 0
  /** Records that have begun. */
  #records = 0
  #alternatives = 0
  #text = new Uint8Array(1 << 10)

  constructor(sink: RecordSink) {
    this.#sink = sink
    this.#letters.isProtein = sink.isProtein
    sink.format = 'bam'
  }

  /** Number of the current record, from 1. */
  get currentLine(): number {
    return Math.max(1, this.#records)
  }

  /** Takes the bytes of `chunk` from `start` on. */
  push(chunk: Uint8Array, start = 0): void {
    for (let at = start; at < chunk.length; ) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, chunk.length - at)
        this.#skip -= passed
        at += passed
      } else if (this.#used === 0 && chunk.length - at >= this.#want) {
        at += this.#take(chunk, at)
      } else {
        at += this.#hold(chunk, at)
        if (this.#used === this.#want && this.#take(this.#held, 0) > 0) this.#used = 0
      }
    }
  }

  /** Called at the end of the input. */
  finish(): void {
    const isBetween = this.#part === 'record' && this.#used === 0 && this.#skip === 0
    if (!isBetween) throw this.#damaged('the file ends inside it')
    if (this.#alternatives > 0) this.#sink.passedOver(this.#alternatives)
    if (this.#records > this.#alternatives) return
    this.#sink.emptyInput(`the ${this.#sink.isRegular ? 'file' : 'input'} holds no reads`)
  }

  /** Keeps bytes until there are as many as are needed. @returns how many */
  #hold(chunk: Uint8Array, at: number): number {
    const count = Math.min(this.#want - this.#used, chunk.length - at)
    if (this.#used + count > this.#held.length) {
      const grown = new Uint8Array(Math.max(this.#used + count, 2 * this.#held.length))
      grown.set(this.#held.subarray(0, this.#used))
      this.#held = grown
    }
    this.#held.set(chunk.subarray(at, at + count), this.#used)
    this.#used += count
    return count
  }

  /** Reads the next part from where it starts. @returns bytes that are done with; 0 where more of them are needed */
  #take(bytes: Uint8Array, at: number): number {
    const want = this.#want
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, want)
    switch (this.#part) {
      case 'header':
        this.#next('reference count', 4, this.#size(view, 4))
        return want
      case 'reference count':
        this.#references = this.#referencesLeft = this.#size(view, 0)
        this.#nextReference(0)
        return want
      case 'reference':
        this.#nextReference(this.#size(view, 0) + 4)
        return want
      case 'record':
        this.#records++
        this.#part = 'record body'
        this.#want = this.#bodyEnd(view)
        if (this.#want > HEAD_BYTES) return 0
        break
      case 'record body':
        break
    }
    const rest = 4 + view.getInt32(0, true) - want
    this.#read(bytes, at, view)
    this.#next('record', HEAD_BYTES, rest)
    return want
  }

  #nextReference(skip: number): void {
    if (this.#referencesLeft-- > 0) this.#next('reference', 4, skip)
    else this.#next('record', HEAD_BYTES, skip)
  }

  #next(part: Part, want: number, skip: number): void {
    this.#part = part
    this.#want = want
    this.#skip = skip
  }

  #size(view: DataView, at: number): number {
    const size = view.getInt32(at, true)
    if (size < 0) throw this.#damaged('a size is negative')
    return size
  }

  /** Bytes of a record up to the end of its sequence; what follows, qualities and tags, is not looked at. */
  #bodyEnd(view: DataView): number {
    const end = 4 + view.getInt32(0, true)
    const letters = view.getInt32(20, true)
    const body = HEAD_BYTES + view.getUint8(12) + 4 * view.getUint16(16, true) + ((letters + 1) >> 1)
    const isSound =
      letters >= 0 &&
      view.getUint8(12) > 0 &&
      body + letters <= end &&
      isReference(view.getInt32(4, true), this.#references) &&
      isReference(view.getInt32(24, true), this.#references)
    if (!isSound) throw this.#damaged('its sizes contradict each other')
    return body
  }

  /** A record whose name and sequence are there. */
  #read(bytes: Uint8Array, at: number, view: DataView): void {
    const flags = view.getUint16(18, true)
    const nameEnd = at + HEAD_BYTES + view.getUint8(12) - 1
    if (bytes[nameEnd] !== 0) throw this.#damaged('its name has no end')
    if ((flags & ALTERNATIVE) !== 0) {
      this.#alternatives++
      return
    }
    if (!this.#readName(bytes, at + HEAD_BYTES, nameEnd, flags)) return
    const length = view.getInt32(20, true)
    const packed = nameEnd + 1 + 4 * view.getUint16(16, true)
    if (length > this.#text.length) this.#text = new Uint8Array(Math.max(length, 2 * this.#text.length))
    unpack(bytes, packed, this.#text, length)
    if ((flags & FLAG.reverse) !== 0) turn(this.#text, length)
    this.#letters.startLine(this.#records)
    this.#letters.append(this.#text, 0, length)
    this.#sink.accept(this.#header, this.#letters, this.#records)
  }

  /** @returns false for a name that cannot be one: the record is reported and left out */
  #readName(bytes: Uint8Array, start: number, nameEnd: number, flags: number): boolean {
    let end = start
    while (end < nameEnd && (bytes[end] as number) > 0x20) end++
    const header = this.#header
    header.clear()
    header.append(bytes, start, end)
    const mate = MATES[(flags & (FLAG.first | FLAG.last)) as keyof typeof MATES]
    if (mate !== undefined) header.append(mate, 0, mate.length)
    if (header.parse() === undefined) return true
    const what = 'the name of the read is not valid UTF-8'
    this.#sink.invalid('invalid_utf8', this.#records, header.id, what, 'rename it')
    return false
  }

  #damaged(what: string): FastaError {
    const { source } = this.#sink
    const place = this.#records === 0 ? 'its header' : `record ${this.#records}`
    return new FastaError(
      `${source}: the BAM data is damaged or cut off in ${place}: ${what}; get the file again`,
      { source, line: this.currentLine, reason: 'corrupt_bam' },
    )
  }
}

function isReference(id: number, references: number): boolean {
  return id >= -1 && id < references
}

function unpack(bytes: Uint8Array, at: number, text: Uint8Array, length: number): void {
  for (let i = 0, from = at; i < length; i += 2, from++) {
    const pair = letterPairs[bytes[from] as number] as number
    text[i] = pair
    // Behind an odd end it is passed over.
    text[i + 1] = pair >> 8
  }
}

/** The other strand, in place. */
function turn(text: Uint8Array, length: number): void {
  for (let low = 0, high = length - 1; low <= high; low++, high--) {
    const letter = facing[text[low] as number] as number
    text[low] = facing[text[high] as number] as number
    text[high] = letter
  }
}

/** The empty block at the end of a BGZF file; section 4.1.2 of the SAM specification. */
const END_MARKER = Buffer.from('1f8b08040000000000ff0600424302001b0003000000000000000000', 'hex')

/** Whether a file ends with the marker of BGZF. */
export async function hasEndMarker(path: string): Promise<boolean> {
  await using file = await open(path)
  const { size } = await file.stat()
  const length = END_MARKER.length
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, Math.max(0, size - length))
  return buffer.equals(END_MARKER)
}
