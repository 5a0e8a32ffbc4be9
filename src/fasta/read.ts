import { type CompressionEnd, decompress, detectCompression } from './decompress.ts'
import { FastaError } from './errors.ts'
import { HEAD_BYTES } from './formats.ts'
import { InputParser } from './inputParser.ts'
import { peek } from './peek.ts'
import { checkInputs, rawChunks, sourceName } from './rawInput.ts'
import { RecordSink } from './recordSink.ts'
import type { ReadOptions, ReadStatistics, SequenceRecord } from './types.ts'
import { CompressedDataError } from './zstdFrames.ts'

/** Large enough that a read costs nothing beside its parsing, small enough to stay in the cache. */
const READ_BYTES = 1 << 18

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
  await checkInputs(inputs)
  const sink = new RecordSink(options)
  try {
    for (const input of inputs) yield* readInput(input, sink, options)
    yield* sink.takeAll()
  } finally {
    sink.close()
  }
}

async function* readInput(
  input: string,
  sink: RecordSink,
  options: InternalReadOptions,
): AsyncGenerator<SequenceRecord[]> {
  const { signal, readBytes = READ_BYTES } = options
  const source = sourceName(input)
  sink.startInput(source)
  const end: CompressionEnd = { missingBgzfEnd: false }
  let parser: InputParser | undefined
  try {
    const opened = await openChunks(input, readBytes, options, end)
    const { head, chunks } = await peek(opened, HEAD_BYTES)
    parser = new InputParser(sink, head)
    for await (const chunk of chunks) {
      signal?.throwIfAborted()
      if (parser.abandoned) break
      parser.push(chunk)
      yield* sink.takeFull()
    }
    parser.finish()
  } catch (cause) {
    if (!(cause instanceof CompressedDataError)) throw cause
    const line = parser?.currentLine ?? 1
    throw new FastaError(
      `${source}: ${cause.message}, after line ${line} of its text; the file is incomplete or damaged: get it again`,
      { source, line, reason: 'corrupt_compression', cause },
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
}

/** The input's bytes, decompressed. */
async function openChunks(
  input: string,
  readBytes: number,
  { signal, statistics }: ReadOptions,
  end: CompressionEnd,
): Promise<AsyncGenerator<Uint8Array>> {
  const mode = { reuse: false, signal }
  const raw = await peek(counted(rawChunks(input, readBytes, mode), statistics), 16)
  const compression = detectCompression(sourceName(input), raw.head)
  if (compression !== 'none') return decompress(compression, raw.chunks, readBytes, end)
  // The decompressor works on a chunk while the next is read; the parser does not, and fresh buffers cost it 15 %.
  mode.reuse = true
  return raw.chunks
}

async function* counted(
  chunks: AsyncGenerator<Uint8Array>,
  statistics: ReadStatistics | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (statistics !== undefined) statistics.bytes += chunk.length
    yield chunk
  }
}
