// Exit codes and the errors that carry them.

// Files that appear whole or not at all.
export {
  AtomicFile,
  type ByteSink,
  makeFolder,
  syncFolder,
  writeAtomically,
} from './atomic.ts'
// How many threads to start.
export { availableCores, limitedThreads, threadsToStart } from './cores.ts'
// Names of files that are open already.
export { descriptorOf } from './descriptor.ts'
export {
  DataError,
  NoInputError,
  TryAgainError,
  UnavailableError,
  UsageError,
  VirnucproError,
} from './errors.ts'
export { ExitCode } from './exit-codes.ts'
// What is no number.
export { areFinite } from './finite.ts'
// JSON with one meaning.
export { JsonError, parseJson } from './json.ts'
// Which files are whose, and names for unfinished ones.
export {
  CREATE,
  type FileKeeper,
  ForeignFileError,
  keepersOf,
  keepFiles,
  openScratch,
  READ,
  removeFile,
  type TemporaryFile,
  temporaryFileIn,
  temporaryName,
} from './kept-files.ts'
// Where messages for people go.
export { type Logger, WarningKeeper } from './logger.ts'
// How much memory it took.
export { peakMemory } from './peak-memory.ts'
// What others wrote, made safe to print.
export { foreign, linesOf, type Message, printable, printableJson, printableLines } from './printable.ts'
// Errors of the operating system in words.
export { messageOf, reasonOf, systemProblem } from './problems.ts'
// Which process is which.
export { processGroupOf, processPlace, processStart } from './process-identity.ts'
export { fileIdentity, NotRegularError, openRegular } from './regular-file.ts'
// Folders that appear whole, and digests of files.
export { beginFolder, endFolder, refuseInputsIn, replaceFolder, strangersIn } from './replace-folder.ts'
// Whether two names are one file.
export { filesAt, identityAt, isThere, sameFile } from './same-file.ts'
// What must not be printed.
export { Secret, withoutSecrets } from './secret.ts'
export { sha256, sha256File, sha256Open } from './sha256.ts'
// What asks the program to stop.
export { onStopSignal, STOP_SIGNALS, type StopSignal, stoppedAtOnce } from './stop-signals.ts'
export { fromSystem, ReadError, WriteError } from './system-error.ts'
// A terminal with a display below the messages.
export { LiveTerminal } from './terminal.ts'
