import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/**
 * How a file of ours is opened for reading: no link is followed, and a pipe that somebody put in its place holds up
 * nothing (without a writer it is empty).
 */
export const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** What stands at a path is not a file, but a link, a folder, a pipe or a device. */
export class NotRegularError extends Error {
  override readonly name = 'NotRegularError'
  readonly kind: string

  constructor(path: string, kind: string) {
    super(`${path} is ${kind}, not a file`)
    this.kind = kind
  }
}

/**
 * Opens a file for reading. A link is not followed, and a pipe that nobody writes to holds up nothing.
 *
 * @throws NotRegularError; errors of the operating system
 */
export async function openRegular(path: string): Promise<FileHandle> {
  const file = await open(path, READ).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ELOOP') throw new NotRegularError(path, 'a link')
    if (error.code === 'ENXIO') throw new NotRegularError(path, 'a socket')
    throw error
  })
  try {
    const found = await file.stat()
    if (found.isFile()) return file
    const kind = found.isDirectory() ? 'a folder' : found.isFIFO() ? 'a named pipe' : 'a device'
    throw new NotRegularError(path, kind)
  } catch (error) {
    await file.close()
    throw error
  }
}

/**
 * What stays the same as long as nobody writes to a file. The time of change (ctime) is set by the system at every write and,
 * unlike that of modification, by nobody else. A link made to the file changes it as well.
 */
export function fileIdentity({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}
