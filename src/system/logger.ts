import type { Detail } from './error-codes.ts'
import { type Message, withoutSecrets } from './printable.ts'

/**
 * Where the toolkit says what it is doing. The command line writes it to standard error and the log file;
 * a program that uses the library passes its own.
 */
export interface Logger {
  /** For whoever looks for a defect. @param detail - what a front end can give advice on */
  debug(message: string, detail?: Detail): void
  /** What a log should hold and nobody needs to read meanwhile: the command line writes it to the log file. */
  note?(message: string): void
  /** What the work has come to. */
  info(message: string, detail?: Detail): void
  /** The work goes on, and its result may not be what was wanted. */
  warn(message: string, detail?: Detail): void
  /** Something was not done. */
  error(message: Message, detail?: Detail): void
  /** The message as it is shown, with the advice of this front end. */
  wording?(message: string, detail: Detail | undefined): string
}

/** Says nothing. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** More say nothing that these do not. */
const KEPT_WARNINGS = 1000

/** A logger that hands everything on and keeps the warnings: each text once, in order, the first thousand. */
export class WarningKeeper implements Logger {
  readonly #logger: Logger
  readonly #warnings: Set<string>

  /** @param before - warnings that were shown already */
  constructor(logger: Logger, before: readonly string[] = []) {
    this.#logger = logger
    this.#warnings = new Set(before)
  }

  get warnings(): readonly string[] {
    return [...this.#warnings]
  }

  debug(message: string, detail?: Detail): void {
    this.#logger.debug(message, detail)
  }

  note(message: string): void {
    this.#logger.note?.(message)
  }

  info(message: string, detail?: Detail): void {
    this.#logger.info(message, detail)
  }

  warn(message: string, detail?: Detail): void {
    if (this.#warnings.size < KEPT_WARNINGS) this.#warnings.add(withoutSecrets(this.wording(message, detail)))
    this.#logger.warn(message, detail)
  }

  wording(message: string, detail: Detail | undefined): string {
    return this.#logger.wording?.(message, detail) ?? message
  }

  error(message: Message, detail?: Detail): void {
    this.#logger.error(message, detail)
  }
}
