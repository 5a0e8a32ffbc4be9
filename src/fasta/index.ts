/** Records from files and streams, with the digest of what was parsed; every fault named by file and line. */

import type { InputSource } from './input.ts'
import type { Sample, SampleOptions } from './sample.ts'

// What an input is, before it is opened; and streams for what reads them twice.
export { type InputSource, inspectInputs, type KeptInput, keepInput } from './input.ts'
// Reading: batches of records from files and standard input, in constant memory.
export { digestInput, readSequences } from './read.ts'
export {
  type DuplicateIds,
  FastaError,
  type InputDigest,
  type InputFailure,
  type InvalidReason,
  type InvalidRecord,
  newReadStatistics,
  type OnInvalid,
  type Place,
  type ReadOptions,
  type ReadStatistics,
  type RecordOutcome,
  type SequenceAlphabet,
  type SequenceRecord,
} from './types.ts'
// Writing: for part files and results in FASTA form.
export { FastaFileWriter, type FormatOptions, formatRecord } from './write.ts'
export type { Sample, SampleOptions }

// A look at large inputs, loaded when it is taken.

/** Whether records can be found only from the start on: an input that is compressed, or BAM. @throws FastaError for a compression that is not read */
export async function isCompressed(source: InputSource): Promise<boolean> {
  return await (await import('./sample.ts')).isCompressed(source)
}

/**
 * Records from places that are spread evenly over a file. Those of a compressed one, in which nobody can find the middle
 * without reading what is before it, follow each other from its start. What is invalid is left out.
 *
 * @throws FastaError for an input that cannot be read
 */
export async function* sampleSequences(source: InputSource, options: SampleOptions): AsyncGenerator<Sample> {
  yield* (await import('./sample.ts')).sampleSequences(source, options)
}
