// Reading: batches of records from files and standard input, in constant memory.

export { FastaError } from './errors.ts'
export { readSequences } from './read.ts'
export type {
  InputFailure,
  InvalidReason,
  InvalidRecord,
  OnInvalid,
  Place,
  ReadOptions,
  ReadStatistics,
  SequenceRecord,
} from './types.ts'
export { newReadStatistics } from './types.ts'
export type { FormatOptions } from './write.ts'
// Writing: for part files and results in FASTA form.
export { FastaFileWriter, formatRecord } from './write.ts'
