import { version } from '../../../package.json' with { type: 'json' }
import {
  type Configuration,
  fileKey,
  type SettingName,
  settingNames,
  settings,
} from '../../settings/index.ts'
import { printable, printableJson } from '../../system/printable.ts'
import { command } from '../command.ts'
import { jsonOutput } from '../json.ts'
import predict from './predict.ts'

export default command({
  usage: ['[--json] [options and inputs of predict]'],
  examples: [
    ['Print where each value of a run comes from:', 'config contigs.fasta --threads 8'],
    ['Write a configuration file:', 'config --bundle demo --threads 8'],
  ],
  usual: ['json'],
  notes: ['The output is a configuration file: virnucpro config > virnucpro.config.yaml'],
  words: 'inputs',
  forRun: true,
  exits: '`66` no such configuration file',
  options: { ...jsonOutput, ...predict.options },
  async run({ args, configuration }) {
    process.stdout.write(args.json ? asJson(configuration) : asYaml(configuration))
  },
})

/** A configuration file that gives the same configuration again; what is not set stands there as a comment. */
function asYaml({ effective, file }: Configuration): string {
  const lines = [`# virnucpro ${version}, effective configuration`]
  lines.push(`# file: ${file === undefined ? 'none' : printableJson(file)}`)
  for (const name of settingNames) {
    const value = effective.values[name]
    const origin = value === undefined ? 'not set' : printable(effective.describe(name))
    lines.push(`${entryOf(name, value).padEnd(32)} # ${origin}`)
  }
  return `${lines.join('\n')}\n`
}

/** What is not set, or must not be shown, is a comment: the output is a configuration file. */
function entryOf(name: SettingName, value: unknown): string {
  if (value === undefined) return `# ${fileKey(name)}:`
  // JSON is YAML; quoted text can hold `:`, `#` and whatever else is in a path.
  return `${'secret' in settings[name] ? '# ' : ''}${fileKey(name)}: ${printableJson(value)}`
}

/** `{ "file": …, "settings": { "threads": { "value": 8, "origin": "flag", "name": "--threads" }, … } }` */
function asJson({ effective, file }: Configuration): string {
  const entries = settingNames.map((name) => {
    const { kind, file: from, name: place } = effective.origin(name)
    const origin = { origin: kind, ...(kind !== 'default' && { name: place }), ...(from && { file: from }) }
    return [fileKey(name), { value: effective.values[name] ?? null, ...origin }]
  })
  return `${printableJson({ format: 'virnucpro-configuration', version, file: file ?? null, settings: Object.fromEntries(entries) }, 2)}\n`
}
