import { type FileHandle, open } from 'node:fs/promises'
import { detectCompression } from './decompress.ts'
import { beginsBam, HEAD_BYTES } from './formats.ts'
import type { InputSource } from './input.ts'
import { InputParser } from './input-parser.ts'
import { readSequences } from './read.ts'
import { RecordSink } from './record-sink.ts'
import { newReadStatistics, type SequenceRecord } from './types.ts'

/** Records from one place in an input. */
export interface Sample {
  records: readonly SequenceRecord[]
  /** Bytes of the input, as stored, that they take. */
  bytes: number
}

/** How much of an input to look at. */
export interface SampleOptions {
  /** Bytes to look at, as stored. */
  bytes: number
  /** How many samples to divide them into. */
  places: number
  signal?: AbortSignal | undefined
}

/** A record that begins in a sample is read to its end, but no further than this. */
const BEYOND_BYTES = 1 << 20
/** Small, so that the bytes that were read are nearly those of the records that came of them. */
const COMPRESSED_READ_BYTES = 1 << 13
const COMPRESSED_BATCH_BASES = 1 << 16

export async function isCompressed(source: InputSource): Promise<boolean> {
  await using file = await open(source.input)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0)
  const head = buffer.subarray(0, bytesRead)
  // In the middle of BAM nobody finds a record either.
  return detectCompression(source.name, head) !== 'none' || beginsBam(head)
}

export async function* sampleSequences(
  source: InputSource,
  options: SampleOptions,
): AsyncGenerator<Sample, void> {
  if (await isCompressed(source)) yield* fromStart(source, options)
  else yield* spread(source, options)
}

async function* fromStart(
  source: InputSource,
  { bytes, places, signal }: SampleOptions,
): AsyncGenerator<Sample> {
  const statistics = newReadStatistics()
  const options = {
    onInvalid: 'skip' as const,
    batchBases: COMPRESSED_BATCH_BASES,
    readBytes: COMPRESSED_READ_BYTES,
    statistics,
    ...(signal && { signal }),
  }
  let piece = new Piece()
  let first: Piece | undefined
  let before = 0
  for await (const batch of readSequences([source.input], options)) {
    piece.add(batch)
    const now = statistics.bytes
    if (now - before < bytes / places) continue
    // What is on its way through the decompressor was read and gave no record yet: much at first, no more later.
    if (before === 0) first = piece
    else {
      if (first !== undefined)
        yield { records: first.records, bytes: ((now - before) * first.bases) / piece.bases }
      first = undefined
      yield { records: piece.records, bytes: now - before }
    }
    piece = new Piece()
    before = now
    if (before >= bytes && first === undefined) return
  }
  if (first !== undefined) piece.add(first.records)
  const rest = statistics.bytes - (first === undefined ? before : 0)
  if (piece.bases > 0) yield { records: piece.records, bytes: rest }
}

class Piece {
  readonly records: SequenceRecord[] = []
  bases = 0

  add(records: readonly SequenceRecord[]): void {
    for (const record of records) {
      this.records.push(record)
      this.bases += record.sequence.length
    }
  }
}

async function* spread(
  source: InputSource,
  { bytes, places, signal }: SampleOptions,
): AsyncGenerator<Sample> {
  await using file = await open(source.input)
  const { size } = await file.stat()
  const each = Math.ceil(bytes / places)
  let format: RecordSink['format']
  for (let place = 0; place < places; place++) {
    signal?.throwIfAborted()
    const text = await textAt(file, Math.floor((place * size) / places), each + BEYOND_BYTES)
    const excerpt = place === 0 ? wholeRecords(text, 0, each) : excerptOf(text, each, format)
    if (excerpt === undefined) continue
    const sink = new RecordSink({ onInvalid: 'skip' })
    try {
      sink.startInput(source)
      const parser = new InputParser(sink, excerpt.text.subarray(0, HEAD_BYTES))
      parser.push(excerpt.text)
      parser.finish()
      format ??= sink.format
      yield { records: sink.takeAll().flat(), bytes: excerpt.bytes }
    } finally {
      sink.close()
    }
  }
}

async function textAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
  return buffer.subarray(0, bytesRead)
}

interface Excerpt {
  text: Uint8Array
  bytes: number
}

/** The records that begin in the first `each` bytes of a text from the middle of a file. */
function excerptOf(text: Uint8Array, each: number, format: RecordSink['format']): Excerpt | undefined {
  if (format === undefined) return undefined
  const start = format === 'fasta' ? nextFasta(text, 1) : nextFastq(text, 1)
  if (start !== undefined && start < each) return wholeRecords(text, start, each)
  // In the middle of a long sequence, whose letters stand for themselves.
  if (format === 'fastq') return undefined
  const line = nextLine(text, 0)
  const letters = text.subarray(line, Math.max(line, each))
  return { text: Buffer.concat([Buffer.from('>sample\n'), letters]), bytes: letters.length }
}

/** From the start of a record to the end of the last that begins in the first `each` bytes. */
function wholeRecords(text: Uint8Array, start: number, each: number): Excerpt {
  const isFastq = text[start] === AT
  const end = each >= text.length ? undefined : isFastq ? nextFastq(text, each) : nextFasta(text, each)
  const whole = text.subarray(start, end ?? text.length)
  return { text: whole, bytes: whole.length }
}

const LINE_FEED = 10
const CARRIAGE_RETURN = 13
const GREATER = 62
const AT = 64
const PLUS = 43

function nextLine(text: Uint8Array, from: number): number {
  const end = text.indexOf(LINE_FEED, from)
  return end < 0 ? text.length : end + 1
}

/** Where a header starts, from `from` on. */
function nextFasta(text: Uint8Array, from: number): number | undefined {
  for (let at = text.indexOf(GREATER, from); at >= 0; at = text.indexOf(GREATER, at + 1)) {
    const before = text[at - 1]
    if (before === LINE_FEED || before === CARRIAGE_RETURN) return at
  }
  return undefined
}

/** The same of FASTQ, where a line of qualities may begin with `@` too: the lines after it must be those of a record. */
function nextFastq(text: Uint8Array, from: number): number | undefined {
  for (let at = nextLine(text, from - 1); at < text.length; at = nextLine(text, at)) {
    if (text[at] !== AT) continue
    const sequence = nextLine(text, at)
    const plus = nextLine(text, sequence)
    const quality = nextLine(text, plus)
    const next = nextLine(text, quality)
    if (text[plus] === PLUS && plus - sequence === next - quality && (text[next] ?? AT) === AT) return at
  }
  return undefined
}
