import { isUtf8 } from 'node:buffer'
import { existsSync, statSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { UsageError } from '../system/errors.ts'
import { parseJson } from '../system/json.ts'
import { foreign } from '../system/printable.ts'
import { reasonOf } from '../system/problems.ts'
import { readWithin, TooLargeError } from '../system/read-within.ts'
import { didYouMean } from '../text/suggest.ts'
import { ignoredBroadKeys } from './broad.ts'
import { type Given, given } from './effective.ts'
import { fileKey } from './option.ts'
import { type AnySettingName, allSettings, settingNames } from './table.ts'
import { parseYaml } from './yaml.ts'

/** Looked for in the current folder when no file is named. */
const CONFIG_FILE_NAMES = ['virnucpro.config.yaml', 'virnucpro.config.yml', 'virnucpro.config.json'] as const

/** Letters of a key or value that a message shows. */
const MAX_SHOWN = 200
/** A configuration file is a page of text; anything larger is some other file named by mistake. */
const MAX_CONFIG_BYTES = 1_000_000

/** The configuration file to use: the named one, or one of the usual names in the current folder. */
export function findConfigFile(named: string | undefined, cwd: string): string | undefined {
  if (named !== undefined) return named
  const found = CONFIG_FILE_NAMES.filter((name) => existsSync(join(cwd, name)))
  if (found.length > 1) {
    throw new UsageError(`${found.join(' and ')} are both in ${cwd}; keep one, or name one with --config`)
  }
  const [name] = found
  if (name !== undefined && isOfStranger(join(cwd, name))) {
    throw new UsageError(
      `${name} in ${cwd} belongs to another user: it would decide who gets sequences and which programs are run. Name it with --config to use it`,
    )
  }
  return name
}

/** Whether neither this user nor an administrator has made a file. An administrator may use everybody's. */
function isOfStranger(path: string): boolean {
  const user = process.getuid?.() ?? 0
  return user !== 0 && ![user, 0].includes(statSync(path).uid)
}

/**
 * Reads a YAML or JSON configuration file; it is parsed, never executed.
 * @throws UsageError when it cannot be read or parsed, or holds an unknown key.
 */
export async function readConfigFile(path: string, cwd: string): Promise<FileSettings> {
  let bytes: Uint8Array
  try {
    bytes = await readWithin(resolve(cwd, path), MAX_CONFIG_BYTES)
  } catch (cause) {
    if (cause instanceof TooLargeError) {
      const got = cause.bytes === undefined ? 'more' : `${cause.bytes} bytes`
      throw new UsageError(`${path}: expected a configuration file of at most 1 MB, got ${got}`)
    }
    throw new UsageError(`cannot read the configuration file ${path}: ${reason(cause)}`, { cause })
  }
  // A byte that is replaced on the way would name another file than the one that was meant.
  if (!isUtf8(bytes)) throw new UsageError(`${path}: not valid UTF-8; save it as UTF-8`)
  const content = await parseText(new TextDecoder().decode(bytes), path)
  if (holdsItself(content)) throw new UsageError(`${path}: an alias stands inside of what it names`)
  if (!isTable(content ?? {})) {
    const kind = Array.isArray(content) ? 'a list' : `the ${typeof content} ${shown(JSON.stringify(content))}`
    throw new UsageError(`${path}: expected keys and values at the top, got ${kind}`)
  }
  const result: FileSettings = { given: new Map(), ignored: [] }
  for (const [key, value] of leaves((content ?? {}) as Table)) read(key, value, path, result)
  return result
}

async function parseText(content: string, path: string): Promise<unknown> {
  try {
    if (extname(path).toLowerCase() === '.json') return parseJson(content)
    return await parseYaml(content)
  } catch (cause) {
    throw new UsageError(`${path}: ${reason(cause)}`, { cause })
  }
}

/** YAML can name a table, or a list, inside of itself. */
function holdsItself(value: unknown, above: readonly unknown[] = []): boolean {
  if (typeof value !== 'object' || value === null) return false
  return above.includes(value) || Object.values(value).some((each) => holdsItself(each, [...above, value]))
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  // What follows shows lines of the file, which may hold a secret.
  return foreign(reasonOf(cause).trim().split('\n')[0] ?? '')
}

/** The start of a text for a message: a file that is no configuration may hold anything. */
function shown(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}

export interface FileSettings {
  given: Map<AnySettingName, Given>
  /** Dotted keys that are known and do nothing here. */
  ignored: string[]
}

type Table = Record<string, unknown>

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const settingOfKey = new Map<string, AnySettingName>([
  ...settingNames.map((name): [string, AnySettingName] => [fileKey(name), name]),
  ...Object.entries(allSettings).flatMap(([name, { broadKey }]): [string, AnySettingName][] =>
    broadKey === undefined ? [] : [[broadKey, name as AnySettingName]],
  ),
])

function isIgnored(key: string): boolean {
  return ignoredBroadKeys.some((known) =>
    known.endsWith('.*') ? key.startsWith(known.slice(0, -1)) || key === known.slice(0, -2) : key === known,
  )
}

/** A table may be entered when some known key lies below it. */
function hasKeysBelow(key: string): boolean {
  return [...settingOfKey.keys(), ...ignoredBroadKeys].some((known) => known.startsWith(`${key}.`))
}

/** Dotted keys with their values: `{ a: { b: 1 } }` is `a.b`, where `a` has known keys. */
function* leaves(table: Table, prefix = ''): Generator<[key: string, value: unknown]> {
  for (const [part, value] of Object.entries(table)) {
    const key = prefix + part
    if (isTable(value) && (hasKeysBelow(key) || isIgnored(`${key}.x`))) yield* leaves(value, `${key}.`)
    else yield [key, value]
  }
}

function read(key: string, value: unknown, file: string, { given: found, ignored }: FileSettings): void {
  const setting = settingOfKey.get(key)
  // `progress: false` is ours, although `progress` is a section of Broad's.
  if (setting === undefined || isTable(value)) {
    if (isIgnored(key)) ignored.push(key)
    else if (setting !== undefined) throw new UsageError(`${file}: ${key}: expected a value, got a table`)
    else throw new UsageError(`${file}: unknown key ${shown(key)}.${didYouMean(shown(key), knownKeys())}`)
    return
  }
  // A key without a value is not set.
  if (value === null) return
  const other = found.get(setting)
  const written = given(allSettings[setting], value, { kind: 'file', name: key, file })
  if (other !== undefined && JSON.stringify(other.value) !== JSON.stringify(written.value)) {
    throw new UsageError(
      `${file}: ${other.origin.name} and ${key} are the same setting with different values; keep one`,
    )
  }
  found.set(setting, written)
}

/** Every key a configuration file may hold. */
function knownKeys(): string[] {
  return [...settingOfKey.keys(), ...ignoredBroadKeys.filter((key) => !key.endsWith('.*'))]
}
