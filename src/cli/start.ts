import { existsSync } from 'node:fs'
import { runCommand } from 'citty'
import { version } from '../../package.json' with { type: 'json' }
import { ExitCode } from '../exit-codes.ts'
import { type Command, commonOptions, withUsage } from './command.ts'
import { type CommandLine, readCommandLine } from './command-line.ts'
import { COMMANDS, loadCommand, overview } from './commands.ts'
import { split } from './find-command.ts'
import type { Help, HelpLength } from './help.ts'
import { isOriginalForm } from './original-form.ts'
import { helpText, unknownCommand } from './show-help.ts'
import { strictCommand } from './strict.ts'

/** What the scripts of `completion` ask with: no command, as nobody types it. */
export const COMPLETE = '__complete'

/**
 * Finds the command and runs it. Options of every command may stand before its name; a line without a command that looks
 * like the original's `FILE LENGTH MODEL` is one of `predict`.
 */
export async function start(argv: readonly string[]): Promise<void> {
  if (argv[0] === COMPLETE) return await (await import('./complete.ts')).printCandidates(argv.slice(1))
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
