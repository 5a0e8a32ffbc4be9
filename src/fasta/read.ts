import { tmpdir } from 'node:os'
import { CompressedDataError } from './compressed-data.ts'
import { type CompressionEnd, decompress, detectCompression } from './decompress.ts'
import { FastaError } from './errors.ts'
import { HEAD_BYTES } from './formats.ts'
import { IdTable } from './id-table.ts'
import { InputBytes } from './input-bytes.ts'
import { InputParser } from './input-parser.ts'
import { planNames } from './names.ts'
import { peek } from './peek.ts'
import { RecordSink } from './record-sink.ts'
import { type InputSource, inspectInputs } from './source.ts'
import type { InputDigest, ReadOptions, SequenceRecord } from './types.ts'

/** Large enough that a read costs nothing beside its parsing, small enough to stay in the cache. */
const READ_BYTES = 1 << 18
const DIGEST_BYTES = 1 << 20

/** Not part of the public options: tests set tiny reads to put a boundary at every byte. */
export interface InternalReadOptions extends ReadOptions {
  readBytes?: number
}

/**
 * Reads FASTA and FASTQ files of any size in order, in memory bounded by one batch and the longest record
 * (twice its length while it is put together), plus 16 to 32 bytes a record to find duplicate ids.
 *
 * gzip (several members, bgzip) and zstd (several frames) are recognised by their first bytes. Lines end at
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
    await using naming = await planNames(
      found,
      options,
      (source, names) => readNames(source, names, options),
      allIds,
    )
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

/** Reads an input for its names alone. */
async function readNames(
  source: InputSource,
  sink: RecordSink,
  { signal, readBytes }: InternalReadOptions,
): Promise<void> {
  sink.startInput(source)
  const batches = readInput(source, 0, sink, { ...(signal && { signal }), ...(readBytes && { readBytes }) })
  while (!(await batches.next()).done) {
    // A sink for names gathers no batches.
  }
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
  let parser: InputParser | undefined
  try {
    const opened = await openChunks(name, bytes, readBytes, end)
    const { head, chunks } = await peek(opened, HEAD_BYTES)
    parser = new InputParser(sink, head)
    for await (const chunk of chunks) {
      signal?.throwIfAborted()
      if (parser.abandoned || sink.hasEnough) break
      parser.push(chunk)
      yield* sink.takeFull()
    }
    parser.finish()
  } catch (cause) {
    if (!(cause instanceof CompressedDataError)) throw cause
    const line = parser?.currentLine ?? 1
    throw new FastaError(`${name}: ${cause.message}, after line ${line} of its text; ${cause.remedy}`, {
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
  if (end.missingBgzfEnd) {
    sink.invalid(
      'missing_bgzf_end',
      parser.currentLine,
      '',
      'the bgzip end marker is missing, the file may be cut off after this line',
      'get it again, or write it anew with bgzip',
    )
  }
  if (onInputRead !== undefined) await onInputRead(index, await bytes.digest())
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
