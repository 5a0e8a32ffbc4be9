import { closeSync, constants, fdatasync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { syncFolder } from '../system/atomic.ts'
import { DataError } from '../system/errors.ts'
import { CREATE } from '../system/kept-files.ts'
import { NotRegularError, openRegular } from '../system/regular-file.ts'
import { cannotWrite, fromSystem, WriteError } from '../system/system-error.ts'

/** First line of a record; the number is the version of its format. */
const HEADER = 'virnucpro files 1'

/** How a record is opened to be continued: no link is followed, and a pipe in its place holds up nothing. */
const EXTEND = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** A record that cannot be trusted: which files are the run's is not known, so none of them is touched. */
export class RecordError extends DataError {
  constructor(path: string) {
    super(
      `${path}, the record of the files of this run, is damaged, so that its files cannot be told from yours and none is ` +
        'touched: choose another output folder, or remove this file and move the results away',
    )
  }
}

/**
 * A file of lines, each of which is there whole or not at all, whenever the process is killed. A line is the CRC-32 of
 * its text and of all lines before it, a blank, and the text.
 */
export class RecordLog implements Disposable {
  readonly path: string
  #crc = 0
  #size = 0
  #file: number | undefined
  #failure: WriteError | undefined
  /** Whether the name of the file may not be on the disk yet. */
  #isNew = true

  constructor(path: string) {
    this.path = path
  }

  /** The lines that are there; undefined where there is no file. @throws RecordError */
  async read(): Promise<string[] | undefined> {
    const bytes = await this.#bytes()
    if (bytes === undefined) return undefined
    const texts = bytes.toString('utf8').split('\n')
    // The last line of a process that was killed, or of a machine that lost power, may be half there.
    const rest = texts.pop()
    const lines: string[] = []
    for (const [at, text] of texts.entries()) {
      const line = text.slice(9)
      const crc = crc32(line, this.#crc)
      const isWhole = text.slice(0, 9) === `${hex(crc)} ` && (at > 0 || line === HEADER)
      if (!isWhole && (at + 1 < texts.length || rest !== '')) throw new RecordError(this.path)
      if (!isWhole) break
      this.#crc = crc
      this.#size += Buffer.byteLength(text) + 1
      lines.push(line)
    }
    if (this.#size === 0 && bytes.length > 0) throw new RecordError(this.path)
    return lines.slice(1)
  }

  async #bytes(): Promise<Buffer | undefined> {
    try {
      await using file = await openRegular(this.path)
      return await file.readFile()
    } catch (error) {
      if (error instanceof NotRegularError) throw new RecordError(this.path)
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw fromSystem(error) ?? error
    }
  }

  /** @throws WriteError */
  add(line: string): void {
    if (this.#failure !== undefined) throw this.#failure
    let text = ''
    let crc = this.#crc
    for (const each of this.#size === 0 ? [HEADER, line] : [line]) {
      crc = crc32(each, crc)
      text += `${hex(crc)} ${each}\n`
    }
    this.#append(Buffer.from(text))
    this.#crc = crc
  }

  #append(bytes: Uint8Array): void {
    let done = 0
    try {
      this.#file ??= this.#open()
      while (done < bytes.length)
        done += writeSync(this.#file, bytes, done, bytes.length - done, this.#size + done)
      this.#size += bytes.length
    } catch (error) {
      const failure = new WriteError(this.path, error)
      try {
        if (this.#file !== undefined) ftruncateSync(this.#file, this.#size)
      } catch {
        this.#failure = failure
      }
      throw failure
    }
  }

  #open(): number {
    mkdirSync(dirname(this.path), { recursive: true })
    const file = this.#size === 0 ? this.#create() : openSync(this.path, EXTEND)
    // A half line at the end goes, or the next one would be written behind its remains.
    ftruncateSync(file, this.#size)
    return file
  }

  /** An empty file is what a machine that lost power may leave. */
  #create(): number {
    try {
      return openSync(this.path, constants.O_WRONLY | CREATE)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      return openSync(this.path, EXTEND)
    }
  }

  /** Puts all lines on the disk. @throws WriteError */
  async sync(): Promise<void> {
    if (this.#file === undefined) return
    await promisify(fdatasync)(this.#file).catch(cannotWrite(this.path))
    if (this.#isNew) await syncFolder(dirname(this.path))
    this.#isNew = false
  }

  /** Removes the file; a line that is added later begins another one. */
  async remove(): Promise<void> {
    this[Symbol.dispose]()
    await rm(this.path, { force: true })
    this.#crc = 0
    this.#size = 0
    this.#isNew = true
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}
