import type { Given, SettingName } from '../../settings/index.ts'
import type { CommandHelp } from '../help.ts'
import type { Arg } from './arg.ts'
import { type Collected, collect, toFlags } from './collect.ts'
import { tokenize } from './tokens.ts'

export { type Arg, type ArgGroup, spellings } from './arg.ts'

export interface CommandLine {
  positionals: string[]
  /** Every text that stands after an option, by the spelling of the option. */
  texts: readonly (readonly [option: string, text: string])[]
  /** Settings given as options. */
  flags: Map<SettingName, Given>
  /** One line for each option that is accepted and does nothing. */
  warnings: string[]
  /** Text of an option that is not a setting. */
  text(name: string): string | undefined
  /** Whether a switch that is not a setting is on. */
  isOn(name: string): boolean
}

/** Reads the words after a command's name by that command's options. */
export function parseCommandLine(argv: readonly string[], command: CommandHelp): CommandLine {
  const args = command.groups.flatMap((group) => group.args)
  const { given, positionals } = tokenize(argv, args)
  const collected = collect(given)
  return {
    positionals,
    texts: given.flatMap(({ spelled, value }) =>
      typeof value === 'string' ? [[spelled, value] as const] : [],
    ),
    flags: toFlags(collected),
    warnings: warningsOf(given),
    text: (name) => textOf(collected.get(name)),
    isOn: (name) => collected.get(name)?.value === true,
  }
}

function textOf(found: Collected | undefined): string | undefined {
  return typeof found?.value === 'string' ? found.value : undefined
}

function warningsOf(given: readonly { arg: Arg; spelled: string }[]): string[] {
  const lines = new Map<string, string>()
  for (const { arg, spelled } of given) {
    if (arg.noEffect !== undefined) lines.set(arg.name, `${spelled} has no effect: ${arg.noEffect}`)
  }
  return [...lines.values()]
}
