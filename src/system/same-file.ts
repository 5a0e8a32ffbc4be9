import { fstat } from 'node:fs'
import { lstat, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Name of an input in records, tables and messages: its path, or `<stdin>` for `-`. */
export function sourceName(input: string): string {
  return input === '-' ? '<stdin>' : input
}

/**
 * Device and inode of a file, behind all links and whatever its spelling; of `-`, what standard input was redirected from.
 * Undefined where there is no file.
 */
export async function identityAt(path: string): Promise<string | undefined> {
  const found = await (path === '-'
    ? promisify(fstat)(0, { bigint: true })
    : stat(path, { bigint: true })
  ).catch(() => undefined)
  return found?.isFile() ? `${found.dev} ${found.ino}` : undefined
}

/** Whether anything has the name; a link that leads nowhere counts. */
export async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  )
}

/** Number of what has the name, a link itself where it is one; undefined where there is nothing. */
export async function inodeAt(path: string): Promise<string | undefined> {
  return await lstat(path, { bigint: true }).then(
    ({ ino }) => String(ino),
    () => undefined,
  )
}

/** A path itself, or all below it where it is a folder. */
export async function filesAt(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isDirectory()) return [path]
  const names = await readdir(path, { recursive: true }).catch(() => [])
  return names.map((name) => join(path, name))
}

/** The first of two lists' files that are the same one; undefined where there are none. */
export async function sameFile(
  reads: readonly string[],
  writes: readonly string[],
): Promise<{ read: string; written: string } | undefined> {
  const written = new Map<string, string>()
  for (const path of writes) {
    for (const file of await filesAt(path)) {
      const identity = await identityAt(file)
      if (identity !== undefined) written.set(identity, file)
    }
  }
  if (written.size === 0) return undefined
  for (const path of reads) {
    for (const file of await filesAt(path)) {
      const match = written.get((await identityAt(file)) ?? '')
      if (match !== undefined) return { read: file, written: match }
    }
  }
  return undefined
}

/**
 * The open file that a name such as `/dev/stdin` or `/dev/fd/63` stands for, of this process; undefined for every other
 * name. Shells give such names for `<( … )`. `-` is standard input.
 */
export function descriptorOf(name: string): number | undefined {
  if (name === '-' || name === '/dev/stdin') return 0
  const number = /^(?:\/dev\/fd|\/proc\/self\/fd|\/proc\/(\d+)\/fd)\/(\d{1,9})$/.exec(name)
  if (number === null || (number[1] !== undefined && Number(number[1]) !== process.pid)) return undefined
  return Number(number[2])
}
