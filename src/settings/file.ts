import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { extname, join, resolve } from 'node:path'
import { UsageError } from '../system/errors.ts'
import { parseJson } from '../system/json.ts'
import { foreign } from '../system/printable.ts'
import { reasonOf } from '../system/problems.ts'
import { type FileSettings, readKeys } from './file-keys.ts'

/** Looked for in the current folder when no file is named. */
export const CONFIG_FILE_NAMES = [
  'virnucpro.config.yaml',
  'virnucpro.config.yml',
  'virnucpro.config.json',
] as const

/** A configuration file is a page of text; anything larger is some other file named by mistake. */
const MAX_CONFIG_BYTES = 1_000_000

/** The configuration file to use: the named one, or one of the usual names in the current folder. */
export function findConfigFile(named: string | undefined, cwd: string): string | undefined {
  if (named !== undefined) return named
  const found = CONFIG_FILE_NAMES.filter((name) => existsSync(join(cwd, name)))
  if (found.length > 1) {
    throw new UsageError(`${found.join(' and ')} are both in ${cwd}; keep one, or name one with --config`)
  }
  return found[0]
}

/**
 * Reads a YAML or JSON configuration file; it is parsed, never executed.
 * @throws {UsageError} when it cannot be read or parsed, or holds an unknown key.
 */
export async function readConfigFile(path: string, cwd: string): Promise<FileSettings> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(resolve(cwd, path))
  } catch (cause) {
    throw new UsageError(`cannot read the configuration file ${path}: ${reason(cause)}`, { cause })
  }
  if (bytes.length > MAX_CONFIG_BYTES) {
    throw new UsageError(`${path}: expected a configuration file of at most 1 MB, got ${bytes.length} bytes`)
  }
  return readKeys(await parseText(decode(bytes, path), path), path)
}

/** A byte that is replaced on the way would name another file than the one that was meant. */
function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new UsageError(`${path}: not valid UTF-8; save it as UTF-8`, { cause })
  }
}

async function parseText(content: string, path: string): Promise<unknown> {
  try {
    if (extname(path).toLowerCase() === '.json') return parseJson(content)
    const { parse } = await import('yaml')
    // The core schema of YAML 1.2: `no` and `on` stay text, which the boolean setting then understands.
    return parse(content, { schema: 'core', maxAliasCount: 100, logLevel: 'error' })
  } catch (cause) {
    throw new UsageError(`${path}: ${reason(cause)}`, { cause })
  }
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  // What follows shows lines of the file, which may hold a secret.
  return foreign(reasonOf(cause).trim().split('\n')[0] ?? '')
}
