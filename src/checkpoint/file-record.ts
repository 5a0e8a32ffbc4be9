import { closeSync, constants, fdatasync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { lstat, open, readdir, rmdir } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { sharedFiles, statePaths } from '../layout/index.ts'
import { syncFolder } from '../system/atomic.ts'
import { DataError } from '../system/errors.ts'
import { parseJson } from '../system/json.ts'
import { CREATE, type FileKeeper, keepersOf, removeFile } from '../system/kept-files.ts'
import { READ } from '../system/regular-file.ts'
import { fromSystem, WriteError } from '../system/system-error.ts'

/** First line of a record; the number is the version of its format. */
const HEADER = 'virnucpro files 1'

/** How a record is opened to be continued: no link is followed, and a pipe in its place holds up nothing. */
const EXTEND = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * What a line says. Paths are relative to the output folder, which may be moved.
 *
 * | line | meaning |
 * | --- | --- |
 * | `begin TEMPORARY` | an unfinished file is about to be made |
 * | `appear PATH TEMPORARY INODE` | the unfinished file is about to get its name |
 * | `made PATH` | it has it: the file is the run's |
 * | `drop TEMPORARY` | the unfinished file is gone |
 * | `folder PATH` | the folder is the run's; removed with it only when nothing else is in it |
 * | `go PATH` | the file is about to be removed |
 * | `gone PATH` | it is not there any more |
 */
type Action = 'begin' | 'appear' | 'made' | 'drop' | 'folder' | 'go' | 'gone'
type Line = [action: Action, path: string, ...rest: string[]]

export interface RecordPlace {
  /** The output folder. */
  root: string
  /** Folder of the state of the run. */
  state: string
  /** Whether a path, absolute, is one that the run makes. @default none, for those who only read or remove */
  covers?: (path: string) => boolean
}

/**
 * Every file that a run has made, so that it removes and overwrites these and no others, and that nothing stays
 * behind when it is killed. A line is added before anything happens and one after it; what lies between them when the
 * process is killed is settled by the next `open`, by the inode of the file.
 *
 * A line is the CRC-32 of its text and of all lines before it, a blank, and a list as JSON.
 */
export class FileRecord implements FileKeeper, Disposable {
  readonly path: string
  readonly #root: string
  readonly #covers: (path: string) => boolean
  readonly #made = new Map<string, { inode: string }>()
  readonly #folders = new Set<string>()
  /** Unfinished files, and what was to become of them. */
  readonly #unfinished = new Map<string, { path: string; inode: string } | undefined>()
  readonly #going = new Set<string>()
  #crc = 0
  #size = 0
  #file: number | undefined
  #failure: WriteError | undefined
  /** Whether the name of the record may not be on the disk yet. */
  #isNew = true

  private constructor({ root, state, covers = () => false }: RecordPlace) {
    this.#root = resolve(root)
    this.path = resolve(statePaths(state).record)
    this.#covers = covers
  }

  /**
   * Reads the record of a run, and settles what a killed run has left open: its unfinished files are removed. The lock
   * of the run must be held. Nothing is written where there is no record.
   *
   * @throws DataError when the record is damaged
   */
  static async open(place: RecordPlace): Promise<FileRecord> {
    const record = await FileRecord.read(place)
    if (record === undefined) return new FileRecord(place)
    await record.#settle()
    return record
  }

  /** Reads the record of a run and changes nothing; undefined where there is none. @throws DataError */
  static async read(place: RecordPlace): Promise<FileRecord | undefined> {
    const record = new FileRecord(place)
    return (await record.#load()) ? record : undefined
  }

  /** Whether anything is recorded. */
  get isEmpty(): boolean {
    return this.#made.size === 0
  }

  /** Recorded files, absolute, in the order in which they were made. */
  files(): string[] {
    return [...this.#made.keys()].map((path) => join(this.#root, path))
  }

  /** Recorded files of the state. */
  stateFiles(): string[] {
    const start = dirname(this.path) + sep
    return this.files().filter((path) => path.startsWith(start))
  }

  /** Unfinished files of a process that has ended, or goes on. */
  unfinishedFiles(): string[] {
    return [...this.#unfinished.keys()].filter((name) => name !== '').map((name) => join(this.#root, name))
  }

  covers(path: string): boolean {
    return path !== this.path && this.#covers(path)
  }

  owns(path: string): boolean {
    return this.#made.has(this.#name(path))
  }

  begins(temporary: string): void {
    this.#add(['begin', this.#name(temporary)])
  }

  async appears(path: string, temporary: string, inode: string): Promise<void> {
    this.#add(['appear', this.#name(path), this.#name(temporary), inode])
    await this.#sync()
  }

  appeared(path: string, temporary: string): void {
    this.#add(['made', this.#name(path)])
    this.#unfinished.delete(this.#name(temporary))
  }

  dropped(temporary: string): void {
    this.#add(['drop', this.#name(temporary)])
  }

  madeFolder(path: string): void {
    this.#add(['folder', this.#name(path)])
  }

  goes(path: string): void {
    this.#add(['go', this.#name(path)])
  }

  gone(path: string): void {
    this.#add(['gone', this.#name(path)])
  }

  /** Records files that were there before the record, once it is known by their content what they are. */
  async take(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      const { ino } = await lstat(path, { bigint: true })
      // A second line for the same file changes nothing, and one line has both.
      this.#add(['appear', this.#name(path), '', String(ino)])
      this.#add(['made', this.#name(path)])
      const folder = dirname(resolve(path))
      if (folder !== this.#root && !this.#folders.has(this.#name(folder))) this.madeFolder(folder)
    }
    if (paths.length > 0) await this.#sync()
  }

  /** Makes a file that all runs in the output folder write its own as well, once another run of them has recorded it. */
  async share(path: string): Promise<void> {
    if (this.owns(path) || (await inodeOf(path)) === undefined) return
    for (const other of (await otherRecords(this.#root, dirname(this.path))).values()) {
      if (!other.owns(path)) continue
      await this.take([path])
      return
    }
  }

  /** Removes recorded files, and the folders made for them that are empty then. */
  async remove(which: (path: string) => boolean): Promise<void> {
    for (const path of this.files()) if (which(path)) await this.#removeOne(path)
    await this.#removeFolders()
  }

  /** Removes a recorded file or what is recorded below a folder. */
  async removeBelow(place: string): Promise<void> {
    const start = resolve(place)
    await this.remove((path) => path === start || path.startsWith(start + sep))
  }

  /** Removes the state of the run, the manifest first: without it the rest is nothing. */
  async removeState(): Promise<void> {
    await this.removeBelow(statePaths(dirname(this.path)).manifest)
    await this.removeBelow(dirname(this.path))
  }

  /** Removes all else; what other runs in the folder write into as well stays. */
  async removeResults(): Promise<void> {
    const state = resolve(dirname(this.path)) + sep
    const shared = new Set(Object.values(sharedFiles(this.#root)))
    await this.remove((path) => !path.startsWith(state) && !shared.has(path))
  }

  async #removeOne(path: string): Promise<void> {
    // A keeper that is registered is told of the removal.
    const isTold = keepersOf(path).includes(this)
    if (!isTold) this.goes(path)
    const isGone = await removeFile(path)
    if (!isTold && isGone) this.gone(path)
  }

  async #removeFolders(): Promise<void> {
    // The innermost first. The record's own folder is never empty.
    for (const folder of [...this.#folders].sort((a, b) => b.length - a.length)) {
      const removed = await rmdir(join(this.#root, folder)).then(
        () => true,
        (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
      )
      if (removed) this.#add(['gone', folder])
    }
  }

  #name(path: string): string {
    return relative(this.#root, resolve(path)).split(sep).join('/')
  }

  async #load(): Promise<boolean> {
    const bytes = await readRegular(this.path)
    if (bytes === undefined) return false
    const text = bytes.toString('utf8')
    for (let at = 0; at < text.length; ) {
      const end = text.indexOf('\n', at)
      const line = end < 0 ? undefined : this.#parse(text.slice(at, end))
      if (line === undefined) {
        // The last line of a process that was killed, or of a machine that lost power, may be half there.
        if (end >= 0 && end + 1 < text.length) throw new RecordError(this.path)
        break
      }
      if (line !== 'header') this.#apply(line)
      at = end + 1
      this.#size = Buffer.byteLength(text.slice(0, at))
    }
    if (this.#size === 0 && text.length > 0) throw new RecordError(this.path)
    return true
  }

  #parse(text: string): Line | 'header' | undefined {
    const body = text.slice(9)
    const crc = crc32(body, this.#crc)
    if (text.slice(0, 9) !== `${hex(crc)} `) return undefined
    this.#crc = crc
    if (this.#size === 0) return body === HEADER ? 'header' : undefined
    const line = parseJson(body) as Line
    // Nothing outside the output folder is a run's, whatever a record says.
    const names = line[0] === 'appear' ? [line[1], line[2] ?? ''] : [line[1]]
    if (names.some((name) => isAbsolute(name) || name.split('/').includes('..')))
      throw new RecordError(this.path)
    return line
  }

  #apply([action, path, ...rest]: Line): void {
    switch (action) {
      case 'begin':
        this.#unfinished.set(path, undefined)
        break
      case 'appear': {
        const [temporary = '', inode = ''] = rest
        this.#unfinished.set(temporary, { path, inode })
        break
      }
      case 'made':
        for (const [temporary, becoming] of this.#unfinished) {
          if (becoming?.path !== path) continue
          this.#unfinished.delete(temporary)
          this.#made.set(path, { inode: becoming.inode })
        }
        this.#going.delete(path)
        break
      case 'drop':
        this.#unfinished.delete(path)
        break
      case 'folder':
        this.#folders.add(path)
        break
      case 'go':
        this.#going.add(path)
        break
      case 'gone':
        this.#made.delete(path)
        this.#folders.delete(path)
        this.#going.delete(path)
        break
    }
  }

  /** What was under way when the last process ended is now done or undone. */
  async #settle(): Promise<void> {
    for (const [temporary, becoming] of [...this.#unfinished]) {
      if (temporary !== '') await removeFile(join(this.#root, temporary))
      if (becoming !== undefined && (await inodeOf(join(this.#root, becoming.path))) === becoming.inode)
        this.#add(['made', becoming.path])
      else this.#add(['drop', temporary])
    }
    for (const path of [...this.#made.keys()]) {
      const inode = await inodeOf(join(this.#root, path))
      // Removed before its line could be written, and something else has taken its name since.
      const isAnother = this.#going.has(path) && inode !== this.#made.get(path)?.inode
      if (inode === undefined || isAnother) this.#add(['gone', path])
    }
    this.#going.clear()
  }

  #add(line: Line): void {
    if (this.#failure !== undefined) throw this.#failure
    const body = JSON.stringify(line)
    let text = ''
    let crc = this.#crc
    if (this.#size === 0) {
      crc = crc32(HEADER, crc)
      text = `${hex(crc)} ${HEADER}\n`
    }
    crc = crc32(body, crc)
    this.#append(Buffer.from(`${text}${hex(crc)} ${body}\n`))
    this.#crc = crc
    this.#apply(line)
  }

  /** A line is there whole or not at all. */
  #append(bytes: Uint8Array): void {
    let done = 0
    try {
      this.#file ??= this.#openFile()
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

  #openFile(): number {
    const folder = dirname(this.path)
    mkdirSync(folder, { recursive: true })
    const file = this.#size === 0 ? this.#create() : openSync(this.path, EXTEND)
    // A half line at the end goes, or the next one would be written behind its remains.
    ftruncateSync(file, this.#size)
    return file
  }

  /** An empty record is what a machine that lost power may leave. */
  #create(): number {
    try {
      return openSync(this.path, constants.O_WRONLY | CREATE)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      return openSync(this.path, EXTEND)
    }
  }

  async #sync(): Promise<void> {
    if (this.#file === undefined) return
    try {
      await promisify(fdatasync)(this.#file)
    } catch (error) {
      throw new WriteError(this.path, error)
    }
    if (this.#isNew) await syncFolder(dirname(this.path))
    this.#isNew = false
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}

/** A record that cannot be trusted: which files are the run's is not known, so none of them is touched. */
export class RecordError extends DataError {
  constructor(path: string) {
    super(
      `${path}, the record of the files of this run, is damaged, so that its files cannot be told from yours and none is ` +
        'touched: choose another output folder, or remove this file and move the results away',
    )
  }
}

/** Records of all other runs in an output folder, by stem; one that is damaged is left out. */
export async function otherRecords(root: string, state: string): Promise<Map<string, FileRecord>> {
  const records = new Map<string, FileRecord>()
  const folder = dirname(state)
  for (const stem of await readdir(folder).catch(() => [])) {
    const other = join(folder, stem)
    if (resolve(other) === resolve(state)) continue
    const record = await FileRecord.read({ root, state: other }).catch(() => undefined)
    if (record !== undefined) records.set(stem, record)
  }
  return records
}

async function readRegular(path: string): Promise<Buffer | undefined> {
  try {
    const file = await open(path, READ)
    try {
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'ELOOP' || code === 'EISDIR') throw new RecordError(path)
    throw fromSystem(error) ?? error
  }
}

async function inodeOf(path: string): Promise<string | undefined> {
  return await lstat(path, { bigint: true }).then(
    ({ ino }) => String(ino),
    () => undefined,
  )
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}
