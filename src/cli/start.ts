import { existsSync } from 'node:fs'
import { runCommand } from 'citty'
import { version } from '../../package.json' with { type: 'json' }
import { ExitCode } from '../exit-codes.ts'
import { longNames, type Option } from '../settings/index.ts'
import { type Command, commonOptions, withUsage } from './command.ts'
import { type CommandLine, readCommandLine } from './command-line.ts'
import { COMMANDS, isGroup, loadCommand, overview } from './commands.ts'
import type { Help, HelpLength } from './help.ts'
import { isOriginalForm } from './original-form.ts'
import { helpText, unknownCommand } from './show-help.ts'
import { strictCommand } from './strict.ts'

/**
 * Finds the command and runs it. Options of every command may stand before its name; a line without a command that looks
 * like the original's `FILE LENGTH MODEL` is one of `predict`.
 */
export async function start(argv: readonly string[]): Promise<void> {
  const { before, group, word, behind } = split(argv)
  const name = `${group} ${word ?? ''}`.trim()
  const length = helpWanted(argv)
  if (Object.hasOwn(COMMANDS, name)) {
    const definition = await loadCommand(name)
    if (length !== undefined) return printHelp(definition, length)
    const early = await withUsage(overview(group), () => readCommandLine(before, commonOptions))
    const late = await withUsage(definition, () => readCommandLine(behind, optionsOf(definition)))
    return await run(definition, { given: [...early.given, ...late.given], words: late.words })
  }
  const predict = await loadCommand('predict')
  const original = group === '' && word !== undefined ? originalForm(argv, predict) : undefined
  if (original === undefined) return await withoutCommand(before, group, word)
  if (length !== undefined) return printHelp(predict, length)
  await run(predict, original)
}

async function run(definition: Command, line: CommandLine): Promise<void> {
  const asked = (option: keyof typeof commonOptions) => line.given.some(({ name }) => name === option)
  // Run together with another switch: `-vh`.
  if (asked('help')) return printHelp(definition, 'short')
  if (asked('version')) return print(`virnucpro ${version}\n`)
  await runCommand(strictCommand(definition, line), { rawArgs: [] })
}

function printHelp(help: Help, length: HelpLength): void {
  print(helpText(help, length, process.stdout))
}

function optionsOf(definition: Pick<Help, 'options'>) {
  return { ...definition.options, ...commonOptions }
}

function originalForm(argv: readonly string[], predict: Command): CommandLine | undefined {
  try {
    const line = readCommandLine(argv, optionsOf(predict))
    return isOriginalForm(line.words) ? line : undefined
  } catch {
    return undefined
  }
}

/** A line without a command's name: help and version, an error, or where nothing is asked for, the short help as one. */
async function withoutCommand(
  before: readonly string[],
  group: string,
  word: string | undefined,
): Promise<void> {
  const length = word === undefined ? helpWanted(before) : undefined
  if (length !== undefined) return printHelp(overview(group, length), length)
  // An option of `predict` before any command is the first thing wrong with the line.
  const { given } = await withUsage(overview(group), () => readCommandLine(before, commonOptions))
  if (word !== undefined) {
    const isFile = group === '' && existsSync(word)
    throw unknownCommand(group, word, isFile ? ` To predict from a file: virnucpro predict ${word}` : '')
  }
  if (given.some(({ name }) => name === 'version')) return print(`virnucpro ${version}\n`)
  process.stderr.write(helpText(overview(group, 'short'), 'short', process.stderr))
  process.exitCode = ExitCode.usage
}

interface Split {
  /** Words before the name of the command, which are options of every command. */
  before: readonly string[]
  /** First word of a name of two words; empty for others. */
  group: string
  /** The name, or the second word of it. */
  word: string | undefined
  behind: readonly string[]
}

function split(argv: readonly string[]): Split {
  const at = firstWord(argv)
  const [before, word, behind] = [argv.slice(0, at), argv[at], argv.slice(at + 1)]
  if (word === undefined || !isGroup(word)) return { before, group: '', word, behind }
  const second = firstWord(behind)
  return {
    before: [...before, ...behind.slice(0, second)],
    group: word,
    word: behind[second],
    behind: behind.slice(second + 1),
  }
}

/** Index of the first word that is neither an option of every command nor the value of one. */
function firstWord(argv: readonly string[]): number {
  let at = 0
  for (; at < argv.length; at++) {
    const word = argv[at] ?? ''
    if (!word.startsWith('-') || word === '-' || word === '--') break
    if (TAKE_VALUES.includes(word)) at++
  }
  return at
}

const TAKE_VALUES = Object.entries<Option>(commonOptions)
  .filter(([, { hint }]) => hint !== undefined)
  .flatMap(([name, each]) => [`-${each.short}`, ...longNames(name, each).map((long) => `--${long}`)])

/** Which help is asked for before `--`; it is shown even when the rest of the line is wrong. */
function helpWanted(argv: readonly string[]): HelpLength | undefined {
  const end = argv.indexOf('--')
  const words = end < 0 ? argv : argv.slice(0, end)
  if (words.includes('--help')) return 'whole'
  return words.includes('-h') ? 'short' : undefined
}

function print(text: string): void {
  process.stdout.write(text)
}
