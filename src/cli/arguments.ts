import { stat } from 'node:fs/promises'
import { NoInputError } from '../system/errors.ts'
import { systemProblem } from '../system/problems.ts'
import { isThere } from '../system/same-file.ts'

type Named = readonly (readonly [what: string, path: string | undefined])[]

/** The values that are there, for a function whose options may be left out but not undefined. */
export function defined<Given extends object>(
  given: Given,
): { [Name in keyof Given]?: Exclude<Given[Name], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never
}

/**
 * The folder of the bundle that a command is to use: the one that was named, else the default one of the home.
 * @throws UsageError for no name where there is no default bundle; NoInputError where nothing has the name
 */
export async function requireBundle(name: string | undefined): Promise<string> {
  const { folder, id } = await (await import('../home/index.ts')).findBundle(name)
  if (name !== undefined && id === undefined && !(await isThere(folder)))
    throw new NoInputError(`there is no bundle ${name}: no folder has that name, and no bundle of the home`, {
      detail: { code: 'no-bundle', data: { path: folder } },
    })
  return folder
}

/**
 * Checks files and folders named by the user before any long work begins.
 * @throws NoInputError for the first one that does not exist, or that is a pipe or a device: reading it would wait for ever.
 */
export async function requirePaths(named: Named): Promise<void> {
  for (const [what, path] of named) {
    if (path === undefined) continue
    const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
      throw new NoInputError(`${what} ${path}: ${reason(cause)}`, { cause })
    })
    if (!found.isFile() && !found.isDirectory())
      throw new NoInputError(
        `${what} ${path}: expected a file, got a pipe or a device; save it to a file first`,
      )
  }
}

/**
 * The same for files to be read; `-` is standard input and always there.
 * @throws NoInputError for the first one that does not exist or is a folder.
 */
export async function requireFiles(named: Named): Promise<void> {
  await requirePaths(named.filter(([, path]) => path !== '-'))
  for (const [what, path = '-'] of named) {
    if (path === '-') continue
    const found = await stat(path)
    if (!found.isFile()) throw new NoInputError(`${what} ${path}: expected a file, got a folder`)
  }
}

/**
 * The same for a folder.
 * @throws NoInputError when there is none of that name.
 */
export async function requireFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined)
  if (found === undefined) throw new NoInputError(`${folder}: no such folder`)
  if (!found.isDirectory()) throw new NoInputError(`${folder}: expected a folder, got a file`)
}

/**
 * The same for files or streams of sequences, such as `<( … )` or a named pipe; nothing is read from them.
 * @throws FastaError for the first one that cannot be read, and for a stream that is named twice.
 */
export async function requireInputs(...paths: (string | undefined)[]): Promise<void> {
  // Loaded here: most commands have no sequences, and help has none.
  const { inspectInputs } = await import('../fasta/index.ts')
  await inspectInputs(paths.filter((path) => path !== undefined))
}

function reason(cause: NodeJS.ErrnoException): string {
  if (cause.code === 'ENOENT') return 'no such file'
  const problem = systemProblem(cause, 'read')
  return problem === undefined ? cause.message : `${problem.reason}; ${problem.remedy}`
}
