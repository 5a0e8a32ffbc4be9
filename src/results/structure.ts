import { closeSync, readSync, writeSync } from 'node:fs'
import type { InvalidReason, SequenceRecord } from '../fasta/index.ts'
import type { FilterReason, FrameName, OpenFrame, Silence } from '../sequence/index.ts'
import { openScratch } from '../system/kept-files.ts'
import { WriteError } from '../system/system-error.ts'
import { FIRST_BYTES, grown } from './growing.ts'
import { KeptRecords } from './kept-records.ts'

/** Smaller inputs stay in memory and never touch a disk. */
const BUFFER_BYTES = 1 << 20

/** Frames in the order in which those of a chunk follow each other. */
export const FRAMES = ['F1', 'F2', 'F3', 'R1', 'R2', 'R3'] as const satisfies FrameName[]
const FRAME_BITS = Object.fromEntries(FRAMES.map((frame, at) => [frame, 1 << at])) as Record<
  FrameName,
  number
>
/** Bits of a chunk above those of its frames. */
const SILENCE_SHIFT = FRAMES.length
const SILENCES = ['no_open_frame', 'too_short', 'ambiguous_bases'] as const satisfies Silence[]

const RECORD = 0
const LEFT_OUT = 1
/** Kind, input, length of the record, bytes of the id. */
const HEAD_BYTES = 1 + 4 + 6 + 4

/** Reasons for which a whole record is left out. */
export const RECORD_REASONS = [
  'empty_record',
  'duplicate_id',
  'protein',
  'non_ascii',
  'invalid_utf8',
  'header_too_long',
  'malformed_fastq',
] as const satisfies InvalidReason[]
/** Reasons for which a record is not cut into chunks because the user wants so. */
export const FILTER_REASONS = ['below_min_length', 'too_ambiguous'] as const satisfies FilterReason[]
const LEFT_OUT_REASONS = [...RECORD_REASONS, ...FILTER_REASONS] as const
export type LeftOutReason = (typeof LEFT_OUT_REASONS)[number]

/** Whether it is about one record, and not about a file or a text between records. */
export function isAboutRecord(reason: InvalidReason): reason is (typeof RECORD_REASONS)[number] {
  return (RECORD_REASONS as readonly InvalidReason[]).includes(reason)
}

/**
 * Which records an input has, and which chunks and open frames these have, in the order of the input: what the results say
 * besides scores. A byte for each chunk, the newest MiB in memory and the rest in a file without a name; another one has the
 * records themselves.
 */
export class InputStructure implements Disposable {
  readonly #folder: string
  readonly #sources: string[] = []
  #descriptor = -1
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #used = 0
  /** Bytes in the file. */
  #spilled = 0
  /** Whether the record that came last has a frame. */
  #isOpen = false
  /** Every record with a frame, which may be called viral. */
  readonly kept: KeptRecords

  /** @param folder - for what does not fit into memory */
  constructor(folder: string) {
    this.#folder = folder
    this.kept = new KeptRecords(folder)
  }

  /** A record that is cut into chunks, which follow. */
  record(id: string, source: string, length: number): void {
    this.#isOpen = false
    this.#head(RECORD, id, source, length)
  }

  /** The next chunk of the record that came last. Frames without a residue, which Broad's layout has, get no score. */
  chunk(frames: readonly Pick<OpenFrame, 'frame' | 'protein'>[], silence: () => Silence): void {
    let byte = 0
    this.#isOpen ||= frames.length > 0
    let isSilent = true
    for (const { frame, protein } of frames) {
      byte |= FRAME_BITS[frame]
      isSilent &&= protein.length === 0
    }
    if (isSilent) byte |= SILENCES.indexOf(silence()) << SILENCE_SHIFT
    this.#reserve(1)
    this.#buffer[this.#used++] = byte
  }

  /** After the chunks of a record: keeps what is written of it if it is called viral. */
  endRecord({ description, sequence }: Pick<SequenceRecord, 'description' | 'sequence'>): void {
    if (this.#isOpen) this.kept.add(description, sequence)
  }

  /** @param length - where it is known */
  leftOut(id: string, source: string, reason: LeftOutReason, length = 0): void {
    this.#head(LEFT_OUT + LEFT_OUT_REASONS.indexOf(reason), id, source, length)
  }

  #head(kind: number, id: string, source: string, length: number): void {
    // Inputs are read one after the other.
    if (this.#sources.at(-1) !== source) this.#sources.push(source)
    this.#reserve(HEAD_BYTES)
    // Three bytes are the most that a UTF-16 unit becomes.
    this.#buffer = grown(this.#buffer, this.#used + HEAD_BYTES + 3 * id.length, BUFFER_BYTES)
    const buffer = this.#buffer
    let at = buffer.writeUInt8(kind, this.#used)
    at = buffer.writeUInt32LE(this.#sources.length - 1, at)
    at = buffer.writeUInt32LE(length >>> 0, at)
    at = buffer.writeUInt16LE(Math.floor(length / 2 ** 32), at)
    if (at + 4 + 3 * id.length <= buffer.length) {
      const bytes = buffer.write(id, at + 4)
      this.#used = buffer.writeUInt32LE(bytes, at) + bytes
      return
    }
    const bytes = Buffer.from(id)
    this.#used = buffer.writeUInt32LE(bytes.length, at)
    for (let from = 0; from < bytes.length; ) {
      this.#reserve(1)
      const piece = bytes.subarray(from, from + BUFFER_BYTES - this.#used)
      this.#buffer.set(piece, this.#used)
      this.#used += piece.length
      from += piece.length
    }
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#buffer.length) return
    this.#buffer = grown(this.#buffer, this.#used + bytes, BUFFER_BYTES)
    if (this.#used + bytes <= this.#buffer.length) return
    const folder = this.#folder
    try {
      if (this.#descriptor < 0) this.#descriptor = openScratch(folder)
      for (let at = 0; at < this.#used; )
        at += writeSync(this.#descriptor, this.#buffer, at, this.#used - at, this.#spilled + at)
    } catch (cause) {
      throw new WriteError(folder, cause, { what: `the list of records and chunks in ${folder}` })
    }
    this.#spilled += this.#used
    this.#used = 0
  }

  /** Reads all from the beginning, once nothing is added any more. */
  read(): StructureReader {
    const size = this.#spilled + this.#used
    return new StructureReader((into, offset) => this.#copy(into, offset), size, this.#sources)
  }

  /** @returns how many bytes were there */
  #copy(into: Buffer, offset: number): number {
    if (offset >= this.#spilled) {
      const from = offset - this.#spilled
      return this.#buffer.copy(into, 0, from, Math.min(this.#used, from + into.length))
    }
    return readSync(this.#descriptor, into, 0, Math.min(into.length, this.#spilled - offset), offset)
  }

  [Symbol.dispose](): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor)
    this.#descriptor = -1
    this.kept[Symbol.dispose]()
  }
}

/** Reads what an {@link InputStructure} holds: a record, whose fields then are that record's, then each of its chunks. */
export class StructureReader {
  /** UTF-8, of so many bytes. */
  id: Buffer = Buffer.allocUnsafeSlow(1 << 8)
  idBytes = 0
  /** Name of its input. */
  source = ''
  /** Bases; 0 where they are not known. */
  length = 0
  /** Why it was left out; undefined for one that was cut into chunks. */
  leftOut: LeftOutReason | undefined

  readonly #copy: (into: Buffer, offset: number) => number
  readonly #size: number
  readonly #sources: readonly string[]
  readonly #buffer = Buffer.allocUnsafeSlow(1 << 16)
  readonly #head = Buffer.allocUnsafeSlow(HEAD_BYTES)
  #at = 0
  #end = 0
  #offset = 0

  constructor(copy: (into: Buffer, offset: number) => number, size: number, sources: readonly string[]) {
    this.#copy = copy
    this.#size = size
    this.#sources = sources
  }

  /** Goes to the next record. @returns false after the last */
  next(): boolean {
    if (this.#at === this.#end && this.#offset === this.#size) return false
    const head = this.#head
    this.#take(head, HEAD_BYTES)
    const kind = head[0] as number
    this.leftOut = kind === RECORD ? undefined : LEFT_OUT_REASONS[kind - LEFT_OUT]
    this.source = this.#sources[head.readUInt32LE(1)] as string
    this.length = head.readUInt32LE(5) + head.readUInt16LE(9) * 2 ** 32
    this.idBytes = head.readUInt32LE(11)
    if (this.idBytes > this.id.length) this.id = Buffer.allocUnsafeSlow(2 * this.idBytes)
    this.#take(this.id, this.idBytes)
    return true
  }

  /** Bits of the frames of the next chunk, the first frame lowest; for one without frames see {@link silenceIn}. */
  chunk(): number {
    if (this.#at === this.#end) this.#fill()
    return this.#buffer[this.#at++] as number
  }

  #take(into: Buffer, count: number): void {
    for (let done = 0; done < count; ) {
      if (this.#at === this.#end) this.#fill()
      const end = Math.min(this.#end, this.#at + count - done)
      while (this.#at < end) into[done++] = this.#buffer[this.#at++] as number
    }
  }

  #fill(): void {
    this.#at = 0
    this.#end = this.#copy(this.#buffer, this.#offset)
    if (this.#end === 0) throw new Error('the list of records and chunks is cut off')
    this.#offset += this.#end
  }
}

/** Bits of a chunk that say which frames it has. */
export const FRAME_MASK = (1 << SILENCE_SHIFT) - 1

/** Frames of a chunk, by its bits. */
export const FRAME_COUNTS = Uint8Array.from({ length: FRAME_MASK + 1 }, (_, bits) =>
  FRAMES.reduce((sum, _, f) => sum + ((bits >> f) & 1), 0),
)

/** Why a chunk has no frame that can be scored. */
export function silenceIn(chunk: number): Silence {
  return SILENCES[chunk >> SILENCE_SHIFT] as Silence
}
