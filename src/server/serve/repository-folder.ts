import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { NoInputError } from '../../system/errors.ts'
import { reasonOf } from '../../system/problems.ts'

/**
 * Makes sure that a folder holds models: the server itself starts without any and says nothing.
 *
 * @throws {NoInputError} when there is no such folder, or no model in it
 */
export async function requireRepository(folder: string): Promise<void> {
  const refusal = (reason: string, cause?: unknown) =>
    new NoInputError(`model repository ${folder}: ${reason}`, {
      cause,
      detail: { code: 'no-repository', data: {} },
    })
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException
    throw refusal(code === 'ENOENT' ? 'no such folder' : reasonOf(cause), cause)
  })
  for (const entry of entries) {
    if (!entry.isDirectory() && !entry.isSymbolicLink()) continue
    const names = await readdir(join(folder, entry.name)).catch((): string[] => [])
    if (names.includes('config.pbtxt')) return
  }
  throw refusal('no model in it (expected MODEL/config.pbtxt)')
}
