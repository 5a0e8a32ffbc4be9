import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { lstat, mkdir, readdir, rename, rm, rmdir, stat, unlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { syncFolder } from './atomic.ts'
import { type ErrorOptions, UsageError } from './errors.ts'
import { parseJson } from './json.ts'
import { temporaryName } from './kept-files.ts'
import { hasEnded, processPlace, processStart } from './processes.ts'
import { readText } from './read-within.ts'
import { filesAt, sameFile } from './same-file.ts'
import { cannotWrite, WriteError } from './system-error.ts'

/** Says in an unfinished folder what it will be and who makes it. */
const MARKER = '.virnucpro-unfinished.json'
/** The same while it is written. */
const HALF_MARKER = `${MARKER}.new`
const UNFINISHED = /^\.virnucpro-[0-9a-f]{32}\.tmp$/

export interface FolderToMake {
  readonly output: string
  /** Replace what an earlier call has made. Anything else that is there is never touched. */
  readonly force: boolean
  /** What it is, for messages, such as `bundle`. */
  readonly what: string
  /** The file in every folder of the kind, which lists the others. */
  readonly marker: string
  /** Whether a file, by its path below the folder, is one of those listed. Rejects when the list cannot be read. */
  ownsFile(folder: string): Promise<(name: string) => boolean>
  /** The error for what is in the way. */
  refusal(message: string, options: ErrorOptions): Error
}

/**
 * Has `fill` write into a folder beside `output` and renames that folder when all is there, so that `output` is whole or
 * does not exist. A process that was killed leaves a hidden folder, which the next one to the same place removes.
 *
 * @throws what `refusal` returns, when something is in the way that is not to be replaced; WriteError
 */
export async function createFolder(
  folder: FolderToMake,
  fill: (unfinished: string) => Promise<void>,
): Promise<void> {
  const output = resolve(folder.output)
  await requirePlace(output, folder)
  const unfinished = await beginFolder(output).catch(cannotWrite(output))
  try {
    await fill(unfinished)
    await replaceFolder(unfinished, output)
  } catch (error) {
    await removeUnfinished(unfinished).catch(() => {})
    throw error instanceof Error && 'syscall' in error ? new WriteError(output, error) : error
  }
  await syncFolder(dirname(output))
}

async function requirePlace(output: string, folder: FolderToMake): Promise<void> {
  const { what, marker } = folder
  const refuse = (problem: string, options: ErrorOptions = {}) =>
    folder.refusal(`${output} ${problem}`, { kind: 'cannotCreate', ...options })
  const found = await stat(output).catch(() => undefined)
  if (found === undefined) return
  if (!found.isDirectory()) throw refuse('is a file: expected a folder to make. Choose another name.')
  const names = await readdir(output)
  if (names.length === 0) return
  if (!names.includes(marker))
    throw refuse(`holds files that are no ${what}, and they are not overwritten. Choose another folder.`)
  if (!folder.force)
    throw refuse(`holds a ${what} already`, { detail: { code: 'place-taken', data: { path: output } } })
  const isOwn = await folder.ownsFile(output).catch((cause: unknown) => {
    throw refuse(
      `holds a ${what} without a list of its files that can be read, so that they cannot be distinguished from yours: remove the folder, or choose another.`,
      { cause },
    )
  })
  const strangers = await strangersIn(output, isOwn)
  if (strangers === undefined) return
  throw refuse(
    `also holds files that are not of the ${what}, and they are not removed: ${strangers}. Move them away, or choose another folder.`,
  )
}

/**
 * Makes a folder beside `output` that will take its name, and removes those that processes which have ended left of the
 * same.
 */
export async function beginFolder(output: string): Promise<string> {
  const parent = dirname(resolve(output))
  await mkdir(parent, { recursive: true })
  for (const name of await readdir(parent))
    if (UNFINISHED.test(name) && (await isAbandoned(join(parent, name), output)))
      await removeUnfinished(join(parent, name))
  const folder = temporaryName(resolve(output))
  const about = JSON.stringify(aboutThisProcess(output))
  const half = join(folder, HALF_MARKER)
  for (;;) {
    // Until it has its mark, the folder is nobody's, and anybody may remove it.
    if (!existsSync(folder)) mkdirSync(folder)
    try {
      writeFileSync(half, about, { flag: 'wx' })
      renameSync(half, join(folder, MARKER))
      return folder
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue
      // As on a full disk: nobody would know whose it is.
      await rm(folder, { recursive: true, force: true }).catch(() => {})
      throw error
    }
  }
}

/** The folder is whole now, and nobody's to remove. Under its own name a mark that cannot be removed says nothing. */
export async function endFolder(unfinished: string): Promise<void> {
  await rm(join(unfinished, MARKER), { force: true }).catch(() => {})
}

/** Whether a folder was begun for the same output by a process that has ended, on this machine. */
async function isAbandoned(folder: string, output: string): Promise<boolean> {
  const about = await aboutUnfinished(folder)
  return about?.output === basename(resolve(output)) && about.isOver === true
}

/** @returns what is known of an unfinished folder; `isOver` is undefined where its process cannot be seen from here */
async function aboutUnfinished(
  folder: string,
): Promise<{ output: unknown; isOver: boolean | undefined } | undefined> {
  try {
    const { output, place, pid, started } = parseJson(await readText(join(folder, MARKER))) as Record<
      string,
      unknown
    >
    const isHere = place === processPlace()
    return { output, isOver: isHere ? hasEnded(Number(pid), String(started ?? '')) : undefined }
  } catch {
    return undefined
  }
}

/** What nobody has touched for so long, and whose process cannot be seen, is over. */
const OLD_MS = 24 * 3600 * 1000

/** A folder without its mark, and with nothing else: whoever is beginning it finds its file gone, and writes it again. */
function isUnmarked(names: readonly string[]): boolean {
  return names.every((name) => name === HALF_MARKER)
}

/** Whether a name is that of an unfinished file or folder of this program. */
export function isUnfinishedName(name: string): boolean {
  return UNFINISHED.test(name)
}

/** Whether an unfinished file or folder was left by a process that has ended. */
export async function isLeftover(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return false
  const isOver = found.isDirectory() ? (await aboutUnfinished(path))?.isOver : undefined
  if (isOver !== undefined) return isOver
  const inside = found.isDirectory() ? await readdir(path).catch(() => ['unreadable']) : []
  // Killed before it said whose it is, or while it removed the last of it.
  if (found.isDirectory() && isUnmarked(inside)) return true
  const changes = await Promise.all(inside.map((name) => lstat(join(path, name)).catch(() => undefined)))
  const last = Math.max(found.ctimeMs, ...changes.map((each) => each?.ctimeMs ?? 0))
  return Date.now() - last > OLD_MS
}

/**
 * Removes a folder that is ours. It loses its name at once; a process that is killed meanwhile leaves a folder that
 * `isLeftover` knows.
 */
export async function removeFolder(folder: string): Promise<void> {
  const gone = temporaryName(resolve(folder))
  await writeFile(join(folder, MARKER), JSON.stringify(aboutThisProcess(folder)))
  await rename(folder, gone)
  await removeUnfinished(gone)
}

/** Removes an unfinished folder, or a file; what says whose it is goes last, so that a kill leaves what `isLeftover` knows. */
export async function removeUnfinished(path: string): Promise<void> {
  const names = await readdir(path).catch(() => undefined)
  // One that a process may be beginning at this moment: it stays as soon as it has its mark.
  if (names !== undefined && isUnmarked(names)) {
    await unlink(join(path, HALF_MARKER)).catch(() => {})
    await rmdir(path).catch(() => {})
    return
  }
  for (const name of names ?? [])
    if (name !== MARKER) await rm(join(path, name), { recursive: true, force: true })
  await rm(path, { recursive: true, force: true })
}

function aboutThisProcess(output: string) {
  return {
    output: basename(resolve(output)),
    pid: process.pid,
    started: processStart(process.pid),
    place: processPlace(),
  }
}

/**
 * Gives a finished folder its final name. A folder that has the name already is kept until the new one is in its
 * place, and comes back when that fails.
 */
export async function replaceFolder(unfinished: string, output: string): Promise<void> {
  const old = temporaryName(resolve(output))
  // What says whose they are stays in both folders while their names are hidden: a kill leaves what `isLeftover` knows.
  await writeFile(join(output, MARKER), JSON.stringify(aboutThisProcess(output))).catch(() => {})
  const replaced = await rename(output, old).then(
    () => true,
    () => false,
  )
  try {
    await rename(unfinished, output)
  } catch (error) {
    if (replaced) {
      await rename(old, output).catch(() => {})
      await endFolder(output)
    }
    throw error
  }
  await endFolder(output)
  if (replaced) await removeUnfinished(old)
}

/** Names that a message lists. */
const SHOWN = 5

/**
 * Files in a folder that would be lost if it were replaced, and are not what is to be replaced.
 *
 * @param isKnown - of a path relative to the folder, with slashes
 * @returns a text that names them; undefined where there are none
 */
export async function strangersIn(
  folder: string,
  isKnown: (name: string) => boolean,
): Promise<string | undefined> {
  const strangers: string[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory() || entry.name === MARKER) continue
    const path = join(entry.parentPath, entry.name)
    if (!isKnown(relative(folder, path))) strangers.push(path)
  }
  if (strangers.length === 0) return undefined
  const more = strangers.length - SHOWN
  return strangers.sort().slice(0, SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

/**
 * Refuses to replace a folder that holds a file which is read for what takes its place.
 * @throws UsageError with both names
 */
export async function refuseInputsIn(output: string, inputs: readonly (string | undefined)[]): Promise<void> {
  const reads = inputs.filter((path) => path !== undefined)
  const found = await sameFile(reads, await filesAt(output))
  if (found === undefined) return
  throw new UsageError(
    `${found.read} is an input and also ${found.written}, which would be replaced: choose another output. Nothing was changed`,
  )
}
