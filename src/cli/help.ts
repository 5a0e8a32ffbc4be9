import type { Arg, ArgGroup } from './parse/arg.ts'

/** What the help of one command shows, and by which its command line is read. */
export interface CommandHelp {
  /** `virnucpro predict`. */
  name: string
  /** One sentence. */
  about: string
  /** Usage lines after the name; one for each form. */
  usage: readonly string[]
  groups: readonly ArgGroup[]
  /** Sub-commands with one line each. */
  commands?: readonly (readonly [string, string])[]
  /** Paragraphs after the options. */
  notes?: readonly string[]
}

/** Column that descriptions begin in; longer options push theirs to the next line. */
const COLUMN = 34
const WIDTH = 100

/** The help text: plain, without colours, so that it is the same in a file and on a terminal. */
export function renderHelp(command: CommandHelp): string {
  const lines = [command.about, '', ...usageLines(command)]
  if (command.commands !== undefined) {
    lines.push('', 'Commands:', ...command.commands.map(([name, about]) => entry(name, about)))
  }
  for (const group of command.groups) {
    lines.push('', `${group.title}:`, ...group.args.map((arg) => entry(label(arg), describe(arg))))
  }
  for (const note of command.notes ?? []) lines.push('', note)
  return `${lines.join('\n')}\n`
}

/** `Usage: …`, with further forms below the first. */
export function usageLines(command: CommandHelp): string[] {
  return command.usage.map((form, at) =>
    `${at === 0 ? 'Usage:' : '      '} ${command.name} ${form}`.trimEnd(),
  )
}

function label(arg: Arg): string {
  const long = arg.long.map((name) => {
    if (arg.shownNegated) return `--no-${name}`
    return arg.negatable && arg.noEffect !== undefined ? `--[no-]${name}` : `--${name}`
  })
  const names = arg.short === undefined ? `    ${long.join(', ')}` : `-${arg.short}, ${long.join(', ')}`
  return arg.hint === undefined ? names : `${names} ${arg.hint}`
}

function describe(arg: Arg): string {
  return arg.noEffect === undefined ? arg.help : `no effect: ${arg.noEffect}`
}

function entry(left: string, right: string): string {
  const padded = `  ${left}`
  const lines = wrap(right)
  const first = padded.length < COLUMN - 1 ? [padded.padEnd(COLUMN) + lines.shift()] : [padded]
  return [...first, ...lines.map((line) => ' '.repeat(COLUMN) + line)].join('\n')
}

/** Lines of at most the width that is left beside the options' column. */
function wrap(words: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of words.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > WIDTH - COLUMN) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
