import type { Given, SettingName } from '../../settings/index.ts'
import { isSecret, keptSecret, settingNames } from '../../settings/index.ts'
import { UsageError } from '../../system/errors.ts'
import type { GivenArg } from './tokens.ts'

/** A value of the command line and how its option was spelled. */
export interface Collected {
  value: string | boolean | string[]
  spelled: string
}

/**
 * Brings the options together by name: lists are joined, repetitions of the same value are one.
 * @throws {UsageError} when one name is given two different values.
 */
export function collect(given: readonly GivenArg[]): Map<string, Collected> {
  const collected = new Map<string, Collected>()
  for (const { arg, spelled, value } of given) {
    for (const name of arg.turnsOn ?? [arg.name]) add(collected, name, spelled, value, arg.many ?? false)
  }
  return collected
}

function add(
  collected: Map<string, Collected>,
  name: string,
  spelled: string,
  value: string | boolean,
  many: boolean,
): void {
  const before = collected.get(name)
  if (many && typeof value === 'string') {
    const list = Array.isArray(before?.value) ? before.value : []
    collected.set(name, { value: [...list, value], spelled })
    return
  }
  if (before !== undefined && before.value !== value) {
    const shown = typeof value === 'string' && !isSecret(name)
    const first = shown ? `${before.spelled} ${before.value}` : before.spelled
    const second = shown ? `${spelled} ${value}` : spelled
    throw new UsageError(`${first} and ${second} contradict each other; keep one`)
  }
  if (before === undefined) collected.set(name, { value, spelled })
}

/** Those of the collected values that are settings. */
export function toFlags(collected: ReadonlyMap<string, Collected>): Map<SettingName, Given> {
  const flags = new Map<SettingName, Given>()
  for (const name of settingNames) {
    const found = collected.get(name)
    if (found === undefined) continue
    flags.set(name, { value: keptSecret(name, found.value), origin: { kind: 'flag', name: found.spelled } })
  }
  return flags
}
