import { resolve } from 'node:path'
import * as v from 'valibot'
import { HOME_VARIABLE } from '../home/index.ts'
import { UsageError } from '../system/errors.ts'
import { isReadableByAll } from '../system/readable-by-all.ts'
import { didYouMean } from '../text/suggest.ts'
import { ignoredBroadVariables } from './broad.ts'
import { derive, deriveVerbosity } from './derive.ts'
import { DEFAULT_ORIGIN, Effective, type Given, given } from './effective.ts'
import { type FileSettings, findConfigFile, readConfigFile } from './file.ts'
import { environmentName, fileKey, type Options } from './option.ts'
import {
  type AnySettingName,
  allSettings,
  type SettingName,
  type Settings,
  settingNames,
  settings,
} from './table.ts'

/** The variable that names the configuration file. */
const CONFIG_VARIABLE = 'VIRNUCPRO_CONFIG'

type Environment = Readonly<Record<string, string | undefined>>

interface ConfigurationRequest {
  /** What the command line says, by the names of `options`. */
  given: ReadonlyMap<string, Given>
  /** The options of the command: settings and others. @default all settings */
  options?: Options
  environment: Environment
  /** Whether environment and configuration file are left out. @default false */
  flagsOnly?: boolean
  /** Folder that relative paths and the usual configuration file names are looked up in. */
  cwd: string
  /** The command line is the original's `FILE LENGTH MODEL`. @default false */
  originalForm?: boolean
  /** Fill in and check what only a run needs, not just what every command reads. @default true */
  forRun?: boolean
}

export interface Configuration {
  /** The configuration file that was read, as it was named. */
  file: string | undefined
  effective: Effective
  /** The values of `options`. */
  args: Record<string, unknown>
  /** For the user, one line each. */
  warnings: string[]
}

/**
 * Merges command line, environment, configuration file and defaults, validates the result once and fills in what
 * follows from it.
 * @throws UsageError for anything wrong in any of them.
 */
export async function resolveConfiguration(request: ConfigurationRequest): Promise<Configuration> {
  const { cwd, given, flagsOnly = false } = request
  const environment = flagsOnly ? {} : request.environment
  const options: Options = request.options ?? settings
  const named = given.get('config')?.value ?? (environment[CONFIG_VARIABLE] || undefined)
  const file = flagsOnly ? undefined : findConfigFile(named as string | undefined, cwd)
  const fromFile = file === undefined ? undefined : await readConfigFile(file, cwd)
  const fromFlags = Map.groupBy(given, ([name]) => options[name]?.setting !== undefined)
  const layers = new Map([
    ...defaultsOf(allSettings),
    ...(fromFile?.given ?? []),
    ...readEnvironment(environment),
    ...(fromFlags.get(true) ?? []).map(([name, each]) => [options[name]?.setting ?? name, each] as const),
  ])
  const problems: string[] = []
  const values = validate(allSettings, layers, problems) as Settings
  const own = validate(options, new Map([...defaultsOf(options), ...(fromFlags.get(false) ?? [])]), problems)
  if (problems.length > 0) throw new UsageError(problems)
  const effective = new Effective(values, layers as Map<AnySettingName, Given>)
  if (request.forRun ?? true) derive(effective, request.originalForm ?? false)
  deriveVerbosity(effective)
  const args = Object.entries(options).map(([name, { setting }]) => [
    name,
    setting === undefined ? own[name] : values[setting as SettingName],
  ])
  const key = Object.hasOwn(options, 'tritonKey') ? values.tritonKey : undefined
  const warnings = [
    ...warningsOf(file, fromFile),
    ...unknownVariables(environment),
    ...secretsForAll(cwd, key, fromFile?.given.has('tritonHeader') ? file : undefined),
  ]
  return { file, effective, args: Object.fromEntries(args), warnings }
}

function defaultsOf(options: Options): Map<string, Given> {
  const entries = Object.entries(options).filter(([, each]) => each.default !== undefined)
  return new Map(entries.map(([name, each]) => [name, { value: each.default, origin: DEFAULT_ORIGIN }]))
}

/** Settings from `VIRNUCPRO_*`. An empty variable counts as not set, so that it can be cleared in a script. */
function readEnvironment(environment: Environment): Map<SettingName, Given> {
  const found = new Map<SettingName, Given>()
  for (const setting of settingNames) {
    const name = environmentName(setting)
    const value = environment[name]
    if (value === undefined || value === '') continue
    const written = setting === 'input' ? value.split(',') : value
    found.set(setting, given(allSettings[setting], written, { kind: 'environment', name }))
  }
  return found
}

/** The valid values; a line is added to `problems` for each of the others: `--flag: expected …, got …`. */
function validate(
  options: Options,
  layers: ReadonlyMap<string, Given>,
  problems: string[],
): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const [name, { value, origin }] of layers) {
    const option = options[name]
    if (option === undefined) continue
    // The first issue is the one about the form; what follows from it adds nothing.
    const result = v.safeParse(option.schema, value, { abortPipeEarly: true })
    if (result.success) {
      values[name] = result.output
      continue
    }
    const shown = JSON.stringify(value)
    const got = option.secret || option.mayHoldSecret?.test(shown) ? '' : `, got ${shown}`
    const place = origin.file === undefined ? '' : `${origin.file}: `
    problems.push(`${place}${origin.name || fileKey(name)}: ${result.issues[0].message}${got}`)
  }
  return values
}

function warningsOf(file: string | undefined, fromFile: FileSettings | undefined): string[] {
  if (fromFile === undefined || fromFile.ignored.length === 0) return []
  return [`${file}: keys without effect here: ${fromFile.ignored.join(', ')}`]
}

/** Whoever reads the key or the header can pose as this user. */
function secretsForAll(cwd: string, key: string | undefined, file: string | undefined): string[] {
  const secrets = [
    [key, 'named as a private key'],
    [file, 'which holds a secret (triton_header)'],
  ] as const
  return secrets.flatMap(([path, what]) =>
    path !== undefined && isReadableByAll(resolve(cwd, path))
      ? [`${path}, ${what}, can be read by every user of this machine: chmod o-r ${path}`]
      : [],
  )
}

/**
 * One warning for each `VIRNUCPRO_*` variable that is not a setting: a mistyped one must not pass in silence. Docker reads
 * VIRNUCPRO_TRITON_TAG.
 */
function unknownVariables(environment: Environment): string[] {
  const known = [CONFIG_VARIABLE, HOME_VARIABLE, ...settingNames.map(environmentName)]
  const names = Object.keys(environment).filter(
    (name) =>
      /^VIRNUCPRO_(?!TEST_|BENCH_|TRITON_TAG$)/.test(name) &&
      environment[name] !== '' &&
      !known.includes(name),
  )
  return names.map((name) =>
    ignoredBroadVariables.includes(name)
      ? `environment variable ${name} has no effect: it switches a part of another implementation`
      : `environment variable ${name} is not a setting and has no effect.${didYouMean(name, known)}`,
  )
}
