import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { temporaryFileIn } from '../system/kept-files.ts'
import { sameFile } from '../system/same-file.ts'
import { CompressedDataError, type CompressionEnd, decompress, detectCompression } from './decompress.ts'
import { beginsBam, HEAD_BYTES } from './formats.ts'
import type { HeaderBuffer } from './ids.ts'
import { IdTable } from './ids.ts'
import { copyStream, InputBytes, type InputSource, inspectInputs, peek } from './input.ts'
import { InputParser } from './input-parser.ts'
import type { SequenceBuffer } from './letters.ts'
import type { Parser } from './line-parser.ts'
import { RecordSink } from './record-sink.ts'
import {
  FastaError,
  type InputDigest,
  type OnInvalid,
  type ReadOptions,
  type SequenceRecord,
} from './types.ts'

/** Large enough that a read costs nothing beside its parsing, small enough to stay in the cache. */
const READ_BYTES = 1 << 18
const DIGEST_BYTES = 1 << 20

/** Not part of the public options: tests set tiny reads to put a boundary at every byte. */
export interface InternalReadOptions extends ReadOptions {
  readBytes?: number
}

/**
 * Reads FASTA, FASTQ and BAM files of any size in order, in memory bounded by one batch and the longest record
 * (twice its length while it is put together), plus 16 to 32 bytes a record to find duplicate ids.
 *
 * gzip (several members, bgzip), zstd (several frames) and BAM are recognised by their first bytes. Lines end at
 * '\n', '\r\n' or '\r'. Blank lines and whitespace inside sequences are dropped, everything else printable is kept.
 *
 * @param inputs paths, or `-` for standard input; all are checked before the first is read
 * @returns batches of records in input order, none of them empty
 * @throws FastaError for an input that cannot be read, and for invalid content as `onInvalid` says.
 *   Records before the invalid one may not have been yielded.
 */
export async function* readSequences(
  inputs: readonly string[],
  options: ReadOptions = {},
): AsyncGenerator<SequenceRecord[]> {
  options.signal?.throwIfAborted()
  const found = await inspectInputs(inputs)
  const allIds = options.duplicateIds === 'suffix' ? new IdTable(options.tempDir ?? tmpdir()) : undefined
  const sink = new RecordSink(options, allIds)
  try {
    await using naming = await planNames(found, options, allIds)
    for (const [index, source] of naming.sources.entries()) {
      sink.startInput(source, naming.suffixes[index])
      yield* readInput(source, index, sink, options)
    }
    yield* sink.takeAll()
  } finally {
    sink.close()
    allIds?.close()
  }
}

/** How records are named, as far as the whole of the input decides it. */
interface Naming extends AsyncDisposable {
  /** The inputs; in the place of a stream that was read for its names, the copy of it. */
  readonly sources: readonly InputSource[]
  /** For each input, what follows the ids of its records: `/1` or `/2` for mates. */
  readonly suffixes: readonly string[]
}

/**
 * Looks through the names where they must be known before the first record is given out: two FASTQ files may be mates, and a
 * suffix must not make a name that comes later. What can be read only once is copied for that.
 */
async function planNames(
  sources: readonly InputSource[],
  options: InternalReadOptions,
  allIds: IdTable | undefined,
): Promise<Naming> {
  // Node 22 has no AsyncDisposableStack.
  const copies: AsyncDisposable[] = []
  const removeCopies = async () => {
    for (const copy of copies) await copy[Symbol.asyncDispose]()
  }
  try {
    const kept: InputSource[] = []
    for (const source of sources) {
      if (source.kind === 'file' || (sources.length === 1 && allIds === undefined)) kept.push(source)
      else {
        const copy = temporaryFileIn(options.tempDir ?? tmpdir())
        copies.push(copy)
        await copyStream(source, copy.path, options.signal)
        kept.push({ ...source, input: copy.path, kind: 'file', descriptor: undefined })
      }
    }
    const suffixes = sources.length > 1 ? await mateSuffixes(kept, options) : sources.map(() => '')
    if (allIds !== undefined) await noteNames(kept, suffixes, allIds, options)
    return { sources: kept, suffixes, [Symbol.asyncDispose]: removeCopies }
  } catch (error) {
    await removeCopies()
    throw error
  }
}

async function noteNames(
  sources: readonly InputSource[],
  suffixes: readonly string[],
  allIds: IdTable,
  options: InternalReadOptions,
): Promise<void> {
  for (const [i, source] of sources.entries()) {
    await readNames(source, options, (id) => {
      const bytes = Buffer.from(id + suffixes[i])
      allIds.add(bytes, 0, bytes.length, 0, 0)
      return true
    })
  }
}

/**
 * Two FASTQ inputs whose names are the same, one by one, through the whole of both are mates, unless they are one file that
 * was given twice.
 */
async function mateSuffixes(
  sources: readonly InputSource[],
  options: InternalReadOptions,
): Promise<string[]> {
  const suffixes = sources.map(() => '')
  // Only those that begin alike are read to their ends.
  for (const alike of await alikeIn(sources, 1, options)) {
    for (const [first, second, ...more] of await alikeIn(alike, Number.POSITIVE_INFINITY, options)) {
      if (first === undefined || second === undefined || more.length > 0) continue
      if ((await sameFile([first.input], [second.input])) !== undefined) continue
      suffixes[sources.indexOf(first)] = '/1'
      suffixes[sources.indexOf(second)] = '/2'
      options.onMates?.(first.name, second.name)
    }
  }
  return suffixes
}

/** FASTQ inputs in groups of at least two whose first names, at most so many, are the same. */
async function alikeIn(
  sources: readonly InputSource[],
  most: number,
  options: InternalReadOptions,
): Promise<InputSource[][]> {
  const groups = new Map<string, InputSource[]>()
  for (const source of sources) {
    const hasher = createHash('sha256')
    let count = 0
    const format = await readNames(source, options, (id) => {
      if (count < most) hasher.update(`${id}\n`)
      return ++count < most
    })
    if (format !== 'fastq' || count === 0) continue
    const key = `${Math.min(count, most)} ${hasher.digest('hex')}`
    groups.set(key, [...(groups.get(key) ?? []), source])
  }
  return [...groups.values()].filter(({ length }) => length > 1)
}

/**
 * Reads an input for its names alone.
 *
 * @param take - gets each name; false where no more are wanted
 */
async function readNames(
  source: InputSource,
  { signal, readBytes, onInvalid }: InternalReadOptions,
  take: (id: string) => boolean,
): Promise<RecordSink['format']> {
  const sink = new NameSink(take, onInvalid)
  sink.startInput(source)
  const batches = readInput(source, 0, sink, { ...(signal && { signal }), ...(readBytes && { readBytes }) })
  while (!(await batches.next()).done) {
    // A sink for names gathers no batches.
  }
  return sink.format
}

/** Takes note of the names alone, and leaves out everything that is invalid. */
class NameSink extends RecordSink {
  readonly #take: (id: string) => boolean

  constructor(take: (id: string) => boolean, onInvalid: OnInvalid | undefined) {
    super({ ...(onInvalid && { onInvalid }) })
    this.#take = take
  }

  override accept(header: HeaderBuffer, letters: SequenceBuffer): void {
    if (!this.#take(header.id)) this.hasEnough = true
    letters.clear()
  }

  override invalid(): void {}
  override emptyInput(): void {}
  override passedOver(): void {}
}

/** Digest of the bytes of an input, which a stream then has given. */
export async function digestInput(source: InputSource, signal?: AbortSignal): Promise<InputDigest> {
  await using bytes = new InputBytes(source, { readBytes: DIGEST_BYTES, digest: true, signal })
  bytes.mode.reuse = true
  return await bytes.digest()
}

async function* readInput(
  source: InputSource,
  index: number,
  sink: RecordSink,
  options: InternalReadOptions,
): AsyncGenerator<SequenceRecord[]> {
  const { signal, statistics, readBytes = READ_BYTES, onInputRead } = options
  const { name } = source
  const end: CompressionEnd = { missingBgzfEnd: false, trailingAt: undefined }
  const digest = onInputRead !== undefined
  await using bytes = new InputBytes(source, { readBytes, signal, statistics, digest })
  let parser: Parser | undefined
  try {
    const opened = await openChunks(name, bytes, readBytes, end)
    const { head, chunks } = await peek(opened, HEAD_BYTES)
    parser = await openParser(source, head, sink, end)
    for await (const chunk of chunks) {
      signal?.throwIfAborted()
      if (parser.abandoned || sink.hasEnough) break
      parser.push(chunk)
      yield* sink.takeFull()
      await options.afterReports?.()
    }
    if (!sink.hasEnough) parser.finish()
  } catch (cause) {
    if (!(cause instanceof CompressedDataError)) throw cause
    const line = parser?.currentLine ?? 1
    const place = sink.format === 'bam' ? `record ${line}` : `line ${line} of its text`
    throw new FastaError(`${name}: ${cause.message}, after ${place}; ${cause.remedy}`, {
      source: name,
      line,
      reason: 'corrupt_compression',
      cause,
    })
  }
  if (end.trailingAt !== undefined) {
    sink.invalid(
      'trailing_bytes',
      parser.currentLine,
      '',
      `something that is not compressed follows the compressed data, from byte ${end.trailingAt + 1} of the file on`,
      'check how the file was made',
      'it is left out; the text before it is whole',
    )
  }
  if (end.missingBgzfEnd && !sink.hasEnough) sink.missingEnd(parser.currentLine)
  if (onInputRead !== undefined) await onInputRead(index, await bytes.digest())
}

/**
 * @param end - what decompressing the head has shown
 * @throws FastaError for a BAM file without its end marker: now, and not after hours of work
 */
async function openParser(
  source: InputSource,
  head: Uint8Array,
  sink: RecordSink,
  end: CompressionEnd,
): Promise<Parser> {
  if (!beginsBam(head)) return new InputParser(sink, head)
  const { BamParser, hasEndMarker } = await import('./bam-parser.ts')
  const parser = new BamParser(sink)
  // Until a block without content has come, the marker is missing in all that is BGZF.
  const mayMissEnd = end.missingBgzfEnd && source.kind === 'file' && !sink.tolerates('missing_bgzf_end')
  if (mayMissEnd && !(await hasEndMarker(source.input))) sink.missingEnd()
  return parser
}

/** The input's bytes, decompressed. */
async function openChunks(
  name: string,
  bytes: InputBytes,
  readBytes: number,
  end: CompressionEnd,
): Promise<AsyncGenerator<Uint8Array>> {
  const raw = await peek(bytes.chunks(), 16)
  const compression = detectCompression(name, raw.head)
  if (compression !== 'none') return decompress(compression, raw.chunks, readBytes, end)
  // The decompressor works on a chunk while the next is read; the parser does not, and fresh buffers cost it 15 %.
  bytes.mode.reuse = true
  return raw.chunks
}
