import { stat } from 'node:fs/promises'
import { inspectInputs } from '../fasta/index.ts'
import { NoInputError } from '../system/errors.ts'
import { systemProblem } from '../system/problems.ts'

type Named = readonly (readonly [what: string, path: string])[]

/**
 * Checks paths named by the user before any long work begins.
 * @throws {NoInputError} for the first one that does not exist.
 */
export async function requirePaths(named: Named): Promise<void> {
  for (const [what, path] of named) {
    await stat(path).catch((cause: NodeJS.ErrnoException) => {
      throw new NoInputError(`${what} ${path}: ${reason(cause)}`, { cause })
    })
  }
}

/**
 * The same for files to be read; `-` is standard input and always there.
 * @throws {NoInputError} for the first one that does not exist or is a folder.
 */
export async function requireFiles(named: Named): Promise<void> {
  const files = named.filter(([, path]) => path !== '-')
  await requirePaths(files)
  for (const [what, path] of files) {
    if ((await stat(path)).isDirectory())
      throw new NoInputError(`${what} ${path}: expected a file, got a folder`)
    if (!(await stat(path)).isFile())
      throw new NoInputError(
        `${what} ${path}: expected a file, got a pipe or a device; save it to a file first`,
      )
  }
}

/**
 * The same for files or streams of sequences, such as `<( … )` or a named pipe; nothing is read from them.
 * @throws {FastaError} for the first one that cannot be read, and for a stream that is named twice.
 */
export async function requireInputs(paths: readonly string[]): Promise<void> {
  await inspectInputs(paths)
}

function reason(cause: NodeJS.ErrnoException): string {
  if (cause.code === 'ENOENT') return 'no such file'
  const problem = systemProblem(cause, 'read')
  return problem === undefined ? cause.message : `${problem.reason}; ${problem.remedy}`
}
