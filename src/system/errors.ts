/**
 * Exit codes of the command line, documented in docs/exit-codes.md. From 64 on they are those of BSD's sysexits.h, from
 * 128 on 128 plus the number of the signal. Source of 2 and 3: Broad's fork.
 */
export const ExitCode = {
  ok: 0,
  /** A check found problems, or the program has a defect. */
  failure: 1,
  /** The run finished, but some of its parts failed. */
  partial: 2,
  /** `checkpoints verify` found nothing to verify. */
  noCheckpoints: 3,
  /** EX_USAGE: the command line, the environment or the configuration asks for something impossible. */
  usage: 64,
  /** EX_DATAERR: an input, a model or another file holds something it should not. */
  badData: 65,
  /** EX_NOINPUT: a file or folder that was named does not exist or may not be read. */
  noInput: 66,
  /** EX_UNAVAILABLE: there is no server to begin with. */
  unavailable: 69,
  /** EX_CANTCREAT: an output cannot be created. */
  cannotCreate: 73,
  /** EX_IOERR: reading or writing failed on the way. */
  inputOutput: 74,
  /** EX_TEMPFAIL: the same command may succeed later: locked, server lost in mid-run, no memory. */
  tryAgain: 75,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const

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

  constructor(message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.exitCode = options.exitCode ?? ExitCode.failure
  }
}

/** The command line, environment or configuration file asks for something impossible. */
export class UsageError extends VirnucproError {
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, { exitCode: ExitCode.usage, ...options })
  }
}

/** A file holds something that it should not. */
export class DataError extends VirnucproError {
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, { exitCode: ExitCode.badData, ...options })
  }
}

/** A file or folder that was named is not there, or may not be read. */
export class NoInputError extends VirnucproError {
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, { exitCode: ExitCode.noInput, ...options })
  }
}

/** Something that the work needs, such as a server, cannot be reached or started. */
export class UnavailableError extends VirnucproError {
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, { exitCode: ExitCode.unavailable, ...options })
  }
}

/** The work could not be done now; what is done is kept, and the same command may succeed later. */
export class TryAgainError extends VirnucproError {
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, { exitCode: ExitCode.tryAgain, ...options })
  }
}
