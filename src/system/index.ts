// Exit codes and the errors that carry them.

// Files that appear whole or not at all.
export {
  AtomicFile,
  type ByteSink,
  syncFolder,
  temporaryName,
  WriteError,
  writeAtomically,
} from './atomic.ts'
// How many threads to start.
export { availableCores } from './cores.ts'
export { ExitCode, UsageError, VirnucproError } from './errors.ts'
// What is no number.
export { areFinite } from './finite.ts'
// Where messages for people go.
export type { Logger } from './logger.ts'
// Folders that appear whole, and digests of files.
export { replaceFolder } from './replace-folder.ts'
export { sha256File } from './sha256.ts'
// A terminal with a display below the messages.
export { LiveTerminal } from './terminal.ts'
