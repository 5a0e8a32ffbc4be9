import { isOn, longNames, type Option, type Options } from '../settings/index.ts'

/** What the help of a command or of a group of commands shows. */
export interface Help {
  /** Without the name of the program: `models import`. */
  name: string
  /** One sentence. */
  about: string
  /** Usage lines after the name; one for each form. */
  usage: readonly string[]
  options: Options
  /** Sub-commands with one line each. */
  commands?: readonly (readonly [name: string, about: string])[]
  /** Paragraphs after the options. */
  notes?: readonly string[]
}

/** Column that descriptions begin in; longer options push theirs to the next line. */
const COLUMN = 34
const WIDTH = 100

/** The help text: plain, without colours, so that it is the same in a file and on a terminal. */
export function renderHelp(command: Help): string {
  const lines = [command.about, '', ...usageLines(command)]
  if (command.commands !== undefined)
    lines.push('', 'Commands:', ...command.commands.map(([name, about]) => entry(name, about)))
  for (const [title, options] of groupsOf(command.options)) {
    const entries = options.map(([name, option]) => entry(label(name, option), plain(describe(option))))
    lines.push('', `${title}:`, ...entries)
  }
  for (const note of command.notes ?? []) lines.push('', note)
  return `${lines.join('\n')}\n`
}

/** `Usage: …`, with further forms below the first. */
export function usageLines({ name, usage }: Help): string[] {
  return usage.map((form, at) =>
    `${at === 0 ? 'Usage:' : '      '} ${`virnucpro ${name}`.trimEnd()} ${form}`.trimEnd(),
  )
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

function describe(option: Option): string {
  if (option.noEffect !== undefined) return `no effect: ${option.noEffect}`
  const otherwise = defaultOf(option)
  const help = `${isOn(option) ? 'do not ' : ''}${option.help}`
  return otherwise === '' || option.hint === undefined ? help : `${help} [default: ${otherwise}]`
}

/** What holds when the option is not given, in Markdown. */
export function defaultOf({ otherwise, default: value }: Option): string {
  if (otherwise !== undefined) return otherwise
  if (value === true || value === undefined || (Array.isArray(value) && value.length === 0)) return ''
  if (value === false) return 'off'
  return typeof value === 'string' ? `\`${value}\`` : String(value)
}

/** Markdown without its marks; "see [input](input.md)" names the page. */
export function plain(markdown: string): string {
  const pages = markdown.replace(/see \[[^\]]*\]\(([\w.]+)[^)]*\)/g, 'see docs/$1')
  return pages.replace(/\[([^[\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '')
}

function entry(left: string, right: string): string {
  const padded = `  ${left}`
  const lines = Bun.wrapAnsi(right, WIDTH - COLUMN).split('\n')
  const first = padded.length < COLUMN - 1 ? [padded.padEnd(COLUMN) + lines.shift()] : [padded]
  return [...first, ...lines.map((line) => ' '.repeat(COLUMN) + line)].join('\n')
}
