import type { Detail } from '../system/error-codes.ts'
import { DataError, type ErrorKind } from '../system/errors.ts'

/** One record of a FASTA, FASTQ or BAM file. */
export interface SequenceRecord {
  /** First word of the header as Python's `str.split()` sees it; '' when the header holds none. */
  id: string
  /** What follows the id in the header, without blanks at its ends. */
  description: string
  /** Letters as given (case kept), all whitespace removed, ASCII. The record owns its bytes. */
  sequence: Uint8Array
  /** File name as given, `<stdin>` for `-`. */
  source: string
  /** 1-based line of the header; in BAM the number of the record, from 1. */
  line: number
}

/**
 * What is done about invalid input.
 *
 * - `auto`: an empty record is left out and reported, what is only unusual is read and reported, everything else is an error.
 * - `fail`: everything invalid or unusual is an error, an empty record included.
 * - `skip`: what is invalid is left out and reported, what is only unusual is read and reported.
 */
export type OnInvalid = 'auto' | 'skip' | 'fail'

/** What is done about an id that was seen before: see {@link ReadOptions.duplicateIds}. */
export type DuplicateIds = 'fail' | 'skip' | 'suffix'

/**
 * What became of what is reported: a record left out, a record read unchanged, or something about the file that belongs
 * to no record.
 */
export type RecordOutcome = 'left_out' | 'kept' | 'noted'

/** Kinds of invalid or unusual content, subject to {@link OnInvalid}. */
export type InvalidReason =
  /** A header with no letters after it. */
  | 'empty_record'
  /** Longer than a model takes: what embeds records reports it, no reader does. */
  | 'too_long'
  /** The id was seen before, in this file or an earlier one. */
  | 'duplicate_id'
  /** Amino acids where nucleotides are expected. */
  | 'protein'
  /** Nothing but nucleotides where proteins are expected. */
  | 'nucleotides'
  /** NUL or control bytes, or a known binary format; `skip` leaves out the rest of the file. */
  | 'binary'
  /** A byte above 0x7F among the letters. */
  | 'non_ascii'
  /** A header that is not valid UTF-8. */
  | 'invalid_utf8'
  /** A header of more than 16 MiB, or with an id of more than 16 KiB. */
  | 'header_too_long'
  /** Something else than blank lines before the first record; `skip` leaves out that text only. */
  | 'text_before_first_record'
  /** 0 bytes, or only whitespace, decompressed or not: an error of a stream, see `ReadOptions.allowEmpty`. */
  | 'empty_file'
  /** Missing '+', or quality and sequence of different lengths. */
  | 'malformed_fastq'
  /** A bgzip file without its end marker: probably cut off. Reported, an error only with `fail`; in BAM always but with `skip`. */
  | 'missing_bgzf_end'
  /** Something that is no member or frame after the last one of compressed data. Reported, an error only with `fail`. */
  | 'trailing_bytes'
  /** '>' after letters of a sequence line. */
  | 'header_in_sequence'
  /** '>' after nothing but blanks: no header. */
  | 'header_after_blank'
  /** Letters that are no IUPAC nucleotide codes, too few of them amino acids for a protein; in proteins, no amino acids. */
  | 'unknown_letters'
  /** U in a sequence: codons with it are not translated. */
  | 'rna'
  /** '-', '.' or '*' in a sequence. */
  | 'gaps'
  /** A header without a word. */
  | 'no_id'
  /** U+FEFF in mid-file. */
  | 'byte_order_mark'

/** Kinds of failure no policy can skip: the input cannot be read to its end. */
export type InputFailure =
  | 'not_found'
  | 'directory'
  | 'unreadable'
  | 'stream_twice'
  /** A device or a socket. */
  | 'not_a_file'
  | 'unsupported_compression'
  | 'corrupt_compression'
  /** BAM that is damaged or ends inside a record. */
  | 'corrupt_bam'

/** A place in an input. */
export interface Place {
  source: string
  /** From 1; in BAM the number of the record. */
  line: number
}

/** What was left out, or read with a doubt, and why. */
export interface InvalidRecord extends Place {
  /** '' where the trouble belongs to no record. */
  id: string
  reason: InvalidReason
  /** One line for the user, `file:line: ...`. */
  message: string
  outcome: RecordOutcome
  /** Of a `duplicate_id`: where the id was seen first. */
  first?: Place
}

/** The bytes of an input as stored. */
export interface InputDigest {
  bytes: number
  sha256: string
}

/** Counts, filled in while reading; see {@link newReadStatistics}. */
export interface ReadStatistics {
  /** Inputs opened so far. */
  inputs: number
  /** Bytes read from them as stored, compressed ones included. */
  bytes: number
  /** Records yielded or about to be. */
  records: number
  /** Letters in those records. */
  bases: number
  /** Yielded records that hold letters outside the IUPAC nucleotide codes, gaps and '*'. */
  recordsWithUnknownLetters: number
  /** Reports by reason. */
  skipped: Partial<Record<InvalidReason, number>>
}

/** Fresh counts, all zero. */
export function newReadStatistics(): ReadStatistics {
  return { inputs: 0, bytes: 0, records: 0, bases: 0, recordsWithUnknownLetters: 0, skipped: {} }
}

/** What the letters of an input are. */
export type SequenceAlphabet = 'dna' | 'protein'

/** How inputs are read, and what is called meanwhile. */
export interface ReadOptions {
  /**
   * What the letters are expected to be. A protein may end in `*`, a translated stop codon, which is no letter of it.
   * @default 'dna'
   */
  alphabet?: SequenceAlphabet
  /** @default 'auto' */
  onInvalid?: OnInvalid
  /** Called for everything that is left out or unusual, in input order. */
  onInvalidRecord?(record: InvalidRecord): void
  /**
   * Called again and again while an input is read: whoever gathers reports can write them down. At most some ten thousand come in
   * between.
   */
  afterReports?(): void | Promise<void>
  /**
   * What is done about an id that was seen before. `suffix` gives `_2`, `_3` and so on, never a name that exists.
   * @default 'skip' with `onInvalid` 'skip', else 'fail'
   */
  duplicateIds?: DuplicateIds
  /** Called for two FASTQ inputs with the same names, whose records then are called `NAME/1` and `NAME/2`. */
  onMates?(first: string, second: string): void
  /**
   * Called for a BAM input with secondary and supplementary records, which are passed over: the primary record of a read is
   * the whole of it.
   */
  onPassedOver?(source: string, records: number): void
  /** A stream that gives nothing is an input without records, as an empty file is. @default it is an error */
  allowEmpty?: boolean
  /**
   * Called once an input has been read to its end, with the digest of the very bytes that were parsed. Its last records are
   * yielded after that.
   *
   * @param index - of the input among all
   */
  onInputRead?(index: number, read: InputDigest): void | Promise<void>
  /** Ends the reading with the signal's reason. */
  signal?: AbortSignal
  /**
   * Most bases in one batch; a longer record makes a batch of its own. A batch also ends at 32,768 records, and at 16 Mi letters in
   * headers.
   * @default 4 Mi
   */
  batchBases?: number
  /** Counts to fill in. */
  statistics?: ReadStatistics
  /**
   * Folder for the list of ids once it exceeds 4 MiB (the bytes of the ids and 12 a record).
   * The file is unlinked as soon as it is open, so that nothing stays behind.
   * @default os.tmpdir()
   */
  tempDir?: string
}

/** Of failures that are not about what an input holds. */
const KINDS: Partial<Record<InvalidReason | InputFailure, ErrorKind>> = {
  not_found: 'noInput',
  directory: 'noInput',
  not_a_file: 'noInput',
  stream_twice: 'usage',
}

/** An input cannot be read, or holds what the policy does not accept. The message starts with file and line. */
export class FastaError extends DataError {
  /** File name as given, `<stdin>` for `-`. */
  readonly source: string
  /** 1-based line, in BAM number of the record; undefined where the failure belongs to none, such as a missing file. */
  readonly line: number | undefined
  readonly reason: InvalidReason | InputFailure
  /** Id of the record, where there is one. */
  readonly id: string
  /** Of a `duplicate_id`: where the id was seen first. */
  readonly first: Place | undefined

  constructor(
    message: string,
    data: {
      source: string
      line?: number
      reason: InvalidReason | InputFailure
      id?: string
      first?: Place | undefined
      cause?: unknown
      kind?: ErrorKind | undefined
      detail?: Detail | undefined
    },
  ) {
    const kind = data.kind ?? KINDS[data.reason]
    super(message, { cause: data.cause, detail: data.detail, ...(kind !== undefined && { kind }) })
    this.source = data.source
    this.line = data.line
    this.reason = data.reason
    this.id = data.id ?? ''
    this.first = data.first
  }
}

/** An id or a piece of text for a message: quoted, control characters escaped, at most 60 characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text)
}
