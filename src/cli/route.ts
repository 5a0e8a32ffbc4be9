import { existsSync } from 'node:fs'
import { UsageError } from '../system/errors.ts'
import { didYouMean } from '../text/suggest.ts'
import { commonArgs } from './args/logging.ts'
import { predictGroups } from './args/predict.ts'
import { CommandUsageError } from './command.ts'
import type { CommandHelp } from './help.ts'
import { type Arg, spellings } from './parse/arg.ts'
import { parseCommandLine } from './parse/index.ts'
import { isOriginalForm } from './positionals.ts'
import { groups, rootHelp, subCommands } from './root.ts'

/** What a command line comes to: a command with its words, or the help or version of a group of commands. */
export type Route =
  | { kind: 'command'; argv: string[] }
  | { kind: 'help'; help: CommandHelp }
  | { kind: 'version' }
  | { kind: 'nothing'; help: CommandHelp }

const common = commonArgs.args

/**
 * Finds the command. Options of every command may stand before its name and are moved behind it; a line without a
 * command that looks like the original's `FILE LENGTH MODEL` is one of `predict`.
 * @throws {UsageError} for an unknown command.
 */
export function route(argv: readonly string[]): Route {
  const { before, word, after } = splitAtWord(argv, common)
  if (word === undefined) return group(before, rootHelp)
  if (Object.hasOwn(subCommands, word)) {
    const moved = checked(before, rootHelp)
    if (Object.hasOwn(groups, word)) return routeGroup(word, moved, after)
    return { kind: 'command', argv: [word, ...moved, ...after] }
  }
  if (looksOriginal(argv)) return { kind: 'command', argv: ['predict', ...argv] }
  // An option of `predict` before any command is the first thing wrong with the line.
  checked(before, rootHelp)
  const hint = didYouMean(word, Object.keys(subCommands))
  const file = hint === '' && existsSync(word) ? ` To predict from a file: virnucpro predict ${word}` : ''
  throw new CommandUsageError(new UsageError(`unknown command ${word}.${hint}${file}`), rootHelp)
}

function routeGroup(name: string, moved: readonly string[], argv: readonly string[]): Route {
  const { commands = {}, help = rootHelp } = groups[name] ?? {}
  const { before, word, after } = splitAtWord(argv, common)
  if (word === undefined) return group([...moved, ...before], help)
  if (Object.hasOwn(commands, word)) {
    return { kind: 'command', argv: [name, word, ...moved, ...checked(before, help), ...after] }
  }
  const hint = didYouMean(word, Object.keys(commands))
  throw new CommandUsageError(new UsageError(`unknown command ${name} ${word}.${hint}`), help)
}

/** A line without a command's name: help and version, or nothing to do. */
function group(argv: readonly string[], help: CommandHelp): Route {
  if (argv.includes('--help') || argv.includes('-h')) return { kind: 'help', help }
  try {
    const line = parseCommandLine(argv, help)
    return line.isOn('version') ? { kind: 'version' } : { kind: 'nothing', help }
  } catch (error) {
    throw error instanceof UsageError ? new CommandUsageError(error, help) : error
  }
}

/** The same words, once they are known to be options of every command. */
function checked(argv: readonly string[], help: CommandHelp): readonly string[] {
  group(argv, help)
  return argv
}

function looksOriginal(argv: readonly string[]): boolean {
  try {
    return isOriginalForm(parseCommandLine(argv, { ...rootHelp, groups: predictGroups }).positionals)
  } catch {
    return false
  }
}

/** The first word that is neither an option nor the value of one. */
function splitAtWord(argv: readonly string[], args: readonly Arg[]) {
  const takesValue = new Set(args.filter((arg) => arg.hint !== undefined).flatMap(spellings))
  let at = 0
  while (at < argv.length) {
    const word = argv[at] ?? ''
    if (!word.startsWith('-') || word === '-' || word === '--') break
    at += takesValue.has(word) ? 2 : 1
  }
  return { before: argv.slice(0, at), word: argv[at], after: argv.slice(at + 1) }
}
