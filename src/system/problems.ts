import type { ErrorKind } from './error-codes.ts'

/** What an error of the operating system means to the user. */
interface Problem {
  reason: string
  /** What to do when a file was to be read. */
  read: string
  /** What to do when a file was to be written. */
  write: string
  /** Kinds of error where they are not those of `KIND`. */
  kind?: { read?: ErrorKind; write?: ErrorKind }
}

const FREE_SPACE = 'free some space and start the same command again'
const CHECK_DISK = 'check the disk or the mount and start the same command again'
const CLOSE_FILES = 'raise the limit (ulimit -n) or end other programs, and start the same command again'
const FREE_MEMORY = 'end other programs or raise the limit (ulimit -v), and start the same command again'
const NOT_THERE = { read: 'noInput' } as const
const ON_THE_WAY = { write: 'inputOutput' } as const
const LATER = { read: 'tryAgain', write: 'tryAgain' } as const
export const KIND = { read: 'inputOutput', write: 'cannotCreate' } as const

/**
 * The one place that turns an error number into words. Names: errno(3); libuv's and Bun's own where they differ.
 * `{code}` in a reason stands for the name itself.
 */
const PROBLEMS: Readonly<Record<string, Problem>> = {
  ENOSPC: {
    reason: 'the disk is full',
    read: FREE_SPACE,
    write: FREE_SPACE,
    kind: ON_THE_WAY,
  },
  EDQUOT: {
    reason: 'the disk quota is used up',
    read: FREE_SPACE,
    write: FREE_SPACE,
    kind: ON_THE_WAY,
  },
  EFBIG: {
    reason: 'the file would be larger than the file system or the limit of this process (ulimit -f) allows',
    read: 'raise the limit and start the same command again',
    write: 'raise it and start the same command again',
    kind: ON_THE_WAY,
  },
  ENOENT: {
    reason: 'no such file or folder',
    read: 'check the name',
    write: 'its folder has vanished; check the disk or the mount and start the same command again',
    kind: NOT_THERE,
  },
  ENOTDIR: {
    reason: 'a part of the path is a file, not a folder ({code})',
    read: 'check the name',
    write: 'choose another output folder',
    kind: NOT_THERE,
  },
  EISDIR: {
    reason: 'a folder stands where a file is expected ({code})',
    read: 'name a file',
    write: 'choose another output folder',
    kind: NOT_THERE,
  },
  EEXIST: {
    reason: 'something else is there ({code})',
    read: 'check the name',
    write: 'choose another output folder',
  },
  ENAMETOOLONG: {
    reason: 'the name is too long',
    read: 'check the name',
    write: 'choose a shorter one with --prefix',
    kind: NOT_THERE,
  },
  ELOOP: {
    reason: 'links lead in a circle',
    read: 'check the links',
    write: 'choose another output folder',
    kind: NOT_THERE,
  },
  EROFS: {
    reason: 'the file system is read-only',
    read: CHECK_DISK,
    write: 'choose another output folder',
  },
  EACCES: {
    reason: 'permission denied',
    read: 'ask for permission to read it',
    write: 'choose a folder you may write to',
    kind: NOT_THERE,
  },
  ETXTBSY: {
    reason: 'the file is a program that runs',
    read: 'end it first',
    write: 'choose another output folder',
  },
  EIO: {
    reason: 'the file system does not answer ({code})',
    read: CHECK_DISK,
    write: CHECK_DISK,
    kind: ON_THE_WAY,
  },
  ENXIO: {
    reason: 'it is a pipe that nobody reads, a socket, or a device that is not there',
    read: 'check the path',
    write: 'choose another place for it',
  },
  EMFILE: {
    reason: 'this process has too many files open',
    read: CLOSE_FILES,
    write: CLOSE_FILES,
    kind: LATER,
  },
  ENFILE: {
    reason: 'this machine has too many files open',
    read: CLOSE_FILES,
    write: CLOSE_FILES,
    kind: LATER,
  },
  ENOMEM: {
    reason: 'there is no memory left',
    read: FREE_MEMORY,
    write: FREE_MEMORY,
    kind: LATER,
  },
  EAGAIN: {
    reason: 'the system has no more processes or memory to give',
    read: 'end other programs or raise the limit (ulimit -u), and start the same command again',
    write: 'end other programs or raise the limit (ulimit -u), and start the same command again',
    kind: LATER,
  },
}
const SAME: Readonly<Record<string, string>> = {
  EPERM: 'EACCES',
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
  const code = isOutOfMemory(error) ? 'ENOMEM' : named
  if (typeof code !== 'string') return undefined
  const problem = PROBLEMS[SAME[code] ?? code]
  // A name of the program's own, such as ERR_INVALID_ARG_TYPE, is a defect.
  if (problem === undefined) {
    if (!/^E[A-Z0-9]+$/.test(code) || (path === undefined && !('errno' in (error as object))))
      return undefined
    return { reason: messageOf(error), remedy: CHECK_DISK, kind: KIND[access] }
  }
  return {
    reason: problem.reason.replace('{code}', code),
    remedy: problem[access],
    kind: problem.kind?.[access] ?? KIND[access],
  }
}

/**
 * How JavaScript, C++ and ONNX Runtime say that an allocation failed. Their errors have no number.
 * Bun has no room for compiled code where the address space is limited, and says so when native code is called.
 * A string or list beyond what the engine can hold at all is a `RangeError` with other words, and a defect.
 */
const NO_MEMORY =
  /^out of memory\b|std::bad_alloc|array buffer allocation failed|failed to allocate memory|cannot allocate memory|bad allocation|bun:ffi requires the JIT/i

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && NO_MEMORY.test(error.message)
}

/** Why a file could not be read, in words and without what to do about it. */
export function reasonOf(error: unknown): string {
  return systemProblem(error, 'read')?.reason ?? messageOf(error)
}

/** The words of an error, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
