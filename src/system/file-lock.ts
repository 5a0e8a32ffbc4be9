import { constants, rmdirSync, unlinkSync } from 'node:fs'
import { type FileHandle, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { hasNoLinks } from './atomic.ts'
import { TryAgainError } from './errors.ts'
import { CREATE } from './kept-files.ts'
import { describeOwner, formatOwner, isAlive, type LockOwner, parseOwner, thisProcess } from './lock-owner.ts'
import { MOST_BYTES, readText, readTextSync, readWithin } from './read-within.ts'
import { READ } from './regular-file.ts'
import { cannotWrite, WriteError } from './system-error.ts'

/** The holder shows this often that it lives. */
const HEARTBEAT_MS = 10_000
/** A holder that cannot be seen from here and has not shown itself for so long is dead. */
const STALE_MS = 60_000
/** Whoever waits looks this often. */
const WAIT_MS = 200

/**
 * A lock that is being written. Without its content nobody can say whose it is, or whether that process still lives; so anybody may
 * remove it then, and its process, if it lives, writes it again.
 */
const UNFINISHED = /\.new\.[^./]+$/

/** Tokens this process uses: a lock whose file was out of reach at its release still names the process. */
const inUse = new Set<string>()

/** What a lock is for, in words. */
export interface LockWords {
  /** What the holder of the lock is, such as `run`. */
  readonly holder: string
  /** What it does, such as `is writing to this output folder`. */
  readonly does: string
  /** What else can be done than to wait. */
  readonly instead?: string
}

const PROCESS: LockWords = { holder: 'process', does: 'works here' }

export interface LockOptions {
  readonly heartbeatMs?: number
  readonly words?: LockWords
}

/** Another process holds the lock. */
export class LockedError extends TryAgainError {
  readonly owner: LockOwner | undefined

  constructor(path: string, owner: LockOwner | undefined, { holder, does, instead }: LockWords) {
    super(
      `another ${holder} ${does}: ${describeOwner(owner)}. Wait until it has ended` +
        `${instead === undefined ? '' : `, or ${instead}`} (its lock is ${path}; the lock of a ${holder} that has ` +
        `died is taken over, within ${STALE_MS / 1000} s if it ran on another machine)`,
    )
    this.owner = owner
  }
}

/** The lock was taken away: this process gave no sign of life for so long that another took it for dead. */
export class LockLostError extends TryAgainError {}

/**
 * A lock, held until disposed of. It holds between machines that share a file system too.
 *
 * Locks appear whole, by a hard link. A dead holder's lock is inherited: whoever makes the one file `LOCK.after.TOKEN`
 * named after it is the heir, and replaces the lock with its own by a rename. There is no moment without a lock, and
 * two who find the same holder dead cannot both inherit.
 */
export class FileLock implements AsyncDisposable {
  readonly #path: string
  readonly #owner: LockOwner
  readonly #content: string
  readonly #lost = new AbortController()
  readonly #created: string | undefined
  readonly #words: LockWords
  #file: FileHandle | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  readonly #atExit = () => this.#releaseNow()

  private constructor(path: string, owner: LockOwner, created: string | undefined, words: LockWords) {
    this.#path = path
    this.#words = words
    this.#owner = owner
    this.#content = formatOwner(owner)
    this.#created = created
  }

  /**
   * @throws LockedError when a living process holds the lock
   * @throws WriteError when the folder cannot be written to
   */
  static async acquire(
    path: string,
    { heartbeatMs = HEARTBEAT_MS, words = PROCESS }: LockOptions = {},
  ): Promise<FileLock> {
    const created = await mkdir(dirname(path), { recursive: true }).catch(cannotWrite(path))
    const lock = new FileLock(path, thisProcess(), created, words)
    await lock.#acquire(heartbeatMs)
    return lock
  }

  /**
   * Waits until nobody holds the lock.
   *
   * @param onWait - is told once who is waited for
   * @throws the reason of the signal; WriteError as above
   */
  static async wait(
    path: string,
    {
      signal,
      onWait,
      ...options
    }: LockOptions & { signal?: AbortSignal | undefined; onWait?: (owner: string) => void } = {},
  ): Promise<FileLock> {
    for (let isFirst = true; ; isFirst = false) {
      signal?.throwIfAborted()
      try {
        return await FileLock.acquire(path, options)
      } catch (error) {
        if (!(error instanceof LockedError)) throw error
        if (isFirst) onWait?.(describeOwner(error.owner))
        await Bun.sleep(WAIT_MS)
      }
    }
  }

  /** Whether a lock, or an unfinished one, is that of a process which has ended. Nothing is changed. */
  static async isDead(path: string): Promise<boolean> {
    const text = await read(path)
    if (text === undefined) return false
    const owner = parseOwner(text)
    return owner === undefined ? UNFINISHED.test(path) : isAlive(owner) === false
  }

  /** Aborted when the lock is lost. */
  get signal(): AbortSignal {
    return this.#lost.signal
  }

  async #acquire(heartbeatMs: number): Promise<void> {
    const mine = `${this.#path}.new.${this.#owner.token}`
    inUse.add(this.#owner.token)
    try {
      await this.#write(mine)
      while (!(await this.#attempt(mine))) {
        await Bun.sleep(20)
        await this.#write(mine)
      }
    } catch (error) {
      inUse.delete(this.#owner.token)
      this.#removeFolders()
      throw error
    } finally {
      await rm(mine, { force: true })
    }
    await this.#removeLeftovers()
    this.#file = await open(this.#path, constants.O_RDWR | constants.O_NOFOLLOW)
    this.#timer = setInterval(() => this.#beat(), heartbeatMs)
    this.#timer.unref()
    process.once('exit', this.#atExit)
  }

  /** The lock under its unfinished name, unless it is there. */
  async #write(mine: string): Promise<void> {
    try {
      await writeSynced(mine, constants.O_WRONLY | CREATE, this.#content)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new WriteError(this.#path, error)
    }
  }

  /** @returns false when things moved meanwhile and must be looked at again */
  async #attempt(mine: string): Promise<boolean> {
    if (await appears(mine, this.#path)) return true
    const holder = await this.#holder()
    if (holder === undefined) return false
    const { path, owner } = holder
    if (!(await isStale(path, owner, mine))) throw new LockedError(this.#path, owner, this.#words)
    const token = owner?.token ?? 'unreadable'
    const heir = `${this.#path}.after.${token}`
    if (!(await appears(mine, heir))) return false
    if ((await this.#holder())?.owner?.token !== this.#owner.token) {
      // The holder looked at was no longer the last one.
      await rm(heir, { force: true })
      return false
    }
    await rename(heir, this.#path)
    return true
  }

  /** The lock itself, or the last heir that has not replaced it yet. */
  async #holder(): Promise<{ path: string; owner: LockOwner | undefined } | undefined> {
    let path = this.#path
    let text = await read(path)
    if (text === undefined) return undefined
    for (;;) {
      const owner = parseOwner(text)
      const heir = `${this.#path}.after.${owner?.token ?? 'unreadable'}`
      const next = await read(heir)
      if (next === undefined || heir === path) return { path, owner }
      path = heir
      text = next
    }
  }

  /** Files of processes that died while they took the lock. */
  async #removeLeftovers(): Promise<void> {
    const folder = dirname(this.#path)
    const name = basename(this.#path)
    for (const entry of await readdir(folder).catch(() => [])) {
      const path = join(folder, entry)
      if (entry.startsWith(`${name}.after.`)) await rm(path, { force: true })
      else if (entry.startsWith(`${name}.new.`)) {
        const text = await read(path)
        const owner = parseOwner(text ?? '')
        if (owner === undefined || (await isStale(path, owner, this.#path))) await rm(path, { force: true })
      }
    }
  }

  /**
   * Whether the lock is still there; the folder itself may have gone with a mount.
   * @throws LockLostError
   */
  async check(): Promise<void> {
    this.#requireOwn((await read(this.#path)) ?? '')
  }

  /** The same at once, for what must not be done a moment later. @throws LockLostError */
  requireHeld(): void {
    let text = ''
    try {
      text = readTextSync(this.#path, MOST_BYTES.note, READ)
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      if (!['ENOENT', 'ENOTDIR', 'ELOOP'].includes(code)) throw new WriteError(this.#path, error)
    }
    this.#requireOwn(text)
  }

  #isOwn(text: string): boolean {
    return parseOwner(text)?.token === this.#owner.token
  }

  #requireOwn(text: string): void {
    if (this.#isOwn(text)) return
    throw new LockLostError(
      `the lock of this ${this.#words.holder}, ${this.#path}, has vanished or was taken by another ` +
        `${this.#words.holder}: check the disk or the mount, and start the same command again once no other ` +
        `${this.#words.holder} works in this folder`,
    )
  }

  /** Writes the same content again: only a write makes the file's own server set the time. */
  async #beat(): Promise<void> {
    try {
      await this.check()
      await this.#file?.write(this.#content, 0)
      await this.#file?.datasync()
    } catch (error) {
      // A full disk or a server that does not answer is no loss of the lock; the work itself will meet it.
      if (!(error instanceof LockLostError) || this.#timer === undefined) return
      clearInterval(this.#timer)
      this.#lost.abort(error)
    }
  }

  #releaseNow(): void {
    try {
      if (this.#isOwn(readTextSync(this.#path, MOST_BYTES.note, READ))) unlinkSync(this.#path)
    } catch {
      // Taken away, or out of reach: nothing to release.
    }
    this.#removeFolders()
  }

  /** Folders made for the lock alone go with it. */
  #removeFolders(): void {
    if (this.#created === undefined) return
    try {
      for (let folder = dirname(this.#path); folder.length >= this.#created.length; folder = dirname(folder))
        rmdirSync(folder)
    } catch {
      // Something is in there now.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    inUse.delete(this.#owner.token)
    process.off('exit', this.#atExit)
    await this.#file?.close().catch(() => {})
    this.#releaseNow()
  }
}

/** Gives a whole file a second name, if nothing has that name and the file is still there. */
async function appears(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' || code === 'ENOENT') return false
    if (hasNoLinks(error)) return await copied(from, to)
    throw new WriteError(to, error)
  }
}

/** For file systems without hard links: readers may see the file before its content. */
async function copied(from: string, to: string): Promise<boolean> {
  try {
    await writeSynced(to, constants.O_WRONLY | CREATE, await readWithin(from, MOST_BYTES.note))
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' || code === 'ENOENT') return false
    throw new WriteError(to, error)
  }
}

/** @param probe - a file on the same file system; writing it shows what time it is there */
async function isStale(path: string, owner: LockOwner | undefined, probe: string): Promise<boolean> {
  const alive = owner === undefined ? undefined : isAlive(owner)
  if (alive === true && owner?.pid === process.pid) return !inUse.has(owner.token)
  if (alive !== undefined) return !alive
  try {
    // The first byte of any owner.
    await writeSynced(probe, constants.O_RDWR | constants.O_NOFOLLOW, '{')
    const [now, seen] = [await stat(probe), await stat(path)]
    return now.mtimeMs - seen.mtimeMs > STALE_MS
  } catch (error) {
    // Released meanwhile: look again.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw new WriteError(path, error)
  }
}

async function writeSynced(path: string, flags: number, content: string | Uint8Array): Promise<void> {
  await using file = await open(path, flags)
  await file.writeFile(content)
  await file.sync()
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readText(path, MOST_BYTES.note, READ)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    // A link is no lock of ours, wherever it leads to.
    if (code === 'ELOOP') return ''
    throw new WriteError(path, error)
  }
}
