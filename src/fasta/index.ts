/** Records from files and streams, with the digest of what was parsed; every fault named by file and line. */

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
  type SequenceRecord,
} from './types.ts'
// Writing: for part files and results in FASTA form.
export { FastaFileWriter, type FormatOptions, formatRecord } from './write.ts'
