import { ExitCode } from './exit-codes.ts'
import { linesOf, type Message } from './printable.ts'
import { systemProblem } from './problems.ts'

interface ErrorOptions {
  exitCode?: number
  cause?: unknown
}

/**
 * An error whose message is meant for the user: what happened, where, and what to do.
 * Anything else that reaches the top of the command line is a defect and is shown with its stack.
 */
export class VirnucproError extends Error {
  /** Exit code the command line ends with. */
  readonly exitCode: number
  /** The message line by line. */
  readonly lines: readonly string[]

  constructor(message: Message, options: ErrorOptions = {}) {
    super(linesOf(message).join('\n'), options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.lines = linesOf(message)
    this.exitCode = codeOf(options) ?? ExitCode.failure
  }
}

/** What the operating system refused has a code of its own, whatever was to be read: 66 for a file that is not there. */
function codeOf({ exitCode, cause }: ErrorOptions): number | undefined {
  return exitCode ?? systemProblem(cause, 'read')?.exitCode
}

/** The command line, environment or configuration file asks for something impossible. */
export class UsageError extends VirnucproError {
  constructor(message: Message, options: ErrorOptions = {}) {
    super(message, { ...options, exitCode: codeOf(options) ?? ExitCode.usage })
  }
}

/** A file holds something that it should not. */
export class DataError extends VirnucproError {
  constructor(message: Message, options: ErrorOptions = {}) {
    super(message, { ...options, exitCode: codeOf(options) ?? ExitCode.badData })
  }
}

/** A file or folder that was named is not there, or may not be read. */
export class NoInputError extends VirnucproError {
  constructor(message: Message, options: ErrorOptions = {}) {
    super(message, { exitCode: ExitCode.noInput, ...options })
  }
}

/** Something that the work needs, such as a server, cannot be reached or started. */
export class UnavailableError extends VirnucproError {
  constructor(message: Message, options: ErrorOptions = {}) {
    super(message, { exitCode: ExitCode.unavailable, ...options })
  }
}

/** The work could not be done now; what is done is kept, and the same command may succeed later. */
export class TryAgainError extends VirnucproError {
  constructor(message: Message, options: ErrorOptions = {}) {
    super(message, { exitCode: ExitCode.tryAgain, ...options })
  }
}
