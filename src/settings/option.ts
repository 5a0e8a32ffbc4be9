import type { GenericSchema, InferOutput } from 'valibot'
import { boolean } from './values.ts'

/** What is not the same for every option. */
interface Traits {
  /** One letter. */
  short?: string
  /** The long spelling without dashes, where it is not the option's name. */
  long?: string
  /** More long spellings, of other programs. */
  also?: readonly string[]
  default?: unknown
  /** What it does in a few words, where the first statement of the help does not say that: Markdown. */
  brief?: string
  /** What holds when nothing is given, in words: Markdown. */
  otherwise?: string
  required?: true
  /** Another option of the command without which this one means nothing. */
  needs?: string
  /** Another option of the command that cannot be given beside this one. */
  excludes?: string
  /** May be given several times, and each value counts. */
  many?: true
  /** A switch with a `--no-` form although no other place can switch it on. */
  negatable?: true
  /** Never shown. */
  secret?: true
  /** A value of this kind may hold a secret by mistake, and is not shown then. */
  mayHoldSecret?: RegExp
  /** The name in the options of the library, where it is another one; false: it becomes other options before a run begins. */
  library?: string | false
  /** The dotted key of Broad's configuration file that means the same. */
  broadKey?: string
  /** Switches of the same command that this one turns on, in place of a value of its own. */
  turnsOn?: readonly string[]
  /** Accepted so that old scripts keep working; says why it does nothing. */
  noEffect?: string
}

/** One option: everything that the command line, the environment, the file, the help and the documentation say about it. */
export interface Option extends Traits {
  schema: GenericSchema<unknown, unknown>
  /** What stands for the value in the help; a switch has none. */
  hint?: string
  /** The words that a value can be, where the hint does not list them. */
  choices?: readonly string[]
  /** Markdown; the terminal shows it without the marks. */
  help: string
  /** Heading in the help. */
  group?: string
  /** Name in the table of settings: the option can be set in the environment and in the configuration file too. */
  setting?: string
}

export type Options = Readonly<Record<string, Option>>

/** An option with a value. `help` and `otherwise` are Markdown. */
export function option<
  const Value extends Pick<Option, 'hint' | 'schema' | 'choices'>,
  const More extends Traits = object,
>(value: Value, help: string, more: More = {} as More) {
  return { ...value, help, ...more }
}

/** A switch, off unless `default` says otherwise. */
export function flag<const More extends Traits = object>(help: string, more: More = {} as More) {
  return { schema: boolean, default: false, help, ...more }
}

/** The options of one heading of the help. */
export function section<const Section extends Options>(title: string, options: Section): Section {
  const entries = Object.entries(options).map(([name, each]) => [name, { ...each, group: title }])
  return Object.fromEntries(entries) as Section
}

/** Some options of a table. */
export function pick<All extends Options, Name extends keyof All & string>(
  all: All,
  ...names: readonly Name[]
): Pick<All, Name> {
  return Object.fromEntries(names.map((name) => [name, all[name]])) as Pick<All, Name>
}

type ValueOf<Each extends Option> = Each extends { required: true } | { default: unknown }
  ? InferOutput<Each['schema']>
  : InferOutput<Each['schema']> | undefined

/** The values of options, validated. */
export type Values<Table extends Options> = { -readonly [Name in keyof Table]: ValueOf<Table[Name]> }

/** `outputDir` -> `output-dir`. */
function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** The spelling in configuration files: `outputDir` -> `output_dir`. */
export function fileKey(setting: string): string {
  return kebab(setting).replaceAll('-', '_')
}

/** The spelling in the environment: `outputDir` -> `VIRNUCPRO_OUTPUT_DIR`. */
export function environmentName(setting: string): string {
  return `VIRNUCPRO_${fileKey(setting).toUpperCase()}`
}

/** Long spellings without dashes; the first is the one shown. */
export function longNames(name: string, { long = kebab(name), also = [] }: Option): string[] {
  return [long, ...also]
}

/** Whether it is a switch that is on unless switched off: the help shows its `--no-` form. */
export function isOn(option: Option): boolean {
  return option.hint === undefined && option.default === true
}

/** Whether there is a `--no-` form: for every switch that another place may have switched on. */
export function hasNegation({ hint, setting, negatable }: Option): boolean {
  return hint === undefined && (setting !== undefined || negatable === true)
}
