import { didYouMean } from '../text/suggest.ts'
import { environmentName } from './names.ts'
import type { Given } from './origins.ts'
import { keptSecret, type SettingName, settingNames } from './schema.ts'

/** Variables of Broad's fork that switch parts of its own implementation. */
const BROAD_VARIABLES = [
  'VIRNUCPRO_DISABLE_PACKING',
  'VIRNUCPRO_DISABLE_FP16',
  'VIRNUCPRO_V1_ATTENTION',
  'VIRNUCPRO_VIRAL_CHECKPOINT_MODE',
]

/** The variable that names the configuration file. */
export const CONFIG_VARIABLE = 'VIRNUCPRO_CONFIG'

export type Environment = Readonly<Record<string, string | undefined>>

/** Settings from `VIRNUCPRO_*`. An empty variable counts as not set, so that it can be cleared in a script. */
export function readEnvironment(environment: Environment): Map<SettingName, Given> {
  const given = new Map<SettingName, Given>()
  for (const setting of settingNames) {
    const name = environmentName(setting)
    const value = environment[name]
    if (value === undefined || value === '') continue
    given.set(setting, {
      value: setting === 'input' ? value.split(',') : keptSecret(setting, value),
      origin: { kind: 'environment', name },
    })
  }
  return given
}

/** One warning for each `VIRNUCPRO_*` variable that is not a setting: a mistyped one must not pass in silence. */
export function warnOfUnknownVariables(environment: Environment): string[] {
  const known = [CONFIG_VARIABLE, ...settingNames.map(environmentName)]
  const warnings: string[] = []
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('VIRNUCPRO_') || /^VIRNUCPRO_(TEST|BENCH)_/.test(name)) continue
    if (value === undefined || value === '' || known.includes(name)) continue
    warnings.push(
      BROAD_VARIABLES.includes(name)
        ? `environment variable ${name} has no effect: it switches a part of another implementation`
        : `environment variable ${name} is not a setting and has no effect.${didYouMean(name, known)}`,
    )
  }
  return warnings
}
