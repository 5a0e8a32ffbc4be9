import { type ReadOptions, readSequences, type SequenceRecord } from '../fasta/index.ts'
import type { RunStats } from '../monitor/index.ts'
import { chunkBounds, openFrames } from '../sequence/index.ts'
import type { PreparedFiles } from './intermediates.ts'
import { emptyPart, type Part } from './part.ts'

export interface PrepareOptions {
  inputs: readonly string[]
  /** Chunk length in bases. */
  expectedLength: number
  /** Frames per part. */
  sequencesPerFile: number
  /** Keep frames without a single residue, as Broad's fork does. */
  keepEmpty: boolean
  /** Where chunks and frames are written as files, when they are to be kept; parts are not. */
  files: PreparedFiles | undefined
  stats: RunStats
  signal: AbortSignal | undefined
  read: ReadOptions
}

/**
 * Stages one to three: cuts the records into chunks, translates each chunk in six frames, keeps the frames without
 * a stop codon and gathers them into parts. Holds one record and one part at a time.
 */
export async function* prepareParts(options: PrepareOptions): AsyncGenerator<Part> {
  let part = emptyPart(1)
  for await (const records of readSequences(options.inputs, options.read)) {
    for (const record of records) yield* addRecord(record)
    await options.files?.drain()
    options.signal?.throwIfAborted()
  }
  if (part.ids.length > 0) yield part

  /** Yields each part that a record fills. */
  function* addRecord({ id, sequence, source }: SequenceRecord): Generator<Part> {
    options.stats.record(source, sequence.length)
    for (const { index, start, end } of chunkBounds(sequence.length, options.expectedLength)) {
      const chunkId = `${id}_chunk_${index}`
      const chunk = sequence.subarray(start, end)
      options.files?.addChunk(chunkId, chunk)
      const frames = openFrames(chunk, { keepEmpty: options.keepEmpty })
      options.stats.chunk(chunk.length, frames.length)
      for (const { frame, nucleotide, protein } of frames) {
        const frameId = chunkId + frame
        part.ids.push(frameId)
        part.nucleotides.push(nucleotide)
        part.proteins.push(protein)
        options.files?.addFrame(frameId, nucleotide, protein)
        if (part.ids.length === options.sequencesPerFile) {
          const full = part
          part = emptyPart(full.number + 1)
          yield full
        }
      }
    }
  }
}
