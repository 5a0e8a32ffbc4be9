import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

const folder = resolve(import.meta.dir, '../../../.cache/faults')

/** Where ip and strace are, made by scripts/test-faults.sh. */
export const faultTools = resolve(folder, 'bin')

/** True where they are present; in CI their absence is a failure, never a skip. */
export const hasFaultTools = existsSync(resolve(folder, 'installed'))
if (!hasFaultTools) {
  const message = `${folder} not found: run scripts/test-faults.sh; the tests that need it are skipped`
  if (process.env.CI === 'true') throw new Error(message)
  console.warn(message)
}

/** Words before a command that run it in the namespaces of a process, as the root of these. */
export function inNamespacesOf(pid: number, ...kinds: ('mount' | 'net')[]): readonly string[] {
  return [
    'nsenter',
    `--target=${pid}`,
    '--user',
    '--preserve-credentials',
    // Entering mounts would change it.
    '--wd=.',
    ...kinds.map((kind) => `--${kind}`),
    '--',
  ]
}
