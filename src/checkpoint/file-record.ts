import { lstat, readdir, rmdir } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { STATES_FOLDER, sharedFiles, statePaths } from '../layout/index.ts'
import type { FileLock } from '../system/file-lock.ts'
import { parseJson } from '../system/json.ts'
import { type FileAction, type FileKeeper, keepersOf, removeFile } from '../system/kept-files.ts'
import { inodeAt } from '../system/same-file.ts'
import { WriteError } from '../system/system-error.ts'
import { RecordError, RecordLog } from './record-log.ts'

/** An action and what it is about. Paths are relative to the output folder, which may be moved. */
type Line = [action: FileAction, path: string, temporary?: string, inode?: string]

export interface RecordPlace {
  /** The output folder. */
  root: string
  /** Folder of the state of the run. */
  state: string
  /** Whether a path, absolute, is one that the run makes. @default none, for those who only read or remove */
  covers?: (path: string) => boolean
  /**
   * The lock of the run, for those who write. Nothing is recorded without it: a process that stood still for long may have lost it to
   * another one, and two would write into one record.
   */
  lock?: Pick<FileLock, 'requireHeld'>
}

/**
 * Every file that a run has made, so that it removes and overwrites these and no others, and that nothing stays
 * behind when it is killed. What lies between the line before an action and the one after it when the process is killed
 * is settled by the next `open`, by the inode of the file. A line of the log is a list as JSON.
 */
export class FileRecord implements FileKeeper, Disposable {
  readonly #log: RecordLog
  readonly #root: string
  readonly #covers: (path: string) => boolean
  readonly #lock: RecordPlace['lock']
  /** Inodes by path. */
  readonly #made = new Map<string, string>()
  readonly #folders = new Set<string>()
  /** Unfinished files, and what was to become of them. */
  readonly #unfinished = new Map<string, { path: string; inode: string } | undefined>()
  readonly #going = new Set<string>()

  private constructor({ root, state, covers = () => false, lock }: RecordPlace) {
    this.#root = resolve(root)
    this.#log = new RecordLog(resolve(statePaths(state).record))
    this.#covers = covers
    this.#lock = lock
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
    const isThere = await record.#log.read((line) => record.#apply(record.#parse(line)))
    return isThere ? record : undefined
  }

  get path(): string {
    return this.#log.path
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

  note(action: FileAction, path: string, temporary?: string, inode?: string): void {
    this.#lock?.requireHeld()
    // The lock of the run lies in the output folder: where that has to be made, it was there a moment ago.
    const name = this.#name(path)
    if (action === 'folder' && (name === '' || !isInside(name)))
      throw new WriteError(path, Object.assign(new Error('vanished'), { code: 'ENOENT' }))
    if (temporary === undefined || inode === undefined) this.#add([action, name])
    else this.#add([action, name, this.#name(temporary), inode])
  }

  async sync(): Promise<void> {
    await this.#log.sync()
  }

  /** Records files that were there before the record, once it is known by their content what they are. */
  async take(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      const { ino } = await lstat(path, { bigint: true })
      // A second line for the same file changes nothing, and one line has both.
      this.#add(['appear', this.#name(path), '', String(ino)])
      this.#add(['made', this.#name(path)])
      const folder = dirname(resolve(path))
      if (folder !== this.#root && !this.#folders.has(this.#name(folder))) this.note('folder', folder)
    }
    if (paths.length > 0) await this.sync()
  }

  /** Makes a file that all runs in the output folder write its own as well, once another run of them has recorded it. */
  async share(path: string): Promise<void> {
    if (this.owns(path) || (await inodeAt(path)) === undefined) return
    for (const other of (await recordsIn(this.#root, basename(dirname(this.path)))).values()) {
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
    // A keeper that is registered hears of the removal.
    const isNoted = keepersOf(path).includes(this)
    if (!isNoted) this.note('go', path)
    const isGone = await removeFile(path)
    if (!isNoted && isGone) this.note('gone', path)
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

  /** Removes everything that the run has made, and then the record, as if there had been no run. */
  async undo(): Promise<void> {
    await this.removeResults()
    await this.removeState()
    if (!this.isEmpty) return
    await this.#log.remove()
    await rmdir(dirname(this.path)).catch(() => {})
  }

  #name(path: string): string {
    return relative(this.#root, resolve(path)).split(sep).join('/')
  }

  #parse(text: string): Line {
    const line = lineOf(text)
    const [, path = '', temporary = ''] = line ?? []
    if (line === undefined || !isInside(path) || !isInside(temporary)) throw new RecordError(this.path)
    return line
  }

  #apply([action, path, temporary = '', inode = '']: Line): void {
    switch (action) {
      case 'begin':
        this.#unfinished.set(path, undefined)
        break
      case 'appear':
        this.#unfinished.set(temporary, { path, inode })
        break
      case 'made':
        for (const [name, becoming] of this.#unfinished) {
          if (becoming?.path !== path) continue
          this.#unfinished.delete(name)
          this.#made.set(path, becoming.inode)
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
      if (becoming !== undefined && (await inodeAt(join(this.#root, becoming.path))) === becoming.inode)
        this.#add(['made', becoming.path])
      else this.#add(['drop', temporary])
    }
    for (const path of [...this.#made.keys()]) {
      const inode = await inodeAt(join(this.#root, path))
      // Removed before its line could be written, and something else has taken its name since.
      const isAnother = this.#going.has(path) && inode !== this.#made.get(path)
      if (inode === undefined || isAnother) this.#add(['gone', path])
    }
    this.#going.clear()
  }

  #add(line: Line): void {
    this.#log.add(JSON.stringify(line))
    this.#apply(line)
  }

  [Symbol.dispose](): void {
    this.#log[Symbol.dispose]()
  }
}

/** Undefined for what no run has written: a right checksum alone says that nothing was lost. */
function lineOf(text: string): Line | undefined {
  try {
    const line = parseJson(text)
    const isLine = Array.isArray(line) && line.length >= 2 && line.every((part) => typeof part === 'string')
    return isLine ? (line as unknown as Line) : undefined
  } catch {
    return undefined
  }
}

/** Nothing outside the output folder is a run's, whatever a record says. */
function isInside(name: string): boolean {
  return !isAbsolute(name) && !name.includes('\0') && !name.replaceAll(sep, '/').split('/').includes('..')
}

/** Records of all runs in an output folder but one, by stem; those that are damaged are left out. */
export async function recordsIn(root: string, except?: string): Promise<Map<string, FileRecord>> {
  const records = new Map<string, FileRecord>()
  for (const stem of await readdir(join(root, STATES_FOLDER)).catch(() => [])) {
    if (stem === except) continue
    const state = join(root, STATES_FOLDER, stem)
    const record = await FileRecord.read({ root, state }).catch(() => undefined)
    if (record !== undefined) records.set(stem, record)
  }
  return records
}
