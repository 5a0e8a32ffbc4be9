import { VirnucproError } from './errors.ts'
import { type Access, KIND, messageOf, systemProblem } from './problems.ts'

/** What a message says in place of the path, and in place of the usual remedy. */
interface Wording {
  what?: string
  remedy?: string
}

class FileError extends VirnucproError {
  readonly path: string

  constructor(access: Access, path: string, cause: unknown, { what = path, remedy }: Wording = {}) {
    const problem = systemProblem(cause, access)
    const why = problem === undefined ? messageOf(cause) : `${problem.reason}; ${remedy ?? problem.remedy}`
    super(`cannot ${access} ${what}: ${why}`, { kind: problem?.kind ?? KIND[access], cause })
    this.path = path
  }
}

/** A file or folder could not be written: full disk, read-only folder, quota, vanished mount. */
export class WriteError extends FileError {
  constructor(path: string, cause: unknown, wording?: Wording) {
    super('write', path, cause, wording)
  }
}

/** A file or folder could not be read. */
export class ReadError extends FileError {
  constructor(path: string, cause: unknown, wording?: Wording) {
    super('read', path, cause, wording)
  }
}

/** For the `catch` of a call that writes: throws a `WriteError`. */
export function cannotWrite(path: string): (cause: unknown) => never {
  return (cause) => {
    throw new WriteError(path, cause)
  }
}

/** For the `catch` of a call that reads: throws a `ReadError`. */
export function cannotRead(path: string): (cause: unknown) => never {
  return (cause) => {
    throw new ReadError(path, cause)
  }
}

/** For the `catch` of a call that reads a file that need not be there: undefined without it. @throws ReadError */
export function unlessMissing(path: string): (cause: NodeJS.ErrnoException) => undefined {
  return (cause) => (cause.code === 'ENOENT' ? undefined : cannotRead(path)(cause))
}

/** Calls that only ever change something; every other call may be a reading one. */
const WRITING =
  /^(write|f?sync|fdatasync|mkdir|mkdtemp|rename|rm|rmdir|unlink|link|symlink|copyfile|f?truncate|utime)/

/** How Bun says that it could not read a file of the program itself. */
const OF_THE_PROGRAM = /^BuildMessage: (E[A-Z0-9]+) reading "(.+)"/

/** An error of the operating system that nobody has put into words yet; undefined for any other. */
export function fromSystem(error: unknown): VirnucproError | undefined {
  const [, ofProgram, file] = OF_THE_PROGRAM.exec(String(error)) ?? []
  if (ofProgram !== undefined && file !== undefined) return new ReadError(file, { code: ofProgram })
  const { path, syscall = '' } = (error ?? {}) as NodeJS.ErrnoException
  const access: Access = WRITING.test(syscall) ? 'write' : 'read'
  const problem = systemProblem(error, access)
  if (problem === undefined) return undefined
  if (problem.kind === 'tryAgain' && path === undefined) {
    const { reason, remedy, kind } = problem
    return new VirnucproError(`${reason}; ${remedy}`, { kind, cause: error })
  }
  if (syscall.endsWith('getcwd') || syscall === 'uv_cwd') {
    return new VirnucproError('the current folder was removed, or may not be read; change to another one', {
      kind: problem.kind,
      cause: error,
    })
  }
  const name = path ?? `a file (${syscall === '' ? 'unknown call' : syscall})`
  return access === 'write' ? new WriteError(name, error) : new ReadError(name, error)
}
