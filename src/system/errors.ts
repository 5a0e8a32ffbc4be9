import type { Detail, ErrorCode, ErrorKind } from './error-codes.ts'
import { linesOf, type Message } from './printable.ts'
import { systemProblem } from './problems.ts'

export type { ErrorKind } from './error-codes.ts'

/** What an error says besides its message. */
export interface ErrorOptions {
  kind?: ErrorKind
  cause?: unknown
  /** What a front end can give advice on. */
  detail?: Detail | undefined
}

/**
 * An error whose message is meant for the user: what happened and where.
 * Anything else that reaches the top of the command line is a defect and is shown with its stack.
 */
export class VirnucproError extends Error {
  readonly kind: ErrorKind
  /** The message line by line. */
  readonly lines: readonly string[]
  readonly detail: Detail | undefined

  constructor(message: Message, options: ErrorOptions = {}) {
    super(linesOf(message).join('\n'), options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.lines = linesOf(message)
    this.kind = kindOf(options) ?? 'failure'
    this.detail = options.detail
  }

  /** Stays the same when the message is reworded. */
  get code(): ErrorCode | undefined {
    return this.detail?.code
  }
}

/** What the operating system refused has a kind of its own, whatever was to be read. */
function kindOf({ kind, cause }: ErrorOptions): ErrorKind | undefined {
  return kind ?? systemProblem(cause, 'read')?.kind
}

/** The command line, environment or configuration file asks for something impossible. */
export class UsageError extends VirnucproError {
  constructor(message: Message, options: ErrorOptions = {}) {
    super(message, { ...options, kind: kindOf(options) ?? 'usage' })
  }
}

/** A file holds something that it should not. */
export class DataError extends VirnucproError {
  constructor(message: Message, options: ErrorOptions = {}) {
    super(message, { ...options, kind: kindOf(options) ?? 'badData' })
  }
}

/** A file or folder that was named is not there, or may not be read. */
export class NoInputError extends VirnucproError {
  constructor(message: Message, options: ErrorOptions = {}) {
    super(message, { kind: 'noInput', ...options })
  }
}

/** Something that the work needs, such as a server, cannot be reached or started. */
export class UnavailableError extends VirnucproError {
  constructor(message: Message, options: ErrorOptions = {}) {
    super(message, { kind: 'unavailable', ...options })
  }
}

/** The work could not be done now; what is done is kept, and the same command may succeed later. */
export class TryAgainError extends VirnucproError {
  constructor(message: Message, options: ErrorOptions = {}) {
    super(message, { kind: 'tryAgain', ...options })
  }
}

/** What failed first, where more failed when files were closed and removed because of it. */
export function firstFailure(error: unknown): unknown {
  return error instanceof SuppressedError ? firstFailure(error.suppressed) : error
}
