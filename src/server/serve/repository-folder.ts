import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { NoInputError } from '../../system/errors.ts'
import { reasonOf } from '../../system/problems.ts'

const HOW = 'Make one with: virnucpro repository build'

/**
 * Makes sure that a folder holds models: the server itself starts without any and says nothing.
 *
 * @throws {NoInputError} when there is no such folder, or no model in it
 */
export async function requireRepository(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'no such folder' : reasonOf(cause)
    throw new NoInputError(`--repository ${folder}: ${reason}. ${HOW}`, { cause })
  })
  for (const entry of entries) {
    if (!entry.isDirectory() && !entry.isSymbolicLink()) continue
    const names = await readdir(join(folder, entry.name)).catch((): string[] => [])
    if (names.includes('config.pbtxt')) return
  }
  throw new NoInputError(`--repository ${folder}: no model in it (expected MODEL/config.pbtxt). ${HOW}`)
}
