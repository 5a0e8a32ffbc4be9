// Reading: batches of records from files and standard input, in constant memory.

export { FastaError } from './errors.ts'
export { digestInput, readSequences } from './read.ts'
// What an input is, before it is opened.
export { type InputSource, inspectInputs } from './source.ts'
// Streams for what reads them twice.
export { type KeptInput, keepInput } from './spool.ts'
export type {
  DuplicateIds,
  InputDigest,
  InputFailure,
  InvalidReason,
  InvalidRecord,
  OnInvalid,
  Place,
  ReadOptions,
  ReadStatistics,
  RecordOutcome,
  SequenceRecord,
} from './types.ts'
export { newReadStatistics } from './types.ts'
export type { FormatOptions } from './write.ts'
// Writing: for part files and results in FASTA form.
export { FastaFileWriter, formatRecord } from './write.ts'
