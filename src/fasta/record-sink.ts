import { tmpdir } from 'node:os'
import type { Detail } from '../system/error-codes.ts'
import type { HeaderBuffer } from './ids.ts'
import { IdTable, type SpoolEntry } from './ids.ts'
import type { InputSource } from './input.ts'
import { looksLikeDna, looksLikeProtein, type OddLines, type SequenceBuffer } from './letters.ts'
import {
  type DuplicateIds,
  FastaError,
  type InvalidReason,
  type InvalidRecord,
  newReadStatistics,
  type OnInvalid,
  type Place,
  quoted,
  type ReadOptions,
  type ReadStatistics,
  type RecordOutcome,
  type SequenceRecord,
} from './types.ts'

/** About 28,000 reads of 150 bases. */
const DEFAULT_BATCH_BASES = 4 << 20
/** Bounds the objects of a batch where records are a few letters long. */
const MAX_BATCH_RECORDS = 32_768
/** Letters of the headers of a batch: descriptions may be long. */
const MAX_BATCH_HEADERS = 16 << 20
/** The records before so many reports are handed on: what is reported about an input waits for them. */
const MAX_BATCH_REPORTS = 4096

/** From this number on the next one for an id is remembered, and not looked for. */
const REMEMBERED_FROM = 8

/** What becomes of a record with such a fault; of every other kind it is left out. */
const OUTCOMES: Partial<Record<InvalidReason, RecordOutcome>> = {
  header_in_sequence: 'kept',
  header_after_blank: 'kept',
  unknown_letters: 'kept',
  rna: 'kept',
  gaps: 'kept',
  no_id: 'kept',
  byte_order_mark: 'noted',
  empty_file: 'noted',
  missing_bgzf_end: 'noted',
  trailing_bytes: 'noted',
}

interface Oddity {
  readonly reason: InvalidReason
  readonly what: (letters: SequenceBuffer) => string
  readonly todo: string
  /** What it means for the tables. */
  readonly consequence: string
}

type Oddities = Readonly<Record<Exclude<keyof OddLines, 'mark'>, Oddity>>

/** What a sequence does not usually contain. The record is read unchanged. */
const ODDITIES: Oddities = {
  headerInside: {
    reason: 'header_in_sequence',
    what: () => '">" inside a sequence line, as where files were joined without a line end between them',
    todo: 'put a line end before the ">"',
    consequence: 'what follows is read as letters of this record',
  },
  headerAfterBlank: {
    reason: 'header_after_blank',
    what: () => 'a blank before ">"',
    todo: 'remove the blank',
    consequence: 'the line is no header and is read as letters of this record',
  },
  unknown: {
    reason: 'unknown_letters',
    what: ({ unknownLetters }) => `${quotedLetters(unknownLetters)} among its letters, no nucleotide codes`,
    todo: 'remove them',
    consequence: 'codons with them are passed over',
  },
  uracil: {
    reason: 'rna',
    what: () => 'U among its letters, as RNA has them',
    todo: 'write U as T',
    consequence: 'codons with a U are passed over, so that the proteins are wrong',
  },
  gap: {
    reason: 'gaps',
    what: () => 'gaps ("-", "." or "*") among its letters',
    todo: 'remove them',
    consequence: 'codons with them are passed over',
  },
}

const quotedLetters = (letters: string) => [...letters].map((letter) => `"${letter}"`).join(' ')

/** The same for a protein. */
const PROTEIN_ODDITIES: Oddities = {
  ...ODDITIES,
  unknown: {
    ...ODDITIES.unknown,
    what: ({ unknownLetters }) => `${quotedLetters(unknownLetters)} among its letters, no amino acids`,
    consequence: 'it is read unchanged',
  },
  gap: { ...ODDITIES.gap, consequence: 'it is read unchanged' },
}

/** What an input can be. */
export type InputFormat = 'fasta' | 'fastq' | 'bam'

/** Checks finished records, applies the policy, and groups what is valid into batches. */
export class RecordSink {
  /** Name of the input being read. */
  source = ''
  /** Whether it is a regular file. */
  isRegular = true
  /** Whether the rest of the input is not wanted. */
  hasEnough = false

  /** Whether the records are to be proteins. */
  readonly isProtein: boolean

  readonly #policy: OnInvalid
  /** Whether the caller lets invalid records be left out: others cannot be advised to. */
  readonly #canSkip: boolean
  readonly #allowEmpty: boolean
  readonly #report: (record: InvalidRecord) => void
  readonly #onPassedOver: ReadOptions['onPassedOver']
  readonly #statistics: ReadStatistics
  readonly #ids: IdTable
  readonly #duplicates: DuplicateIds
  readonly #allIds: IdTable | undefined
  readonly #nextNumber = new Map<string, number>()
  readonly #batchBases: number
  #suffix = ''
  readonly #sources: string[] = []
  readonly #formats: (InputFormat | undefined)[] = []
  #full: SequenceRecord[][] = []
  #batch: SequenceRecord[] = []
  #bases = 0
  /** Letters of the headers in it. */
  #headers = 0
  #reports = 0

  /** @param allIds - every id of the input, for names that must not be among them */
  constructor(options: ReadOptions, allIds?: IdTable) {
    this.isProtein = options.alphabet === 'protein'
    this.#policy = options.onInvalid ?? 'auto'
    this.#canSkip = options.onInvalid !== undefined
    this.#duplicates = options.duplicateIds ?? (this.#policy === 'skip' ? 'skip' : 'fail')
    this.#allIds = allIds
    this.#allowEmpty = options.allowEmpty ?? false
    this.#report = (record) => options.onInvalidRecord?.(record)
    this.#onPassedOver = options.onPassedOver
    this.#statistics = options.statistics ?? newReadStatistics()
    this.#ids = new IdTable(options.tempDir ?? tmpdir())
    this.#batchBases = options.batchBases ?? DEFAULT_BATCH_BASES
  }

  /** @param suffix - added to every id */
  startInput({ name, isRegular }: InputSource, suffix = ''): void {
    this.source = name
    this.#suffix = suffix
    this.isRegular = isRegular
    this.#sources.push(name)
    this.#formats.push(undefined)
    this.#statistics.inputs++
  }

  /** What the input being read turned out to be. */
  get format(): InputFormat | undefined {
    return this.#formats.at(-1)
  }

  set format(format: InputFormat) {
    this.#formats[this.#formats.length - 1] = format
  }

  /** A complete record; `line` is that of its header. Clears the letters. */
  accept(header: HeaderBuffer, letters: SequenceBuffer, line: number): void {
    const sequence = this.isProtein ? withoutStop(letters) : undefined
    const isValid = this.#isValid(header, letters, line, sequence)
    const id = isValid ? this.#uniqueId(header, line) : undefined
    if (id !== undefined) {
      this.#reportOdd(id, letters, line)
      const { description } = header
      const words = id.length + description.length
      if (this.#isFull(letters.length, words)) this.#closeBatch()
      this.#batch.push({ id, description, sequence: sequence ?? letters.take(), source: this.source, line })
      this.#bases += letters.length
      this.#headers += words
      this.#statistics.records++
      this.#statistics.bases += letters.length
      if (letters.unknown > 0) this.#statistics.recordsWithUnknownLetters++
    }
    letters.clear()
  }

  /**
   * Something invalid or unusual: thrown, or reported and counted, as the policy says.
   *
   * @param todo - what to do about it, for an error
   * @param consequence - what it means for the tables, for a report
   * @param detail - what a front end has more to say about
   */
  invalid(
    reason: InvalidReason,
    line: number,
    id: string,
    what: string,
    todo: string,
    consequence = '',
    detail?: Detail,
  ): void {
    const { source } = this
    const outcome = OUTCOMES[reason] ?? 'left_out'
    const message = `${this.#placeIn(this.#formats.length - 1, line)}: ${what}`
    if (!this.tolerates(reason)) {
      throw new FastaError(`${message}; ${todo}`, { source, line, reason, id, detail })
    }
    const text = consequence === '' ? message : `${message}; ${consequence}`
    this.#count({ source, line, id, reason, message: text, outcome })
  }

  /** An input without a single record: a sample without reads, unless it may come from a command that has failed. */
  emptyInput(what: string): void {
    const { source, isRegular } = this
    const place = { source, line: 1, reason: 'empty_file' } as const
    if (this.#allowEmpty || (isRegular && this.#policy !== 'fail')) {
      const message = `${source}: ${what}: an input without records`
      this.#count({ ...place, id: '', message, outcome: 'noted' })
      return
    }
    if (isRegular) throw new FastaError(`${source}:1: ${what}; check that it was written completely`, place)
    const detail = { code: 'empty-stream', data: { source } } as const
    const message = `${source}:1: ${what}; the command that writes to it may have failed`
    throw new FastaError(message, { ...place, detail })
  }

  /** Whether a fault is only reported. */
  tolerates(reason: InvalidReason): boolean {
    if (this.#policy !== 'auto') return this.#policy === 'skip'
    // Nobody notices reads that are missing at the end.
    if (reason === 'missing_bgzf_end' && this.format === 'bam') return false
    return (OUTCOMES[reason] ?? 'left_out') !== 'left_out' || reason === 'empty_record'
  }

  /** A BGZF file has no end marker. @param line - where it ends; undefined where that is not known yet */
  missingEnd(line?: number): void {
    const reason = 'missing_bgzf_end'
    const isBam = this.format === 'bam'
    const what = `the ${isBam ? 'BAM' : 'bgzip'} end marker is missing, the file may be cut off`
    const again = `get it again, or write it again with ${isBam ? '"samtools view -b"' : 'bgzip'}`
    const detail = isBam && this.#canSkip ? ({ code: 'missing-end', data: {} } as const) : undefined
    if (line === undefined)
      throw new FastaError(`${this.source}: ${what}; ${again}`, { source: this.source, reason, detail })
    this.invalid(reason, line, '', `${what} after this ${isBam ? 'record' : 'line'}`, again, '', detail)
  }

  /** Records of BAM that repeat other ones. */
  passedOver(records: number): void {
    this.#onPassedOver?.(this.source, records)
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

  /** @param input - number of an input that was begun, from 0 */
  #placeIn(input: number, line: number): string {
    const source = this.#sources[input]
    return this.#formats[input] === 'bam' ? `${source}, record ${line}` : `${source}:${line}`
  }

  #count(record: InvalidRecord): void {
    const { skipped } = this.#statistics
    skipped[record.reason] = (skipped[record.reason] ?? 0) + 1
    this.#report(record)
    if (++this.#reports === MAX_BATCH_REPORTS) this.#closeBatch()
  }

  /** Whether a record with so many letters, and so many in its header, belongs to the next batch. */
  #isFull(bases: number, words: number): boolean {
    return (
      this.#bases + bases > this.#batchBases ||
      this.#headers + words > MAX_BATCH_HEADERS ||
      this.#batch.length === MAX_BATCH_RECORDS
    )
  }

  #closeBatch(): void {
    this.#reports = 0
    if (this.#batch.length > 0) this.#full.push(this.#batch)
    this.#batch = []
    this.#bases = this.#headers = 0
  }

  /** @param protein - the residues, where they are such */
  #isValid(
    { id }: HeaderBuffer,
    letters: SequenceBuffer,
    line: number,
    protein: Uint8Array | undefined,
  ): boolean {
    if ((protein ?? letters).length === 0) {
      const detail = this.#canSkip ? ({ code: 'empty-record', data: { id } } as const) : undefined
      this.invalid('empty_record', line, id, `record ${quoted(id)} has no sequence`, 'remove it', '', detail)
      return false
    }
    if (protein !== undefined) {
      if (!looksLikeDna(protein)) return true
      const what = `record ${quoted(id)} looks like DNA: all of its ${protein.length} letters are nucleotides`
      this.invalid('nucleotides', line, id, what, 'give protein sequences')
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
        '',
        { code: 'protein', data: { id } },
      )
      return false
    }
    return true
  }

  /** The id that the record gets; undefined where it is left out. */
  #uniqueId({ id, idSource, idStart, idEnd }: HeaderBuffer, line: number): string | undefined {
    const whole = id + this.#suffix
    const at = this.#sources.length - 1
    const seen =
      this.#suffix === '' ? this.#ids.add(idSource, idStart, idEnd, line, at) : this.#addText(whole, line)
    if (seen === undefined) return whole
    return this.#duplicate(whole, line, seen)
  }

  #addText(id: string, line: number): SpoolEntry | undefined {
    const bytes = Buffer.from(id)
    return this.#ids.add(bytes, 0, bytes.length, line, this.#sources.length - 1)
  }

  #duplicate(id: string, line: number, seen: SpoolEntry): string | undefined {
    const { source } = this
    const reason = 'duplicate_id'
    const first: Place = { source: this.#sources[seen.sourceIndex]!, line: seen.line }
    const [place, firstPlace] = [
      this.#placeIn(this.#sources.length - 1, line),
      this.#placeIn(seen.sourceIndex, seen.line),
    ]
    const message = `${place}: duplicate id ${quoted(id)}, first at ${firstPlace}`
    if (this.#duplicates === 'fail') {
      const detail = this.#canSkip ? ({ code: 'duplicate-id', data: { id } } as const) : undefined
      throw new FastaError(`${message}; give every record an id of its own`, {
        source,
        line,
        reason,
        id,
        first,
        detail,
      })
    }
    const name = this.#duplicates === 'suffix' ? this.#freeName(id, line) : undefined
    const text = name === undefined ? message : `${message}; it is called ${quoted(name)}`
    const outcome = name === undefined ? 'left_out' : 'kept'
    this.#count({ source, line, id, reason, message: text, outcome, first })
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

  #reportOdd(id: string, letters: SequenceBuffer, headerLine: number): void {
    const { odd } = letters
    if (id === '')
      this.invalid('no_id', headerLine, id, 'a record without an id', 'write an id after its ">" or "@"')
    const oddities = this.isProtein ? PROTEIN_ODDITIES : ODDITIES
    for (const [kind, oddity] of Object.entries(oddities) as [keyof Oddities, Oddity][]) {
      if (odd[kind] === 0 || (kind === 'gap' && this.isProtein && letters.gaps === 0)) continue
      const what = `record ${quoted(id)}: ${oddity.what(letters)}`
      this.invalid(oddity.reason, odd[kind], id, what, oddity.todo, oddity.consequence)
    }
    if (odd.mark > 0) this.reportMark(odd.mark, id)
  }
}

const STOP = 42

/** A protein without the stop codon at its end, which then is no gap either. */
function withoutStop(letters: SequenceBuffer): Uint8Array {
  const sequence = letters.take()
  if (sequence.at(-1) !== STOP) return sequence
  letters.gaps--
  return sequence.subarray(0, -1)
}
