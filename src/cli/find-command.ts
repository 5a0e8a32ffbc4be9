import { longNames, type Option } from '../settings/index.ts'
import { commonOptions } from './command.ts'
import { isGroup } from './commands.ts'

export interface Split {
  /** Words before the name of the command, which are options of every command. */
  before: readonly string[]
  /** First word of a name of two words; empty for others. */
  group: string
  /** The name, or the second word of it. */
  word: string | undefined
  behind: readonly string[]
}

/** Finds the name of the command in a line. Options of every command may stand before it, and between its two words. */
export function split(argv: readonly string[]): Split {
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
