import { type InvalidRecord, newReadStatistics, type OnInvalid, type ReadOptions } from '../fasta/index.ts'
import { AtomicFile, type Logger } from '../system/index.ts'
import { count } from './result.ts'

/** Warnings shown one by one before only the report goes on. */
const SHOWN = 20

/** Records that a run leaves out: each one is named in a table, none is dropped silently. */
export class RecordReport {
  readonly #path: string
  readonly #logger: Logger
  readonly #statistics = newReadStatistics()
  #pending: InvalidRecord[] = []
  #file: AtomicFile | undefined
  /** Records left out so far. */
  skipped = 0

  constructor(path: string, logger: Logger) {
    this.#path = path
    this.#logger = logger
  }

  /** What has been read so far. */
  get read(): { readonly bytes: number; readonly bases: number } {
    return this.#statistics
  }

  readOptions(onInvalid: OnInvalid, tempDir: string, signal: AbortSignal | undefined): ReadOptions {
    return {
      onInvalid,
      skipHint: '--on-invalid skip',
      tempDir,
      statistics: this.#statistics,
      ...(signal === undefined ? {} : { signal }),
      onInvalidRecord: (record) => {
        this.#pending.push(record)
        this.skipped++
        if (this.skipped <= SHOWN) this.#logger.warn(`left out: ${record.message}`)
      },
    }
  }

  /** Writes what was left out since the last call. */
  async drain(): Promise<void> {
    if (this.#pending.length === 0) return
    if (this.#file === undefined) {
      this.#file = await AtomicFile.create(this.#path)
      await this.#file.write('source\tline\tid\treason\tmessage\n')
    }
    for (const { source, line, id, reason, message } of this.#pending.splice(0)) {
      await this.#file.write(`${[source, line, id, reason, message].map(cell).join('\t')}\n`)
    }
  }

  /** Closes the table, where there is one, and says what was left out or taken with a doubt. */
  async finish(): Promise<void> {
    await this.drain()
    await this.#file?.commit()
    if (this.skipped > 0)
      this.#logger.warn(`${count(this.skipped, 'invalid record')} left out; the list is in ${this.#path}`)
    const odd = this.#statistics.recordsWithUnknownLetters
    if (odd > 0) {
      this.#logger.warn(
        `${odd} records hold letters that are no nucleotide codes; codons with them were passed over`,
      )
    }
  }

  async abandon(): Promise<void> {
    await this.#file?.abandon()
  }
}

function cell(value: string | number): string {
  return String(value).replaceAll(/[\t\r\n]/g, ' ')
}
