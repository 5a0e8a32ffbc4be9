import { type InvalidRecord, newReadStatistics, type OnInvalid, type ReadOptions } from '../fasta/index.ts'
import { columnNames } from '../layout/index.ts'
import type { RunCounts } from '../monitor/index.ts'
import type { Logger } from '../system/logger.ts'
import { count } from '../text/numbers.ts'
import type { LeftOut } from './left-out.ts'
import { ListFile } from './list-file.ts'

/** Warnings about records left out that are shown one by one; the list goes on. */
const SHOWN = 20
/** The same for each kind of what is only unusual. */
const SHOWN_UNUSUAL = 5

/** Records that a run leaves out or finds something unusual in: each one is named in a list, none is passed over silently. */
export class RecordReport implements AsyncDisposable {
  readonly #list: ListFile
  readonly #logger: Logger
  readonly #statistics = newReadStatistics()
  #pending: InvalidRecord[] = []
  readonly #leftOut: LeftOut | undefined
  #unusual = 0
  #cut = 0
  #lastUnusual = ''
  readonly #shown = new Map<string, number>()
  readonly #counts: RunCounts

  /** @param leftOut - describes them among the other records, where somebody wants to know */
  constructor(path: string, counts: RunCounts, logger: Logger, leftOut?: LeftOut) {
    this.#list = new ListFile(path, columnNames('invalidRecords'))
    this.#counts = counts
    this.#logger = logger
    this.#leftOut = leftOut
  }

  /** Whether there is a list. */
  get isListed(): boolean {
    return this.#list.isBegun
  }

  /** What has been read so far. */
  get read(): { readonly bytes: number; readonly bases: number } {
    return this.#statistics
  }

  readOptions(onInvalid: OnInvalid, tempDir: string, signal: AbortSignal | undefined): ReadOptions {
    return {
      onInvalid,
      tempDir,
      statistics: this.#statistics,
      ...(signal === undefined ? {} : { signal }),
      onMates: (first, second) =>
        this.#logger.info(
          `${first} and ${second} have the same names throughout, as mates have: their records are called NAME/1 and NAME/2`,
        ),
      onPassedOver: (source, records) =>
        this.#logger.info(
          `${source}: ${count(records, 'secondary or supplementary record')} passed over: a read is taken once, from its primary record`,
        ),
      onInvalidRecord: (record) => {
        this.#pending.push(record)
        this.#leftOut?.add(record, this.#statistics.records)
        this.#report(record)
      },
      afterReports: () => this.drain(),
    }
  }

  #report({ outcome, reason, message, source, id }: InvalidRecord): void {
    if (outcome === 'left_out') {
      this.#counts.skippedRecords++
      if (this.#counts.skippedRecords <= SHOWN) this.#logger.warn(`left out: ${message}`)
      return
    }
    if (reason === 'too_long') this.#cut++
    else if (outcome === 'kept') {
      // What is unusual in one record is reported at once.
      const record = `${source}\n${id}`
      if (record !== this.#lastUnusual) this.#unusual++
      this.#lastUnusual = record
    }
    const shown = (this.#shown.get(reason) ?? 0) + 1
    this.#shown.set(reason, shown)
    if (shown <= SHOWN_UNUSUAL) this.#logger.warn(message)
  }

  /** Writes what was left out since the last call. */
  async drain(): Promise<void> {
    for (const { source, line, id, reason, message, outcome } of this.#pending.splice(0))
      await this.#list.add([source, line, id, reason, message, outcome])
  }

  /** Closes the table, where there is one, and says what was left out or taken with a doubt. */
  async finish(): Promise<void> {
    await this.drain()
    await this.#list.commit()
    const { skippedRecords } = this.#counts
    if (skippedRecords > 0)
      this.#logger.warn(
        `${count(skippedRecords, 'invalid record')} left out; the list is in ${this.#list.path}`,
      )
    if (this.#cut > 0)
      this.#logger.warn(
        `of ${count(this.#cut, 'longer record')} only the beginning is embedded; the list is in ${this.#list.path}`,
      )
    if (this.#unusual > 0) {
      this.#logger.warn(
        `${count(this.#unusual, 'record')} with something unusual, read unchanged; the list is in ${this.#list.path}`,
      )
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#list[Symbol.asyncDispose]()
  }
}
