import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Bytes of all files below a folder, or of a file; 0 where there is nothing. Files with holes count as what they take. A file
 * of several names counts once.
 *
 * @param seen files that were counted before; those that are counted are added
 */
export async function bytesBelow(path: string, seen: Set<string> = new Set()): Promise<number> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined)
  if (found === undefined) return 0
  if (found.isDirectory()) {
    let sum = 0
    for (const name of await readdir(path).catch(() => [])) sum += await bytesBelow(join(path, name), seen)
    return sum
  }
  const identity = `${found.dev} ${found.ino}`
  if (!found.isFile() || seen.has(identity)) return 0
  seen.add(identity)
  return Math.min(Number(found.size), Number(found.blocks) * 512)
}
