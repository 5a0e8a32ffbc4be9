import { existsSync } from 'node:fs'
import { runCommand } from 'citty'
import { version } from '../../package.json' with { type: 'json' }
import { ExitCode } from '../exit-codes.ts'
import { longNames, type Option } from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'
import { didYouMean } from '../text/suggest.ts'
import { type Command, CommandUsageError, commonOptions, withUsage } from './command.ts'
import { type CommandLine, readCommandLine } from './command-line.ts'
import { COMMANDS, isGroup, loadCommand, namesBelow, overview } from './commands.ts'
import { type Help, renderHelp, usageLines } from './help.ts'
import { isOriginalForm } from './original-form.ts'
import { strictCommand } from './strict.ts'

/**
 * Finds the command and runs it. Options of every command may stand before its name; a line without a command that looks
 * like the original's `FILE LENGTH MODEL` is one of `predict`.
 */
export async function start(argv: readonly string[]): Promise<void> {
  const { before, group, word, behind } = split(argv)
  const name = `${group} ${word ?? ''}`.trim()
  if (Object.hasOwn(COMMANDS, name)) {
    const definition = await loadCommand(name)
    if (asksForHelp(argv)) return printHelp(definition)
    const early = await withUsage(overview(group), () => readCommandLine(before, commonOptions))
    const late = await withUsage(definition, () => readCommandLine(behind, optionsOf(definition)))
    return await run(definition, { given: [...early.given, ...late.given], words: late.words })
  }
  const predict = await loadCommand('predict')
  const original = group === '' && word !== undefined ? originalForm(argv, predict) : undefined
  if (original === undefined) return await withoutCommand(before, word, overview(group))
  if (asksForHelp(argv)) return printHelp(predict)
  await run(predict, original)
}

async function run(definition: Command, line: CommandLine): Promise<void> {
  if (line.given.some(({ name }) => name === 'version')) return print(`virnucpro ${version}\n`)
  await runCommand(strictCommand(definition, line), { rawArgs: [] })
}

function printHelp(help: Help): void {
  print(renderHelp({ ...help, options: optionsOf(help) }))
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

/** A line without a command's name: help and version, or an error. */
async function withoutCommand(
  before: readonly string[],
  word: string | undefined,
  help: Help,
): Promise<void> {
  if (word === undefined && asksForHelp(before)) return printHelp(help)
  // An option of `predict` before any command is the first thing wrong with the line.
  const { given } = await withUsage(help, () => readCommandLine(before, commonOptions))
  if (word !== undefined) {
    const hint = didYouMean(word, namesBelow(help.name))
    const isFile = hint === '' && help.name === '' && existsSync(word)
    const file = isFile ? ` To predict from a file: virnucpro predict ${word}` : ''
    const error = new UsageError(`unknown command ${`${help.name} ${word}`.trim()}.${hint}${file}`)
    throw new CommandUsageError(error, help)
  }
  if (given.some(({ name }) => name === 'version')) return print(`virnucpro ${version}\n`)
  const name = `virnucpro ${help.name}`.trim()
  process.stderr.write(`error: no command given\n${usageLines(help).join('\n')}\n`)
  process.stderr.write(`Run "${name} --help" for the commands.\n`)
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

/** Whether help is asked for before `--`; it is shown even when the rest of the line is wrong. */
function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return (end < 0 ? argv : argv.slice(0, end)).some((word) => word === '--help' || word === '-h')
}

function print(text: string): void {
  process.stdout.write(text)
}
