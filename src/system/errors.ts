/**
 * Exit codes of the command line, documented in docs/exit-codes.md.
 * Source: the original exits 0 or 1; Broad's fork adds 2 for partial failure and 143 for SIGTERM.
 */
export const ExitCode = {
  ok: 0,
  failure: 1,
  /** Bad usage, or a run that finished with some parts failed. */
  usageOrPartial: 2,
  /** `checkpoints verify` found nothing to verify. */
  noCheckpoints: 3,
  interrupted: 130,
  terminated: 143,
} as const

/**
 * An error whose message is meant for the user: what happened, where, and what to do.
 * Anything else that reaches the top of the command line is a defect and is shown with its stack.
 */
export class VirnucproError extends Error {
  /** Exit code the command line ends with. */
  readonly exitCode: number

  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.exitCode = options.exitCode ?? ExitCode.failure
  }
}

/** The command line, environment or configuration file asks for something impossible: exit code 2. */
export class UsageError extends VirnucproError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, { ...options, exitCode: ExitCode.usageOrPartial })
  }
}
