import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

const bin = resolve(import.meta.dir, '../../.cache/shells/bin')

/** Shells and the reader of manuals, made by scripts/test-shells.sh. */
export const shellBinary = (name: 'zsh' | 'fish' | 'mandoc') => resolve(bin, name)

/** True where they are present; in CI their absence is a failure, never a skip. */
export const hasShells = existsSync(resolve(bin, '../installed'))
if (!hasShells) {
  const message = `${bin} not found: run scripts/test-shells.sh; the tests that need it are skipped`
  if (process.env.CI === 'true') throw new Error(message)
  console.warn(message)
}
