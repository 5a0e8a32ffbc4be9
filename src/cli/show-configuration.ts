import {
  type Configuration,
  describeOrigin,
  fileKey,
  isSecret,
  type SettingName,
  settingNames,
} from '../settings/index.ts'
import { printable, printableJson } from '../system/printable.ts'
import { version } from './version.ts'

/** A configuration file that gives the same configuration again; what is not set stands there as a comment. */
export function configurationAsYaml(configuration: Configuration): string {
  const { effective, file } = configuration
  const lines = [`# virnucpro ${version}, effective configuration`]
  lines.push(`# file: ${file === undefined ? 'none' : printableJson(file)}`)
  for (const name of settingNames) {
    const value = effective.values[name]
    lines.push(
      `${entryOf(name, value).padEnd(32)} # ${value === undefined ? 'not set' : printable(describeOrigin(effective.origin(name)))}`,
    )
  }
  return `${lines.join('\n')}\n`
}

/** What is not set, or must not be shown, is a comment: the output is a configuration file. */
function entryOf(name: SettingName, value: unknown): string {
  if (value === undefined) return `# ${fileKey(name)}:`
  // JSON is YAML; quoted text can hold `:`, `#` and whatever else is in a path.
  return `${isSecret(name) ? '# ' : ''}${fileKey(name)}: ${printableJson(value)}`
}

/** `{ "file": …, "settings": { "threads": { "value": 8, "origin": "flag", "name": "--threads" }, … } }` */
export function configurationAsJson(configuration: Configuration): string {
  const { effective, file } = configuration
  const settings: Record<string, unknown> = {}
  for (const name of settingNames) {
    const origin = effective.origin(name)
    settings[fileKey(name)] = {
      value: effective.values[name] ?? null,
      origin: origin.kind,
      ...(origin.kind === 'default' ? {} : { name: origin.name }),
      ...(origin.file === undefined ? {} : { file: origin.file }),
    }
  }
  return `${printableJson({ version, file: file ?? null, settings }, 2)}\n`
}
