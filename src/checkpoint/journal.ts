import { constants, writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder, writeAtomically } from '../system/atomic.ts'
import { VirnucproError } from '../system/errors.ts'
import { removeFile } from '../system/kept-files.ts'
import { WriteError } from '../system/system-error.ts'
import {
  decodeEntry,
  type EntryPlace,
  encodeEntry,
  HEADER_BYTES,
  type JournalEntry,
  journalHeader,
  readAt,
  readJournal,
} from './journal-format.ts'

/** Least time from one sync to the next: what a power cut may cost, where a killed process loses nothing written. */
const SYNC_INTERVAL_MS = 200

/**
 * Embeddings of the batches that are done, so that a run that is killed loses no more than the batches under way.
 *
 * An embedding is found again by the content of its sequence and never by a position or an id, so that none can
 * come to belong to another sequence. Entries are handed to the system at once, which is a copy in memory; they go
 * to the disk behind the computation, and one sync covers all entries since the last.
 */
export class Journal implements AsyncDisposable {
  readonly path: string
  readonly #file: FileHandle
  #end: number
  #dirty = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #syncing: Promise<void> | undefined
  #failure: WriteError | undefined
  #open = true

  private constructor(path: string, file: FileHandle, end: number) {
    this.path = path
    this.#file = file
    this.#end = end
  }

  /**
   * Opens a journal or begins it. One that other models filled is begun again.
   *
   * @param models - digest of the models
   * @param visit - is given every whole entry
   * @throws WriteError
   */
  static async open(
    path: string,
    models: string,
    visit: (entry: JournalEntry, at: EntryPlace) => void,
  ): Promise<Journal> {
    let file: FileHandle | undefined
    try {
      file = await openOrBegin(path, models)
      const end = await readJournal(file, models, visit)
      // A torn entry goes, or a shorter one written over it would end in its remains.
      await file.truncate(end)
      const journal = new Journal(path, file, end)
      if (end < HEADER_BYTES) {
        journal.#write([journalHeader(models)])
        await syncFolder(dirname(path))
      }
      return journal
    } catch (error) {
      await file?.close()
      throw error instanceof VirnucproError ? error : new WriteError(path, error)
    }
  }

  /**
   * Adds the embeddings of a batch. From here on they survive the end of this process, and soon that of the machine.
   * @returns where the entry lies, for {@link read}
   * @throws WriteError of this entry, or of a sync before
   */
  append(entry: JournalEntry): EntryPlace {
    if (this.#failure !== undefined) throw this.#failure
    const start = this.#end
    this.#write(encodeEntry(entry))
    return { start, end: this.#end }
  }

  /** Reads an entry back; undefined where it is not whole any more. */
  async read({ start, end }: EntryPlace): Promise<JournalEntry | undefined> {
    return decodeEntry(await readAt(this.#file, start, end - start))
  }

  #write(pieces: readonly Uint8Array[]): void {
    try {
      for (const piece of pieces) {
        for (let done = 0; done < piece.length; ) {
          const written = writeSync(this.#file.fd, piece, done, piece.length - done, this.#end)
          done += written
          this.#end += written
        }
      }
    } catch (error) {
      this.#failure = new WriteError(this.path, error)
      throw this.#failure
    }
    this.#dirty = true
    this.#timer ??= setTimeout(() => {
      this.#syncing = this.#sync().finally(() => {
        this.#syncing = undefined
        this.#timer = undefined
        // Written while the sync was under way.
        if (this.#dirty && this.#failure === undefined && this.#open) this.#write([])
      })
    }, SYNC_INTERVAL_MS)
  }

  async #sync(): Promise<void> {
    if (!this.#dirty) return
    this.#dirty = false
    try {
      await this.#file.datasync()
    } catch (error) {
      this.#failure ??= new WriteError(this.path, error)
    }
  }

  /** Ends the journal: what it holds is now held elsewhere. */
  async remove(): Promise<void> {
    this.#dirty = false
    await this[Symbol.asyncDispose]()
    await removeFile(this.path)
  }

  /** Syncs and closes. Never throws: what did not reach the disk is computed again. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return
    this.#open = false
    clearTimeout(this.#timer)
    await this.#syncing
    await this.#sync()
    await this.#file.close().catch(() => {})
  }
}

/** A link is not followed: it is not the journal that a run left. */
async function openOrBegin(path: string, models: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_NOFOLLOW
  try {
    return await open(path, flags)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    await writeAtomically(path, journalHeader(models))
    return await open(path, flags)
  }
}
