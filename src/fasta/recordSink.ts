import { tmpdir } from 'node:os'
import { FastaError, quoted } from './errors.ts'
import type { HeaderBuffer } from './header.ts'
import { IdTable } from './idTable.ts'
import { looksLikeProtein } from './letters.ts'
import type { SequenceBuffer } from './sequenceBuffer.ts'
import type { InputSource } from './source.ts'
import type {
  InvalidReason,
  InvalidRecord,
  OnInvalid,
  Place,
  ReadOptions,
  ReadStatistics,
  RecordOutcome,
  SequenceRecord,
} from './types.ts'
import { newReadStatistics } from './types.ts'

/** About 28,000 reads of 150 bases. */
const DEFAULT_BATCH_BASES = 4 << 20
/** Bounds the objects of a batch where records are a few letters long. */
const MAX_BATCH_RECORDS = 32_768

/** What becomes of a record with such a fault; of every other kind it is left out. */
const OUTCOMES: Partial<Record<InvalidReason, RecordOutcome>> = {
  header_in_sequence: 'kept',
  header_after_blank: 'kept',
  unknown_letters: 'kept',
  gaps: 'kept',
  no_id: 'kept',
  byte_order_mark: 'noted',
  empty_file: 'noted',
  missing_bgzf_end: 'noted',
  trailing_bytes: 'noted',
}

/** Checks finished records, applies the policy, and groups what is valid into batches. */
export class RecordSink {
  /** Name of the input being read. */
  source = ''
  /** Whether it is a regular file. */
  isRegular = true

  readonly #policy: OnInvalid
  readonly #skipHint: string | undefined
  readonly #allowEmpty: boolean
  readonly #report: (record: InvalidRecord) => void
  readonly #statistics: ReadStatistics
  readonly #ids: IdTable
  readonly #batchBases: number
  readonly #sources: string[] = []
  #full: SequenceRecord[][] = []
  #batch: SequenceRecord[] = []
  #bases = 0

  constructor(options: ReadOptions) {
    this.#policy = options.onInvalid ?? 'auto'
    this.#skipHint = options.skipHint
    this.#allowEmpty = options.allowEmpty ?? false
    this.#report = (record) => options.onInvalidRecord?.(record)
    this.#statistics = options.statistics ?? newReadStatistics()
    this.#ids = new IdTable(options.tempDir ?? tmpdir())
    this.#batchBases = options.batchBases ?? DEFAULT_BATCH_BASES
  }

  startInput({ name, isRegular }: InputSource): void {
    this.source = name
    this.isRegular = isRegular
    this.#sources.push(name)
    this.#statistics.inputs++
  }

  /** A complete record; `line` is that of its header. Clears the letters. */
  accept(header: HeaderBuffer, letters: SequenceBuffer, line: number): void {
    if (this.#isValid(header, letters, line)) {
      const { id } = header
      this.#reportOdd(id, letters, line)
      if (this.#bases + letters.length > this.#batchBases || this.#batch.length === MAX_BATCH_RECORDS) {
        this.#closeBatch()
      }
      this.#batch.push({ id, sequence: letters.bytes(), source: this.source, line })
      this.#bases += letters.length
      this.#statistics.records++
      this.#statistics.bases += letters.length
      if (letters.unknown > 0) this.#statistics.recordsWithUnknownLetters++
    }
    letters.clear()
  }

  /** Advice, and that one may skip what is invalid where a user can. */
  orSkip(todo: string, skip: string): string {
    return this.#skipHint === undefined ? todo : `${todo}, or ${skip} (${this.#skipHint})`
  }

  /**
   * Something invalid or unusual: thrown, or reported and counted, as the policy says.
   *
   * @param todo - what to do about it, for an error
   * @param consequence - what it means for the tables, for a report
   */
  invalid(
    reason: InvalidReason,
    line: number,
    id: string,
    what: string,
    todo: string,
    consequence = '',
    first?: Place,
  ): void {
    const { source } = this
    const outcome = OUTCOMES[reason] ?? 'left_out'
    const tolerated = this.#policy === 'skip' || outcome !== 'left_out' || reason === 'empty_record'
    const message = `${source}:${line}: ${what}`
    if (this.#policy === 'fail' || !tolerated) {
      throw new FastaError(`${message}; ${todo}`, { source, line, reason, id, first })
    }
    this.#statistics.skipped[reason] = (this.#statistics.skipped[reason] ?? 0) + 1
    const told = consequence === '' ? message : `${message}; ${consequence}`
    this.#report({ source, line, id, reason, message: told, outcome, ...(first && { first }) })
  }

  /** An input without a single record: a sample without reads, unless it may come from a command that has failed. */
  emptyInput(what: string): void {
    if (this.#allowEmpty || (this.isRegular && this.#policy !== 'fail')) {
      const { source } = this
      const message = `${source}: ${what}: an input without records`
      this.#statistics.skipped.empty_file = (this.#statistics.skipped.empty_file ?? 0) + 1
      this.#report({ source, line: 1, id: '', reason: 'empty_file', message, outcome: 'noted' })
      return
    }
    const todo = this.isRegular
      ? 'check that it was written completely'
      : 'the command that writes to it may have failed; if it may have nothing to say, add --allow-empty'
    throw new FastaError(`${this.source}:1: ${what}; ${todo}`, {
      source: this.source,
      line: 1,
      reason: 'empty_file',
    })
  }

  reportMark(line: number, id: string): void {
    this.invalid(
      'byte_order_mark',
      line,
      id,
      'a byte order mark inside the file, as where files from Windows were joined',
      'remove it',
      'it is passed over',
    )
  }

  /** Batches that are full by now. */
  takeFull(): SequenceRecord[][] {
    const full = this.#full
    if (full.length > 0) this.#full = []
    return full
  }

  /** The last, partly filled batch too. */
  takeAll(): SequenceRecord[][] {
    this.#closeBatch()
    return this.takeFull()
  }

  close(): void {
    this.#ids.close()
  }

  #closeBatch(): void {
    if (this.#batch.length > 0) this.#full.push(this.#batch)
    this.#batch = []
    this.#bases = 0
  }

  #isValid(header: HeaderBuffer, letters: SequenceBuffer, line: number): boolean {
    const { id } = header
    if (letters.length === 0) {
      this.invalid(
        'empty_record',
        line,
        id,
        `record ${quoted(id)} has no sequence`,
        this.orSkip('remove it', 'skip invalid records'),
      )
      return false
    }
    const { aminoAcids } = letters
    const count = letters.length - letters.gaps
    if (aminoAcids > 0 && looksLikeProtein(aminoAcids, count)) {
      this.invalid(
        'protein',
        line,
        id,
        `record ${quoted(id)} looks like protein: ${aminoAcids} of ${count} letters are amino acids (E F I J L O P Q Z)`,
        'give nucleotide sequences; they are translated here',
      )
      return false
    }
    const seen = this.#ids.add(header.idSource, header.idStart, header.idEnd, line, this.#sources.length - 1)
    if (seen === undefined) return true
    const first = { source: this.#sources[seen.sourceIndex]!, line: seen.line }
    this.invalid(
      'duplicate_id',
      line,
      id,
      `duplicate id ${quoted(id)}, first at ${first.source}:${first.line}`,
      this.orSkip(
        'give every record an id of its own (mates of a pair: /1 and /2)',
        'keep only the first of each',
      ),
      '',
      first,
    )
    return false
  }

  /** Names what a record holds that a sequence usually does not. It is read as it stands. */
  #reportOdd(id: string, { odd, unknownLetters }: SequenceBuffer, headerLine: number): void {
    const record = `record ${quoted(id)}`
    if (id === '') {
      this.invalid('no_id', headerLine, id, 'a record without an id', 'write an id after its ">" or "@"')
    }
    if (odd.headerInside > 0) {
      this.invalid(
        'header_in_sequence',
        odd.headerInside,
        id,
        `${record}: ">" inside a sequence line, as where files were joined without a line end between them`,
        'put a line end before the ">"',
        'what follows is read as letters of this record',
      )
    }
    if (odd.headerAfterBlank > 0) {
      this.invalid(
        'header_after_blank',
        odd.headerAfterBlank,
        id,
        `${record}: a blank before ">"`,
        'remove the blank',
        'the line is no header and is read as letters of this record',
      )
    }
    if (odd.unknown > 0) {
      this.invalid(
        'unknown_letters',
        odd.unknown,
        id,
        `${record}: ${[...unknownLetters].map((letter) => `"${letter}"`).join(' ')} among its letters, no nucleotide codes`,
        'remove them',
        'codons with them are passed over',
      )
    }
    if (odd.gap > 0) {
      this.invalid(
        'gaps',
        odd.gap,
        id,
        `${record}: gaps ("-", "." or "*") among its letters`,
        'remove them',
        'codons with them are passed over',
      )
    }
    if (odd.mark > 0) this.reportMark(odd.mark, id)
  }
}
