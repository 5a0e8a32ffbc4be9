import { statSync } from 'node:fs'

/** Whether the permissions of a file let every user of this machine read it. Folders above it are not looked at. */
export function isReadableByAll(path: string): boolean {
  if (process.platform === 'win32') return false
  return ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o004) !== 0
}
