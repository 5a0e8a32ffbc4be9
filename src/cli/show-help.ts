import { UsageError } from '../system/errors.ts'
import { didYouMean } from '../text/suggest.ts'
import { CommandUsageError, commonOptions } from './command.ts'
import { COMMANDS, isGroup, loadCommand, namesBelow, overview } from './commands.ts'
import { type Help, type HelpLength, helpWidth, renderHelp, renderShortHelp } from './help.ts'

/** The help text of a command, a group of commands, or the program. */
export function helpText(help: Help, length: HelpLength, stream: { columns?: number }): string {
  const width = helpWidth(stream)
  if (length === 'short') return renderShortHelp(help, width)
  return renderHelp({ ...help, options: { ...help.options, ...commonOptions } }, width)
}

/**
 * The help of what these words name: `models pull`, `models`, or nothing.
 * @throws UsageError where there is no such command
 */
export async function helpFor(words: readonly string[]): Promise<Help> {
  const name = words.join(' ')
  if (Object.hasOwn(COMMANDS, name)) return await loadCommand(name)
  const [first = '', second, third] = words
  if (name === '' || (isGroup(first) && second === undefined)) return overview(first)
  if (isGroup(first) && third === undefined) throw unknownCommand(first, second ?? '')
  if (Object.hasOwn(COMMANDS, first))
    throw new UsageError(`${first} has no commands below it, such as ${second}`)
  throw unknownCommand('', first)
}

/** A word that is no command, with the one that was meant. */
export function unknownCommand(group: string, word: string, more = ''): UsageError {
  const hint = inGroups(group === '' ? word : '') || didYouMean(word, namesBelow(group))
  const error = new UsageError(
    `unknown command ${`${group} ${word}`.trim()}.${hint}${hint === '' ? more : ''}`,
  )
  return new CommandUsageError(error, overview(group))
}

/** For a word that is a command of some group: `pull` is `models pull`. */
function inGroups(word: string): string {
  const names = Object.keys(COMMANDS).filter((name) => word !== '' && name.endsWith(` ${word}`))
  return names.length === 0 ? '' : ` Did you mean ${names.join(' or ')}?`
}
