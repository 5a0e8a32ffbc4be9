import { UsageError } from '../system/errors.ts'
import { didYouMean } from '../text/suggest.ts'
import { broadKeys, ignoredBroadKeys } from './broad-keys.ts'
import { fileKey } from './names.ts'
import type { Given } from './origins.ts'
import { type AnySettingName, keptSecret, settingNames } from './schema.ts'

const settingOfKey = new Map<string, AnySettingName>([
  ...settingNames.map((name): [string, AnySettingName] => [fileKey(name), name]),
  ...Object.entries(broadKeys),
])

export interface FileSettings {
  given: Map<AnySettingName, Given>
  /** Dotted keys that are known and do nothing here. */
  ignored: string[]
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isIgnored(key: string): boolean {
  return ignoredBroadKeys.some((known) =>
    known.endsWith('.*') ? key.startsWith(known.slice(0, -1)) || key === known.slice(0, -2) : key === known,
  )
}

/** A table may be entered when some known key lies below it. */
function hasKeysBelow(key: string): boolean {
  const prefix = `${key}.`
  return [...settingOfKey.keys(), ...ignoredBroadKeys].some((known) => known.startsWith(prefix))
}

/**
 * Sorts the content of a configuration file into settings and ignored keys.
 * @throws {UsageError} naming the file and the dotted key when a key is unknown or two keys disagree.
 */
export function readKeys(content: unknown, file: string): FileSettings {
  const result: FileSettings = { given: new Map(), ignored: [] }
  if (content === null || content === undefined) return result
  if (!isTable(content))
    throw new UsageError(`${file}: expected keys and values at the top, got ${kindOf(content)}`)
  visit(content, '', file, result)
  return result
}

function visit(table: Record<string, unknown>, prefix: string, file: string, result: FileSettings): void {
  for (const [part, value] of Object.entries(table)) {
    const key = prefix + part
    const setting = settingOfKey.get(key)
    // `progress: false` is ours, `progress: {…}` is Broad's section; a key without a value is not set.
    if (setting !== undefined && !isTable(value)) {
      if (value !== null)
        keep(
          setting,
          { value: keptSecret(setting, value), origin: { kind: 'file', name: key, file } },
          result,
        )
    } else if (isTable(value) && (hasKeysBelow(key) || isIgnored(`${key}.x`))) {
      visit(value, `${key}.`, file, result)
    } else if (isIgnored(key)) {
      result.ignored.push(key)
    } else if (setting !== undefined) {
      throw new UsageError(`${file}: ${key}: expected a value, got a table`)
    } else {
      throw new UsageError(`${file}: unknown key ${key}.${didYouMean(key, knownKeys())}`)
    }
  }
}

function keep(setting: AnySettingName, given: Given, result: FileSettings): void {
  const other = result.given.get(setting)
  if (other !== undefined && JSON.stringify(other.value) !== JSON.stringify(given.value)) {
    const { file, name } = given.origin
    throw new UsageError(
      `${file}: ${other.origin.name} and ${name} are the same setting with different values; keep one`,
    )
  }
  result.given.set(setting, given)
}

/** Every key a configuration file may hold. */
export function knownKeys(): string[] {
  return [...settingOfKey.keys(), ...ignoredBroadKeys.filter((key) => !key.endsWith('.*'))]
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'a list' : `the ${typeof value} ${JSON.stringify(value)}`
}
