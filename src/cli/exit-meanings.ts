import type { ExitCode } from '../exit-codes.ts'

/** What each exit code means: whole sentences. Markdown; links start in docs/. */
export const EXIT_MEANINGS: Readonly<Record<keyof typeof ExitCode, string>> = {
  ok: 'The work is done. A run that finds nothing viral ends with 0, and so does one whose reader closed the pipe early (`virnucpro … | head`).',
  failure:
    'A check found problems, or the program has a defect. A defect is shown with a stack trace: please report it.',
  partial:
    'The run finished, but some of its parts, or some of several [samples](how-to/samples.md#when-a-sample-fails), failed and are missing from the results. The same command computes only what is missing.',
  noCheckpoints: '`checkpoints verify` found no checkpoints to verify.',
  usage:
    'The command line, the environment or the configuration file asks for something impossible, or names no command. Nothing was computed.',
  badData: 'An input, a model or another file holds something that it should not.',
  noInput: 'A file or folder that was named does not exist or may not be read.',
  unavailable:
    'Something that the command needs is not available: no server answers or starts, a server refuses access, a port is in use, TensorRT is not installed, GPUs are there and not set up, or [the system](reference/platforms.md) cannot do it.',
  cannotCreate: 'An output cannot be created: no permission, a name that is taken, a read-only file system.',
  inputOutput: 'Reading or writing failed on the way: a full disk, a lost mount.',
  tryAgain:
    'Try again later: another run holds the output folder, the servers were lost during the run, or there is no memory. What is done is kept.',
  hungUp: 'Stopped by SIGHUP, as when a terminal is closed.',
  interrupted: 'Stopped by SIGINT (Ctrl-C).',
  terminated: 'Stopped by SIGTERM, as batch systems and container hosts send it.',
}
