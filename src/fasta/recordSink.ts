import { tmpdir } from 'node:os'
import { FastaError, quoted } from './errors.ts'
import type { HeaderBuffer } from './header.ts'
import { IdTable } from './idTable.ts'
import { looksLikeProtein } from './letters.ts'
import type { SequenceBuffer } from './sequenceBuffer.ts'
import type {
  InvalidReason,
  InvalidRecord,
  OnInvalid,
  Place,
  ReadOptions,
  ReadStatistics,
  SequenceRecord,
} from './types.ts'
import { newReadStatistics } from './types.ts'

/** About 28,000 reads of 150 bases. */
const DEFAULT_BATCH_BASES = 4 << 20
/** Bounds the objects of a batch where records are a few letters long. */
const MAX_BATCH_RECORDS = 32_768

/** Reported and left out (or, for the end marker, only reported) even where the rest is an error. */
const TOLERATED: ReadonlySet<InvalidReason> = new Set(['empty_record', 'missing_bgzf_end'])

/** Checks finished records, applies the policy, and groups what is valid into batches. */
export class RecordSink {
  /** Name of the input being read. */
  source = ''

  readonly #policy: OnInvalid
  readonly #skipHint: string | undefined
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
    this.#report = (record) => options.onInvalidRecord?.(record)
    this.#statistics = options.statistics ?? newReadStatistics()
    this.#ids = new IdTable(options.tempDir ?? tmpdir())
    this.#batchBases = options.batchBases ?? DEFAULT_BATCH_BASES
  }

  startInput(source: string): void {
    this.source = source
    this.#sources.push(source)
    this.#statistics.inputs++
  }

  /** A complete record; `line` is that of its header. Clears the letters. */
  accept(header: HeaderBuffer, letters: SequenceBuffer, line: number): void {
    if (this.#isValid(header, letters, line)) {
      const { id } = header
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

  /** Something invalid: thrown, or reported and counted, as the policy says. */
  invalid(reason: InvalidReason, line: number, id: string, what: string, todo: string, first?: Place): void {
    const { source } = this
    const fails = this.#policy === 'fail' || (this.#policy === 'auto' && !TOLERATED.has(reason))
    const message = `${source}:${line}: ${what}`
    if (fails) {
      throw new FastaError(`${message}; ${todo}`, { source, line, reason, id, first })
    }
    this.#statistics.skipped[reason] = (this.#statistics.skipped[reason] ?? 0) + 1
    this.#report({ source, line, id, reason, message, ...(first && { first }) })
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
      first,
    )
    return false
  }
}
