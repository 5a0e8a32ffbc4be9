import { readdirSync, readFileSync } from 'node:fs'
import type { ErrorKind } from './error-codes.ts'

/** What an error of the operating system means to the user. */
interface Problem {
  reason: string
  /** What to do when a file was to be read. @default {@link DEFAULT_REMEDY} */
  read?: string
  /** What to do when a file was to be written. @default {@link DEFAULT_REMEDY} */
  write?: string
  /** Kinds of error where they are not those of `KIND`. */
  kind?: { read?: ErrorKind; write?: ErrorKind }
}

const AGAIN = 'and start the same command again'
const NOT_THERE = { read: 'noInput' } as const
const ON_THE_WAY = { write: 'inputOutput' } as const
const DEFAULT_REMEDY = { read: 'check the name', write: 'choose another output folder' } as const
export const KIND = { read: 'inputOutput', write: 'cannotCreate' } as const

/** The same is to be done whatever the file was wanted for. */
function both(remedy: string): { read: string; write: string } {
  return { read: `${remedy} ${AGAIN}`, write: `${remedy} ${AGAIN}` }
}

/** The machine or this process has come to a limit: the same may go well later. */
function exhausted(reason: string, remedy: string): Problem {
  return { reason, ...both(remedy), kind: { read: 'tryAgain', write: 'tryAgain' } }
}

const CHECK_DISK = both('check the disk or the mount')
const CLOSE_FILES = 'raise the limit (ulimit -n) or end other programs,'

/**
 * The one place that turns an error number into words. Names: errno(3); libuv's and Bun's own where they differ.
 * `{code}` in a reason stands for the name itself.
 */
const PROBLEMS: Readonly<Record<string, Problem>> = {
  ENOSPC: { reason: 'the disk is full', ...both('free some space'), kind: ON_THE_WAY },
  EDQUOT: { reason: 'the disk quota is used up', ...both('free some space'), kind: ON_THE_WAY },
  EFBIG: {
    reason: 'the file would be larger than the file system or the limit of this process (ulimit -f) allows',
    ...both('raise the limit'),
    kind: ON_THE_WAY,
  },
  ENOENT: {
    reason: 'no such file or folder',
    write: `its folder has vanished; check the disk or the mount ${AGAIN}`,
    // Folders are made where they are missing: one that is not there was there a moment ago.
    kind: { ...NOT_THERE, ...ON_THE_WAY },
  },
  ENOTDIR: { reason: 'a part of the path is a file, not a folder ({code})', kind: NOT_THERE },
  EISDIR: {
    reason: 'a folder stands where a file is expected ({code})',
    read: 'name a file',
    kind: NOT_THERE,
  },
  EEXIST: { reason: 'something else is there ({code})' },
  ENAMETOOLONG: { reason: 'the name is too long', write: 'choose a shorter one', kind: NOT_THERE },
  ELOOP: { reason: 'links lead in a circle', read: 'check the links', kind: NOT_THERE },
  EROFS: { reason: 'the file system is read-only', read: CHECK_DISK.read },
  EACCES: {
    reason: 'permission denied',
    read: 'ask for permission to read it',
    write: 'choose a folder you may write to',
    kind: NOT_THERE,
  },
  ETXTBSY: { reason: 'the file is a program that runs', read: 'end it first' },
  EIO: { reason: 'the file system does not answer ({code})', ...CHECK_DISK, kind: ON_THE_WAY },
  ENXIO: {
    reason: 'it is a pipe that nobody reads, a socket, or a device that is not there',
    read: 'check the path',
    write: 'choose another place for it',
  },
  // Node's own, and that of TooLargeError.
  ERR_FS_FILE_TOO_LARGE: {
    reason: 'it is larger than any file of its kind',
    read: 'check the name',
    kind: { read: 'badData' },
  },
  EMFILE: exhausted('this process has too many files open', CLOSE_FILES),
  ENFILE: exhausted('this machine has too many files open', CLOSE_FILES),
  ENOMEM: exhausted('there is no memory left', 'end other programs or raise the limit (ulimit -v),'),
  EAGAIN: exhausted(
    'the system has no more processes or memory to give',
    'end other programs or raise the limit (ulimit -u),',
  ),
}
const SAME: Readonly<Record<string, string>> = {
  EPERM: 'EACCES',
  // Bun's name for one that its `rm` does not expect, such as ESTALE and EIO.
  EFAULT: 'EIO',
  ESTALE: 'EIO',
  ENOTCONN: 'EIO',
  ENODEV: 'EIO',
  EREMOTEIO: 'EIO',
  ETIMEDOUT: 'EIO',
}

export type Access = 'read' | 'write'

/** What an error of the operating system means; undefined for any other error. */
export function systemProblem(
  error: unknown,
  access: Access,
): { reason: string; remedy: string; kind: ErrorKind } | undefined {
  const { code: named, path } = (error ?? {}) as NodeJS.ErrnoException
  const code = limitMet(error) ?? named
  if (typeof code !== 'string') return undefined
  const problem = PROBLEMS[SAME[code] ?? code]
  // A name of the program's own, such as ERR_INVALID_ARG_TYPE, is a defect.
  if (problem === undefined) {
    if (!/^E[A-Z0-9]+$/.test(code) || (path === undefined && !('errno' in (error as object))))
      return undefined
    return { reason: messageOf(error), remedy: CHECK_DISK.read, kind: KIND[access] }
  }
  return {
    reason: problem.reason.replace('{code}', code),
    remedy: problem[access] ?? DEFAULT_REMEDY[access],
    kind: problem.kind?.[access] ?? KIND[access],
  }
}

/**
 * How JavaScript, C++, ONNX Runtime and Bun's loader of modules say that the machine or this process has come to a limit.
 * Their errors have no number.
 * Bun has no room for compiled code where the address space is limited, and says so when native code is called.
 * A string or list beyond what the engine can hold at all is a `RangeError` with other words, and a defect.
 */
const LIMITS: readonly (readonly [code: string, words: RegExp])[] = [
  [
    'ENOMEM',
    /^out of memory\b|std::bad_alloc|array buffer allocation failed|failed to allocate memory|cannot allocate memory|bad allocation|bun:ffi requires the JIT/i,
  ],
  ['EMFILE', /\bEMFILE\b|too many open files/i],
  ['EAGAIN', /resource temporarily unavailable/i],
]

/** The number of the error that such words stand for. */
function limitMet(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('message' in error)) return undefined
  const { name, message } = error as Error
  const found = LIMITS.find(([, words]) => words.test(message))
  if (found !== undefined) return found[0]
  return name === 'ResolveMessage' && areFilesScarce() ? 'EMFILE' : undefined
}

/** Bun needs some files open at once to find a module, and does not say why it finds none. */
const FILES_TO_SPARE = 32

function areFilesScarce(): boolean {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return Number(limit) - readdirSync('/proc/self/fd').length < FILES_TO_SPARE
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EMFILE'
  }
}

/** Why a file could not be read, in words and without what to do about it. */
export function reasonOf(error: unknown): string {
  return systemProblem(error, 'read')?.reason ?? messageOf(error)
}

/** The words of an error, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
