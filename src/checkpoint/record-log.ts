import { closeSync, constants, fdatasync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { type FileHandle, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { syncFolder } from '../system/atomic.ts'
import { DataError } from '../system/errors.ts'
import { CREATE } from '../system/kept-files.ts'
import { TooLargeError } from '../system/read-within.ts'
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

  /**
   * Reads the lines that are there, in order.
   *
   * @param take - is given each; what it was given counts only once all has been read
   * @returns false where there is no file
   * @throws RecordError
   */
  async read(take: (line: string) => void): Promise<boolean> {
    try {
      await using file = await openRegular(this.path)
      // The last line of a process that was killed, or of a machine that lost power, may be half there.
      let isTorn = false
      let isEmpty = true
      for await (const bytes of linesIn(file)) {
        if (isTorn) throw new RecordError(this.path)
        isEmpty = false
        isTorn = bytes.at(-1) !== LINE_FEED || !this.#take(bytes.toString('utf8', 0, bytes.length - 1), take)
      }
      if (this.#size === 0 && !isEmpty) throw new RecordError(this.path)
      return true
    } catch (error) {
      if (error instanceof NotRegularError || error instanceof TooLargeError) throw new RecordError(this.path)
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return false
      throw fromSystem(error) ?? error
    }
  }

  /** @returns whether the line is whole */
  #take(text: string, take: (line: string) => void): boolean {
    const line = text.slice(9)
    const crc = crc32(line, this.#crc)
    const isFirst = this.#size === 0
    if (text.slice(0, 9) !== `${hex(crc)} ` || (isFirst && line !== HEADER)) return false
    this.#crc = crc
    this.#size += Buffer.byteLength(text) + 1
    if (!isFirst) take(line)
    return true
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

const LINE_FEED = 10
const READ_BYTES = 1 << 18
/** A line has two paths. */
const MAX_LINE_BYTES = 1 << 20

/** The lines of a file with their ends, valid until the next; the last one may have none. @throws TooLargeError */
async function* linesIn(file: FileHandle): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  let rest: Buffer = Buffer.alloc(0)
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, READ_BYTES, null)
    if (bytesRead === 0) break
    const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
    let start = 0
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      yield bytes.subarray(start, end + 1)
      start = end + 1
    }
    rest = bytes.subarray(start)
    if (rest.length > MAX_LINE_BYTES) throw new TooLargeError(undefined, MAX_LINE_BYTES, undefined)
  }
  if (rest.length > 0) yield rest
}
