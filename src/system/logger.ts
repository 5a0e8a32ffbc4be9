import type { Message } from './printable.ts'
import { withoutSecrets } from './secret.ts'

/**
 * Where the toolkit says what it is doing. The command line writes it to standard error and the log file;
 * a program that uses the library passes its own.
 */
export interface Logger {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  error(message: Message): void
}

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

  debug(message: string): void {
    this.#logger.debug(message)
  }

  info(message: string): void {
    this.#logger.info(message)
  }

  warn(message: string): void {
    if (this.#warnings.size < KEPT_WARNINGS) this.#warnings.add(withoutSecrets(message))
    this.#logger.warn(message)
  }

  error(message: Message): void {
    this.#logger.error(message)
  }
}
