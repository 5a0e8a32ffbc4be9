import { isOn, longNames, type Option, type Options } from '../settings/index.ts'

/** A command line, without the name of the program, and what it does. */
export type Example = readonly [does: string, line: string]

/** What a line asks for: `-h` one screen, `--help` everything. */
export type HelpLength = 'short' | 'whole'

/** What the help of a command or of a group of commands shows. */
export interface Help {
  /** Without the name of the program: `models import`. */
  name: string
  /** One sentence. */
  about: string
  /** Usage lines after the name; one for each form. */
  usage: readonly string[]
  options: Options
  /** Names of the options that `-h` shows. @default all of the command's own that do something */
  usual?: readonly string[]
  examples?: readonly Example[]
  /** Sub-commands with one line each. */
  commands?: readonly (readonly [name: string, about: string])[]
  /** Paragraphs after the options. */
  notes?: readonly string[]
}

/** Where standard output is no terminal. */
const USUAL_WIDTH = 80
const NARROWEST = 40
/** Longer lines are hard to read. */
const WIDEST = 100

/** Columns of the help for what it is written to. */
export function helpWidth({ columns }: { columns?: number }): number {
  // A terminal that does not know its size says 0.
  return Math.min(WIDEST, Math.max(NARROWEST, columns || USUAL_WIDTH))
}

/** The whole help text: plain, without colours, so that it is the same in a file and on a terminal. */
export function renderHelp(help: Help, width: number): string {
  const lines = head(help, width)
  const groups = [...groupsOf(help.options)].map(([title, options]) => {
    const entries = options.map(([name, option]) => [label(name, option), plain(describe(option))] as const)
    return [title, entries] as const
  })
  const widest = widestOf(groups.flatMap(([, entries]) => entries))
  for (const [title, entries] of groups) lines.push('', `${title}:`, ...list(entries, width, widest))
  for (const note of help.notes ?? []) lines.push('', ...wrap(plain(note), width))
  return finished(lines, help, width)
}

/** What `-h` prints: the usual options, in a few words each. */
export function renderShortHelp(help: Help, width: number): string {
  const lines = head(help, width)
  const { options, usual = Object.keys(options).filter((name) => options[name]?.noEffect === undefined) } =
    help
  const entries = usual.map((name) => [shortLabel(name, options[name]!), inShort(options[name]!)] as const)
  if (entries.length > 0)
    lines.push('', help.usual === undefined ? 'Options:' : 'Usual options:', ...list(entries, width))
  const more = help.commands === undefined ? 'every option' : 'all commands'
  return finished(lines, help, width, `${programName(help)} --help prints ${more}.`)
}

function head(help: Help, width: number): string[] {
  const lines = [...wrap(help.about, width), '', ...usageLines(help)]
  if (help.commands !== undefined) lines.push('', 'Commands:', ...list(help.commands, width))
  return lines
}

function finished(lines: string[], { examples = [] }: Help, width: number, last?: string): string {
  if (examples.length > 0) lines.push('', 'Examples:', ...examples.flatMap((each) => example(each, width)))
  if (last !== undefined) lines.push('', ...wrap(last, width))
  return `${lines.join('\n')}\n`
}

/** The line itself is never wrapped: it is there to be copied. */
function example([does, line]: Example, width: number): string[] {
  return [...wrap(does, width - 2).map((each) => `  ${each}`), `    virnucpro ${line}`]
}

/** `Usage: …`, with further forms below the first. */
export function usageLines(help: Help): string[] {
  return help.usage.map((form, at) =>
    `${at === 0 ? 'Usage:' : '      '} ${programName(help)} ${form}`.trimEnd(),
  )
}

function programName({ name }: Help): string {
  return `virnucpro ${name}`.trimEnd()
}

/** Options by their headings, in the order of the first of each. */
export function groupsOf(options: Options): Map<string, [name: string, option: Option][]> {
  return Map.groupBy(Object.entries(options), ([, { group }]) => group ?? 'Options')
}

function label(name: string, option: Option): string {
  const long = longNames(name, option).map((each) => {
    if (isOn(option)) return `--no-${each}`
    return option.negatable ? `--[no-]${each}` : `--${each}`
  })
  const names = option.short === undefined ? `    ${long.join(', ')}` : `-${option.short}, ${long.join(', ')}`
  return option.hint === undefined ? names : `${names} ${option.hint}`
}

/** Without the names that it has in other programs. */
function shortLabel(name: string, option: Option): string {
  return label(name, { ...option, also: [] })
}

function describe(option: Option): string {
  if (option.noEffect !== undefined) return `no effect: ${option.noEffect}`
  const otherwise = defaultOf(option)
  const help = meaningOf(option)
  return otherwise === '' || option.hint === undefined ? help : `${help} [default: ${otherwise}]`
}

/** What an option does; one that is on by default is shown by its `--no-` form. Markdown. */
export function meaningOf(option: Option): string {
  return isOn(option) ? `do not ${option.help}` : option.help
}

/** What an option does in a few words. */
export function inShort(option: Option): string {
  const [first = ''] = meaningOf(option).split(/; |\. | \(|, (?:which|where|whose|even|in addition)\b/)
  return plain(option.brief ?? first)
}

/** What holds when the option is not given, in Markdown. */
export function defaultOf({ otherwise, default: value }: Option): string {
  if (otherwise !== undefined) return otherwise
  if (value === true || value === undefined || (Array.isArray(value) && value.length === 0)) return ''
  if (value === false) return 'off'
  return typeof value === 'string' ? `\`${value}\`` : String(value)
}

/** Markdown without its marks; "see [input](reference/input.md)" names the page. */
export function plain(markdown: string): string {
  const pages = markdown.replace(/see \[[^\]]*\]\(([\w./-]+)[^)]*\)/g, 'see docs/$1')
  return pages.replace(/\[([^[\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '')
}

type Entry = readonly [left: string, right: string]

function widestOf(entries: readonly Entry[]): number {
  return Math.max(...entries.map(([left]) => left.length))
}

/** Two columns, or on a narrow terminal each description below its name. */
function list(entries: readonly Entry[], width: number, widest = widestOf(entries)): string[] {
  const isNarrow = width < 60
  const column = isNarrow ? 8 : Math.min(widest + 4, Math.round(width / 3))
  return entries.flatMap(([left, right]) => {
    const padded = `  ${left}`
    const lines = wrap(right, width - column)
    const first = !isNarrow && padded.length < column - 1 ? [padded.padEnd(column) + lines.shift()] : [padded]
    return [...first, ...lines.map((line) => ' '.repeat(column) + line)]
  })
}

function wrap(text: string, width: number): string[] {
  return Bun.wrapAnsi(text, width).split('\n')
}
