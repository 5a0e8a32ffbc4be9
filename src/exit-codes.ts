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
