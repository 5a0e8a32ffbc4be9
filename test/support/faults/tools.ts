import { resolve } from 'node:path'
import { isInstalled } from '../../../scripts/support/installed.ts'

const folder = resolve(import.meta.dir, '../../../.cache/faults')

/** Where ip and strace are, made by scripts/test-faults.sh. */
export const faultTools = resolve(folder, 'bin')

/** True where they are present. */
export const hasFaultTools = isInstalled(resolve(folder, 'installed'), 'scripts/test-faults.sh', folder)

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
