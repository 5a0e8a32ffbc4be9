import { constants } from 'node:fs'
import { type FileHandle, link, mkdir, open, rename, unlink } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { VirnucproError } from './errors.ts'
import { CREATE, type FileKeeper, ForeignFileError, keepersOf, temporaryName } from './kept-files.ts'
import { inodeAt, isThere } from './same-file.ts'
import { WriteError } from './system-error.ts'

/** Takes the pieces of a file in order. */
export interface ByteSink {
  write(bytes: Uint8Array | string): Promise<void>
}

/**
 * Writes a file whole or not at all: to a temporary name in the same folder, synced to disk, renamed, and the
 * folder synced so that the new name itself survives a power cut. Missing folders are made.
 */
export async function writeAtomically(
  path: string,
  content: Uint8Array | string | ((sink: ByteSink) => Promise<void>),
): Promise<void> {
  await using file = await AtomicFile.create(path)
  if (typeof content === 'function') await content(file)
  else await file.write(content)
  await file.commit()
}

/** Small writes are gathered in a buffer: a table row is some 60 bytes, a system call takes some microseconds. */
const BUFFER_BYTES = 1 << 18

/** A file under construction; readers see nothing of it before `commit`. Without one it is removed when disposed of. */
export class AtomicFile implements ByteSink, AsyncDisposable {
  readonly path: string
  readonly #temporary: string
  readonly #keepers: readonly FileKeeper[]
  readonly #handle: FileHandle
  readonly #buffer = new Uint8Array(BUFFER_BYTES)
  #filled = 0
  #open = true
  #committed = false
  /** Of the file, once it is about to get its name. */
  #inode: string | undefined

  private constructor(path: string, temporary: string, keepers: readonly FileKeeper[], handle: FileHandle) {
    this.path = path
    this.#temporary = temporary
    this.#keepers = keepers
    this.#handle = handle
  }

  /** @throws ForeignFileError when a run makes the file and something lies there that it has not recorded */
  static async create(path: string): Promise<AtomicFile> {
    const temporary = temporaryName(path)
    const keepers = keepersOf(path)
    try {
      await makeFolder(dirname(path), keepers)
      for (const keeper of keepers) keeper.note('begin', resolve(temporary))
      return new AtomicFile(path, temporary, keepers, await open(temporary, constants.O_WRONLY | CREATE))
    } catch (error) {
      throw error instanceof VirnucproError ? error : new WriteError(path, error)
    }
  }

  /** The bytes may be reused by the caller once this has resolved. */
  async write(bytes: Uint8Array | string): Promise<void> {
    const piece = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    if (this.#filled + piece.length > this.#buffer.length) await this.#flush()
    if (piece.length > this.#buffer.length) await this.#writeThrough(piece)
    else {
      this.#buffer.set(piece, this.#filled)
      this.#filled += piece.length
    }
  }

  async #flush(): Promise<void> {
    const filled = this.#filled
    this.#filled = 0
    await this.#writeThrough(this.#buffer.subarray(0, filled))
  }

  async #writeThrough(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length; ) {
        at += (await this.#handle.write(bytes, at, bytes.length - at)).bytesWritten
      }
    } catch (error) {
      throw new WriteError(this.path, error)
    }
  }

  /** Makes the file appear under its name. A link that has the name is replaced; what it leads to is not touched. */
  async commit(): Promise<void> {
    await this.#flush()
    try {
      await this.#handle.sync()
      const { ino } = await this.#handle.stat({ bigint: true })
      await this.#handle.close()
      this.#open = false
      await this.#appear(String(ino))
    } catch (error) {
      throw error instanceof VirnucproError ? error : new WriteError(this.path, error)
    }
    this.#committed = true
    await syncFolder(dirname(this.path))
  }

  async #appear(inode: string): Promise<void> {
    const [path, temporary] = [resolve(this.path), resolve(this.#temporary)]
    this.#inode = inode
    for (const keeper of this.#keepers) keeper.note('appear', path, temporary, inode)
    for (const keeper of this.#keepers) await keeper.sync()
    const isTheirs = this.#keepers.length > 0 && !this.#keepers.some((keeper) => keeper.owns(path))
    if (isTheirs) await nameUnlessTaken(temporary, path, this.path)
    else await rename(temporary, path)
    for (const keeper of this.#keepers) keeper.note('made', path)
  }

  /** Never throws, so that it cannot hide the error that led here. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#committed) return
    if (this.#open) await this.#handle.close().catch(() => {})
    this.#open = false
    // One that is not there stays on record: it is back when a folder that was moved away is.
    await unlink(this.#temporary)
      .then(async () => {
        // What failed after the file got its name does not make it a file that nobody has recorded.
        const hasName = this.#inode !== undefined && (await inodeAt(this.path)) === this.#inode
        for (const keeper of this.#keepers) {
          if (hasName) keeper.note('made', resolve(this.path))
          else keeper.note('drop', resolve(this.#temporary))
        }
      })
      .catch(() => {})
  }
}

/** Whether a link could not be made because the file system has no hard links, or allows no more of them. */
export function hasNoLinks(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code)
}

/** A name is given only if nothing has it, a link or a file that came a moment ago included. */
async function nameUnlessTaken(temporary: string, path: string, shown: string): Promise<void> {
  try {
    await link(temporary, path)
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EEXIST'
    if (!isTaken && !hasNoLinks(error)) throw error
    // A network file system that has made the link, and whose answer was lost, finds it there the second time.
    const hasName = isTaken && (await inodeAt(path)) === (await inodeAt(temporary))
    if (!hasName) {
      // Without hard links the moment in between cannot be closed.
      if (isTaken || (await isThere(path))) throw new ForeignFileError(shown)
      await rename(temporary, path)
      return
    }
  }
  // Fails where the folder was moved away meanwhile: the name that is left in it stays on record.
  await unlink(temporary)
}

/** Makes a folder and those above it; a run records them before, so that a kill leaves none unrecorded. */
export async function makeFolder(path: string, keepers = keepersOf(path)): Promise<void> {
  if (keepers.length > 0) {
    for (let missing = resolve(path); !(await isThere(missing)); missing = dirname(missing))
      for (const keeper of keepers) keeper.note('folder', missing)
  }
  await mkdir(path, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
    // So it is called, too, when a folder is moved away while it is looked at.
    return mkdir(path, { recursive: true })
  })
}

/** Syncs a folder's entries; file systems that cannot do so (some network ones) answer with an error we may ignore. */
export async function syncFolder(path: string): Promise<void> {
  try {
    await using handle = await open(path, 'r')
    await handle.sync()
  } catch {
    // Nothing to be done: the rename has happened, only its survival of a power cut is not certain.
  }
}
