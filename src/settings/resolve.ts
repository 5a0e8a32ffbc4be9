import { defaults } from './defaults.ts'
import { derive } from './derive.ts'
import { Effective } from './effective.ts'
import { CONFIG_VARIABLE, type Environment, readEnvironment, warnOfUnknownVariables } from './environment.ts'
import { findConfigFile, readConfigFile } from './file.ts'
import { DEFAULT_ORIGIN, type Given } from './origins.ts'
import type { AnySettingName, SettingName } from './schema.ts'
import { validate } from './validate.ts'

export interface ConfigurationRequest {
  /** What the command line says. */
  flags: ReadonlyMap<SettingName, Given>
  environment: Environment
  /** Folder that relative paths and the usual configuration file names are looked up in. */
  cwd: string
  /** `--config FILE`. */
  configFile?: string | undefined
  /** The command line is the original's `FILE LENGTH MODEL`. @default false */
  originalForm?: boolean
}

export interface Configuration {
  /** The configuration file that was read, as it was named. */
  file: string | undefined
  effective: Effective
  /** For the user, one line each. */
  warnings: string[]
}

/**
 * Merges flags, environment, configuration file and defaults, validates the result once and fills in what follows
 * from it.
 * @throws {UsageError} for anything wrong in any of them.
 */
export async function resolveConfiguration(request: ConfigurationRequest): Promise<Configuration> {
  const { environment, cwd } = request
  const named = request.configFile ?? (environment[CONFIG_VARIABLE] || undefined)
  const file = findConfigFile(named, cwd)
  const fromFile = file === undefined ? undefined : await readConfigFile(file, cwd)
  const given = new Map<AnySettingName, Given>()
  for (const [name, value] of Object.entries(defaults)) {
    given.set(name as SettingName, { value, origin: DEFAULT_ORIGIN })
  }
  for (const layer of [fromFile?.given, readEnvironment(environment), request.flags]) {
    for (const [name, value] of layer ?? []) given.set(name, value)
  }
  const effective = new Effective(validate(given), given)
  derive(effective, request.originalForm ?? false)
  const warnings = warnOfUnknownVariables(environment)
  if (fromFile !== undefined && fromFile.ignored.length > 0) {
    warnings.unshift(`${file}: keys without effect here: ${fromFile.ignored.join(', ')}`)
  }
  return { file, effective, warnings }
}
