import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
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
  const file = await AtomicFile.create(path)
  try {
    if (typeof content === 'function') await content(file)
    else await file.write(content)
    await file.commit()
  } catch (error) {
    await file.abandon()
    throw error
  }
}

/** Small writes are gathered in a buffer: a table row is some 60 bytes, a system call takes some microseconds. */
const BUFFER_BYTES = 1 << 18

/** A file under construction; readers see nothing of it before `commit`. */
export class AtomicFile implements ByteSink {
  readonly path: string
  readonly #temporary: string
  readonly #handle: FileHandle
  readonly #buffer = new Uint8Array(BUFFER_BYTES)
  #filled = 0
  #open = true

  private constructor(path: string, temporary: string, handle: FileHandle) {
    this.path = path
    this.#temporary = temporary
    this.#handle = handle
  }

  static async create(path: string): Promise<AtomicFile> {
    const temporary = temporaryName(path)
    try {
      await mkdir(dirname(path), { recursive: true })
      return new AtomicFile(path, temporary, await open(temporary, 'w'))
    } catch (error) {
      throw new WriteError(path, error)
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

  /** Makes the file appear under its name. */
  async commit(): Promise<void> {
    await this.#flush()
    try {
      await this.#handle.sync()
      await this.#handle.close()
      this.#open = false
      await rename(this.#temporary, this.path)
    } catch (error) {
      throw new WriteError(this.path, error)
    }
    await syncFolder(dirname(this.path))
  }

  /** Gives the file up; never throws, so that it cannot hide the error that led here. */
  async abandon(): Promise<void> {
    if (this.#open) await this.#handle.close().catch(() => {})
    this.#open = false
    await rm(this.#temporary, { force: true }).catch(() => {})
  }
}

/** Name of the unfinished form of a file, in the same folder so that the rename never crosses file systems. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.tmp`)
}

/** Syncs a folder's entries; file systems that cannot do so (some network ones) answer with an error we may ignore. */
export async function syncFolder(path: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    await handle.sync()
  } catch {
    // Nothing to be done: the rename has happened, only its survival of a power cut is not certain.
  } finally {
    await handle?.close()
  }
}
