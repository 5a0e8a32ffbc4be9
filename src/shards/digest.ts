import { sha256File } from '../system/sha256.ts'
import { ReadError } from '../system/system-error.ts'

/**
 * SHA-256 of a file; undefined where there is none.
 * @throws ReadError for one that cannot be read; the signal's reason
 */
export async function digestIfThere(path: string, signal?: AbortSignal): Promise<string | undefined> {
  try {
    return await sha256File(path, signal)
  } catch (error) {
    if (signal?.aborted) throw error
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new ReadError(path, error)
  }
}
