import { tmpdir } from 'node:os'
import { FastaError, quoted } from './errors.ts'
import type { HeaderBuffer } from './header.ts'
import type { SpoolEntry } from './id-spool.ts'
import { IdTable } from './id-table.ts'
import { looksLikeProtein } from './letters.ts'
import type { SequenceBuffer } from './sequence-buffer.ts'
import type { InputSource } from './source.ts'
import type {
  DuplicateIds,
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

/** From this number on the next one for an id is remembered, and not looked for. */
const REMEMBERED_FROM = 8

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
  /** What it turned out to be. */
  format: 'fasta' | 'fastq' | undefined
  /** Whether it is a regular file. */
  isRegular = true

  readonly #policy: OnInvalid
  readonly #skipHint: string | undefined
  readonly #allowEmpty: boolean
  readonly #report: (record: InvalidRecord) => void
  readonly #statistics: ReadStatistics
  readonly #ids: IdTable
  readonly #duplicates: DuplicateIds
  readonly #allIds: IdTable | undefined
  readonly #nextNumber = new Map<string, number>()
  readonly #batchBases: number
  #suffix = ''
  readonly #sources: string[] = []
  #full: SequenceRecord[][] = []
  #batch: SequenceRecord[] = []
  #bases = 0

  /** @param allIds - every id of the input, for names that must not be among them */
  constructor(options: ReadOptions, allIds?: IdTable) {
    this.#policy = options.onInvalid ?? 'auto'
    this.#duplicates = options.duplicateIds ?? (this.#policy === 'skip' ? 'skip' : 'fail')
    this.#allIds = allIds
    this.#skipHint = options.skipHint
    this.#allowEmpty = options.allowEmpty ?? false
    this.#report = (record) => options.onInvalidRecord?.(record)
    this.#statistics = options.statistics ?? newReadStatistics()
    this.#ids = new IdTable(options.tempDir ?? tmpdir())
    this.#batchBases = options.batchBases ?? DEFAULT_BATCH_BASES
  }

  /** @param suffix - added to every id */
  startInput({ name, isRegular }: InputSource, suffix = ''): void {
    this.source = name
    this.#suffix = suffix
    this.format = undefined
    this.isRegular = isRegular
    this.#sources.push(name)
    this.#statistics.inputs++
  }

  /** Whether the rest of the input is not wanted. */
  get hasEnough(): boolean {
    return false
  }

  /** A complete record; `line` is that of its header. Clears the letters. */
  accept(header: HeaderBuffer, letters: SequenceBuffer, line: number): void {
    const id = this.#isValid(header, letters, line) ? this.#uniqueId(header, line) : undefined
    if (id !== undefined) {
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
  ): void {
    const { source } = this
    const outcome = OUTCOMES[reason] ?? 'left_out'
    const tolerated = this.#policy === 'skip' || outcome !== 'left_out' || reason === 'empty_record'
    const message = `${source}:${line}: ${what}`
    if (this.#policy === 'fail' || !tolerated) {
      throw new FastaError(`${message}; ${todo}`, { source, line, reason, id })
    }
    this.#statistics.skipped[reason] = (this.#statistics.skipped[reason] ?? 0) + 1
    const told = consequence === '' ? message : `${message}; ${consequence}`
    this.#report({ source, line, id, reason, message: told, outcome })
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
    return true
  }

  /** The id that the record gets; undefined where it is left out. */
  #uniqueId(header: HeaderBuffer, line: number): string | undefined {
    const { id } = header
    const at = this.#sources.length - 1
    const seen =
      this.#suffix === ''
        ? this.#ids.add(header.idSource, header.idStart, header.idEnd, line, at)
        : this.#addText(id + this.#suffix, line)
    if (seen === undefined) return id + this.#suffix
    return this.#duplicate(id + this.#suffix, line, {
      source: this.#sources[seen.sourceIndex]!,
      line: seen.line,
    })
  }

  #addText(id: string, line: number): SpoolEntry | undefined {
    const bytes = Buffer.from(id)
    return this.#ids.add(bytes, 0, bytes.length, line, this.#sources.length - 1)
  }

  #duplicate(id: string, line: number, first: Place): string | undefined {
    const { source } = this
    const reason = 'duplicate_id'
    const message = `${source}:${line}: duplicate id ${quoted(id)}, first at ${first.source}:${first.line}`
    if (this.#duplicates === 'fail') {
      const todo = this.orSkip(
        this.#skipHint === undefined
          ? 'give every record an id of its own'
          : 'give every record an id of its own, let each get one (--duplicate-ids suffix)',
        'keep only the first of each',
      )
      throw new FastaError(`${message}; ${todo}`, { source, line, reason, id, first })
    }
    const name = this.#duplicates === 'suffix' ? this.#freeName(id, line) : undefined
    const told = name === undefined ? message : `${message}; it is called ${quoted(name)}`
    const outcome = name === undefined ? 'left_out' : 'kept'
    this.#statistics.skipped[reason] = (this.#statistics.skipped[reason] ?? 0) + 1
    this.#report({ source, line, id, reason, message: told, outcome, first })
    return name
  }

  /** The id with the first number that no record of the input has. */
  #freeName(id: string, line: number): string {
    for (let number = this.#nextNumber.get(id) ?? 2; ; number++) {
      const name = `${id}_${number}`
      if (this.#allIds?.has(Buffer.from(name)) === true || this.#addText(name, line) !== undefined) continue
      // Only for ids that come again and again: pairs of names are many.
      if (number >= REMEMBERED_FROM) this.#nextNumber.set(id, number + 1)
      return name
    }
  }

  /** Reports what a sequence does not usually contain. The record is read unchanged. */
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
