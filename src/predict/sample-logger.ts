import type { Detail } from '../system/error-codes.ts'
import type { Logger } from '../system/logger.ts'
import { linesOf, type Message } from '../system/printable.ts'

/** Says of one of many samples only what is wrong, with its name; the rest is for whoever looks for it. */
export class SampleLogger implements Logger {
  readonly #logger: Logger
  readonly #name: string

  constructor(logger: Logger, name: string) {
    this.#logger = logger
    this.#name = name
  }

  debug(message: string, detail?: Detail): void {
    this.#logger.debug(`${this.#name}: ${message}`, detail)
  }

  note(message: string): void {
    this.#logger.note?.(`${this.#name}: ${message}`)
  }

  info(message: string, detail?: Detail): void {
    this.debug(message, detail)
  }

  warn(message: string, detail?: Detail): void {
    this.#logger.warn(`${this.#name}: ${message}`, detail)
  }

  error(message: Message, detail?: Detail): void {
    const [first = '', ...rest] = linesOf(message)
    this.#logger.error([`${this.#name}: ${first}`, ...rest], detail)
  }

  wording(message: string, detail: Detail | undefined): string {
    return this.#logger.wording?.(message, detail) ?? message
  }
}
