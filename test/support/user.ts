import { chmodSync, chownSync, mkdirSync } from 'node:fs'

const ORDINARY = 65_534

/** Words before a command line that run it as a user whom permissions hold for; none where this user is one. */
export function asOrdinaryUser(): readonly string[] {
  if (process.getuid?.() !== 0) return []
  if (Bun.which('setpriv') === null)
    throw new Error('setpriv of util-linux is missing: apt-get install util-linux')
  return ['setpriv', `--reuid=${ORDINARY}`, `--regid=${ORDINARY}`, '--clear-groups']
}

/** Makes a folder that the ordinary user may only read, as all may. */
export function makeReadOnly(path: string): void {
  chmodSync(path, 0o555)
}

/** Makes a folder that belongs to the ordinary user. */
export function makeOwn(path: string): void {
  mkdirSync(path, { recursive: true })
  if (process.getuid?.() === 0) chownSync(path, ORDINARY, ORDINARY)
}
