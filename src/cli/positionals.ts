import type { Given, SettingName } from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'
import type { CommandLine } from './parse/index.ts'

/** The original is called as `FILE LENGTH MODEL`: exactly three words, the second a whole number. */
export function isOriginalForm(positionals: readonly string[]): boolean {
  return positionals.length === 3 && /^\d+$/.test(positionals[1] ?? '')
}

export interface PredictFlags {
  flags: Map<SettingName, Given>
  originalForm: boolean
}

/** Adds the words without an option to the flags: the original's three, or input files. */
export function applyPositionals(line: CommandLine): PredictFlags {
  const flags = new Map(line.flags)
  const originalForm = isOriginalForm(line.positionals)
  const files = originalForm ? line.positionals.slice(0, 1) : line.positionals
  if (files.length > 0) {
    const more = flags.get('input')?.value
    const name = originalForm ? 'FILE' : 'INPUT'
    flags.set('input', {
      value: [...files, ...(Array.isArray(more) ? more : [])],
      origin: { kind: 'argument', name },
    })
  }
  if (originalForm) {
    setOnce(flags, 'expectedLength', 'LENGTH', line.positionals[1] ?? '')
    setOnce(flags, 'modelPath', 'MODEL', line.positionals[2] ?? '')
  }
  return { flags, originalForm }
}

function setOnce(flags: Map<SettingName, Given>, setting: SettingName, name: string, value: string): void {
  const flag = flags.get(setting)
  if (flag !== undefined && flag.value !== value) {
    throw new UsageError(
      `${name} ${value} and ${flag.origin.name} ${flag.value} contradict each other; keep one`,
    )
  }
  flags.set(setting, { value, origin: { kind: 'argument', name } })
}
