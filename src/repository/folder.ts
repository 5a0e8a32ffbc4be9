import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { replaceFolder, syncFolder, temporaryName, WriteError } from '../system/index.ts'
import { RepositoryError } from './errors.ts'
import { MARKER } from './recorded-files.ts'

/**
 * Has `fill` write into a folder beside `output` and renames that folder when all is there, so that a server never finds
 * half a repository.
 *
 * @param about the marker but for what `fill` returns
 * @throws {RepositoryError} when something is in the way that `force` does not cover
 */
export async function createRepository(
  options: { output: string; force: boolean; about: object },
  fill: (folder: string) => Promise<object>,
): Promise<void> {
  const output = resolve(options.output)
  await checkFree(output, options.force)
  const unfinished = temporaryName(output)
  try {
    await rm(unfinished, { recursive: true, force: true })
    await mkdir(unfinished, { recursive: true })
    const more = await fill(unfinished)
    await writeFile(join(unfinished, MARKER), `${JSON.stringify({ ...options.about, ...more }, null, 2)}\n`)
    await replaceFolder(unfinished, output)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true }).catch(() => {})
    throw error instanceof Error && 'syscall' in error ? new WriteError(output, error) : error
  }
  await syncFolder(dirname(output))
}

async function checkFree(output: string, force: boolean): Promise<void> {
  const found = await stat(output).catch(() => undefined)
  if (found === undefined) return
  if (!found.isDirectory())
    throw new RepositoryError(output, `${output} is a file: expected a folder to make. Choose another name.`)
  const names = await readdir(output)
  if (names.length === 0) return
  if (!names.includes(MARKER)) {
    throw new RepositoryError(
      output,
      `${output} holds files that virnucpro did not make, and they are not overwritten. Choose another folder.`,
    )
  }
  if (!force) {
    throw new RepositoryError(
      output,
      `${output} holds a model repository already. Add --force to replace it, or choose another folder.`,
    )
  }
}
