import { isUtf8 } from 'node:buffer'
import { readFileSync, readlinkSync } from 'node:fs'
import { UsageError } from '../system/errors.ts'
import { printable } from '../system/printable.ts'

const REPLACED = '\ufffd'

/**
 * Refuses names that are not valid UTF-8: the runtime hands them on with a replacement character, so that the program would
 * read or make another file than the one that was named.
 *
 * @throws UsageError naming the first of them
 */
export function requireUtf8(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): void {
  if (argv.some((word) => word.includes(REPLACED))) {
    for (const word of entriesOf('/proc/self/cmdline')) refuse('the argument', word)
  }
  if (Object.entries(environment).some(([name, value]) => isOurs(name) && value?.includes(REPLACED))) {
    for (const entry of entriesOf('/proc/self/environ').filter((bytes) => isOurs(bytes.toString('latin1'))))
      refuse('the environment variable', entry)
  }
  if (process.cwd().includes(REPLACED)) refuse('the current folder', currentFolder())
}

function isOurs(entry: string): boolean {
  return entry.startsWith('VIRNUCPRO_')
}

function refuse(what: string, bytes: Buffer): void {
  if (isUtf8(bytes)) return
  throw new UsageError(
    `${what} ${shown(bytes)} is not valid UTF-8 and cannot be used: rename it, or name it through a link`,
  )
}

/** `caf\xe9.fa`, as a shell would take it in `$'…'`; of a variable, the name alone, since its value may be a secret. */
function shown(bytes: Buffer): string {
  const text = bytes.toString('latin1')
  const visible = isOurs(text) ? text.replace(/=.*/s, '') : text
  return printable(visible).replace(/[\u00a0-\u00ff]/g, (letter) => `\\x${letter.charCodeAt(0).toString(16)}`)
}

/** Empty where the system does not tell, as on macOS, whose names are always valid. */
function entriesOf(path: string): Buffer[] {
  try {
    // Every byte is a letter of Latin-1.
    const entries = readFileSync(path, 'latin1').split('\0')
    return entries.map((entry) => Buffer.from(entry, 'latin1'))
  } catch {
    return []
  }
}

function currentFolder(): Buffer {
  try {
    return readlinkSync('/proc/self/cwd', { encoding: 'buffer' })
  } catch {
    return Buffer.alloc(0)
  }
}
