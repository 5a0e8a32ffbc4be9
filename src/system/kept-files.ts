import { closeSync, constants, openSync, unlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { UsageError } from './errors.ts'
import { isThere } from './same-file.ts'
import { cannotWrite } from './system-error.ts'

/**
 * What happens to a file or folder of a run.
 *
 * | action | meaning |
 * | --- | --- |
 * | `begin` | the unfinished file is about to be made |
 * | `appear` | the unfinished file of that name and inode is about to get its name |
 * | `made` | it has it: the file is the run's |
 * | `drop` | the unfinished file is gone |
 * | `folder` | the folder is the run's; removed with it only when nothing else is in it |
 * | `go` | the file is about to be removed |
 * | `gone` | it is not there any more |
 */
export type FileAction = 'begin' | 'appear' | 'made' | 'drop' | 'folder' | 'go' | 'gone'

/**
 * Keeps the record of the files that one run makes. It hears of a file before it appears and after, so that no file of the
 * run is unrecorded at any moment at which the process may be killed. Paths are absolute.
 */
export interface FileKeeper {
  /** Whether a file of this name is the run's to make. */
  covers(path: string): boolean
  /** Whether what lies there is recorded. */
  owns(path: string): boolean
  /** @param temporary - with `appear`: the unfinished file */
  note(action: FileAction, path: string, temporary?: string, inode?: string): void
  /** All that was noted is on the disk once resolved. */
  sync(): Promise<void>
}

const keepers = new Set<FileKeeper>()

/** From here on a run's files are recorded, whichever part of the program writes them. */
export function keepFiles(keeper: FileKeeper): Disposable {
  keepers.add(keeper)
  return { [Symbol.dispose]: () => void keepers.delete(keeper) }
}

export function keepersOf(path: string): FileKeeper[] {
  const absolute = resolve(path)
  return [...keepers].filter((keeper) => keeper.covers(absolute))
}

/** Something lies where a file of a run belongs, and no run of this program has made it. */
export class ForeignFileError extends UsageError {
  readonly path: string

  constructor(path: string) {
    super(
      `${path} exists, and no run of this program has recorded it as its own, so it is not overwritten: ` +
        'move it away, or choose another output folder',
      { detail: { code: 'foreign-file', data: { path } } },
    )
    this.path = path
  }
}

/** A name beside a file, or in a folder, that nobody can guess. Its length does not depend on that of the file. */
function unguessableName(): string {
  return `.virnucpro-${Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('hex')}.tmp`
}

/** Name of the unfinished form of a file or folder, beside it so that the rename never crosses file systems. */
export function temporaryName(path: string): string {
  return join(dirname(path), unguessableName())
}

/** Flags that make a file and never open one that is there, nor follow a link. */
export const CREATE = constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/**
 * Removes a file of a run. What the run has not recorded stays, and so does what lies behind a link.
 * @returns whether it is gone; false, too, where its folder was moved away
 */
export async function removeFile(path: string): Promise<boolean> {
  const absolute = resolve(path)
  const covering = keepersOf(absolute)
  const owning = covering.filter((keeper) => keeper.owns(absolute))
  if (covering.length > 0 && owning.length === 0) return !(await isThere(absolute))
  for (const keeper of owning) keeper.note('go', absolute)
  const isRemoved = await rm(absolute).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && cannotWrite(path)(error),
  )
  // It stays on record: it is back when the folder is.
  if (!isRemoved && !(await isThere(dirname(absolute)))) return false
  for (const keeper of owning) keeper.note('gone', absolute)
  return true
}

/** The name of a file that its user makes; the file goes when this is disposed of, or after a kill with the next run. */
interface TemporaryFile extends AsyncDisposable {
  readonly path: string
}

export function temporaryFileIn(folder: string): TemporaryFile {
  const { path, dropped } = unfinishedFile(folder)
  return {
    path,
    async [Symbol.asyncDispose]() {
      // One that is not there stays on record: it is back when a folder that was moved away is.
      await rm(path).then(dropped, (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      })
    },
  }
}

/** Opens a file for reading and writing that has no name: it is gone when it is closed, or the process ends. */
export function openScratch(folder: string): number {
  const { path, dropped } = unfinishedFile(folder)
  const file = openSync(path, constants.O_RDWR | CREATE, 0o600)
  try {
    unlinkSync(path)
  } catch (error) {
    closeSync(file)
    throw error
  }
  dropped()
  return file
}

function unfinishedFile(folder: string): { path: string; dropped: () => void } {
  const path = join(folder, unguessableName())
  const covering = keepersOf(path)
  for (const keeper of covering) keeper.note('begin', resolve(path))
  return {
    path,
    dropped: () => {
      for (const keeper of covering) keeper.note('drop', resolve(path))
    },
  }
}
