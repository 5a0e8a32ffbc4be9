import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/**
 * A folder that only this user can look into and that need not outlive the session: XDG_RUNTIME_DIR, /run/user/UID, or a
 * folder for temporary files; undefined where there is none that can be relied on. Source: XDG Base Directory
 * Specification 0.8.
 *
 * @param make creates what is missing of it
 */
export function runtimeFolder(make: boolean): string | undefined {
  const user = process.getuid?.()
  if (user === undefined) return undefined
  const named = process.env.XDG_RUNTIME_DIR ?? ''
  const given = [...(isAbsolute(named) ? [named] : []), `/run/user/${user}`].find((path) =>
    isPrivate(path, user),
  )
  const folder = given === undefined ? join(tmpdir(), `virnucpro-${user}`) : join(given, 'virnucpro')
  if (make) {
    try {
      mkdirSync(folder, { mode: 0o700 })
    } catch {
      // It is there already, or what is there is looked at next.
    }
  }
  return isPrivate(folder, user) ? folder : undefined
}

/** A folder, not a link to one, of this user, that nobody else may enter. */
function isPrivate(path: string, user: number): boolean {
  try {
    const found = lstatSync(path)
    return found.isDirectory() && (found.mode & 0o077) === 0 && found.uid === user
  } catch {
    return false
  }
}
