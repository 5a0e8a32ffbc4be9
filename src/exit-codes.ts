/**
 * Exit codes of the command line, documented in docs/reference/exit-codes.md. From 64 on they are those of BSD's sysexits.h, from
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
  /** EX_TEMPFAIL: the same command may succeed later: locked, server lost during the run, no memory. */
  tryAgain: 75,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const

interface RetryAdvice {
  /** Whether the same command, given again, may succeed. */
  readonly retry: boolean
  readonly because: string
}

/** What a workflow engine does best after each code; docs/reference/exit-codes.md has it as a table. */
export const RETRY: Readonly<Record<keyof typeof ExitCode, RetryAdvice>> = {
  ok: { retry: false, because: 'nothing is left to do' },
  failure: { retry: false, because: 'the same check finds the same fault, and a defect stays one' },
  partial: { retry: true, because: 'only what failed is computed again' },
  noCheckpoints: { retry: false, because: 'there is nothing to check' },
  usage: { retry: false, because: 'the command or the configuration has to be changed' },
  badData: { retry: false, because: 'the file has to be replaced' },
  noInput: { retry: false, because: 'the file has to be put there' },
  unavailable: {
    retry: true,
    because: 'a server or the network may answer by then; what is not installed stays missing',
  },
  cannotCreate: { retry: false, because: 'the folder or its permissions have to be changed' },
  inputOutput: {
    retry: true,
    because: 'the disk may be back or have room, or another node may have a better one',
  },
  tryAgain: {
    retry: true,
    because: 'the lock may be free, the servers back; give it more memory where that was short',
  },
  hungUp: { retry: false, because: 'somebody closed the terminal' },
  interrupted: { retry: false, because: 'somebody stopped it' },
  terminated: { retry: true, because: 'a batch system ended it; give it more time where that was short' },
}

/** 128 plus SIGKILL: what ended the program did not let it choose a code. The kernel does that where memory is short. */
export const KILLED = 137

/** The codes after which a retry makes sense, ascending. */
export const RETRY_CODES: readonly number[] = [
  ...Object.entries(RETRY)
    .filter(([, { retry }]) => retry)
    .map(([name]) => ExitCode[name as keyof typeof ExitCode]),
  KILLED,
].sort((a, b) => a - b)
