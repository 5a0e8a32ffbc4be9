import { resolve } from 'node:path'
import { isInstalled } from '../../scripts/support/installed.ts'

const bin = resolve(import.meta.dir, '../../.cache/shells/bin')

/** Shells and the reader of manuals, made by scripts/test-shells.sh. */
export const shellBinary = (name: 'zsh' | 'fish' | 'mandoc') => resolve(bin, name)

/** True where they are present. */
export const hasShells = isInstalled(resolve(bin, '../installed'), 'scripts/test-shells.sh', bin)
