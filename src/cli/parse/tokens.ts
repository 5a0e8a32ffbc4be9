import { isSecret } from '../../settings/index.ts'
import { UsageError } from '../../system/errors.ts'
import { didYouMean } from '../../text/suggest.ts'
import { type Arg, spellings } from './arg.ts'

/** One option as it stands on the command line. */
export interface GivenArg {
  arg: Arg
  /** As typed, without its value: `-t`, `--merge-threads`, `--no-resume`. */
  spelled: string
  value: string | boolean
}

export interface Tokens {
  given: GivenArg[]
  positionals: string[]
}

interface Spelling {
  arg: Arg
  value: boolean
}

/**
 * Splits a command line into options and positionals. citty's own parser lets unknown options, missing values and
 * surplus words pass, so this one is used for everything after the command's name.
 * @throws {UsageError} for an unknown option or a missing, empty or surplus value.
 */
export function tokenize(argv: readonly string[], args: readonly Arg[]): Tokens {
  const known = new Map<string, Spelling>()
  for (const arg of args) {
    for (const spelled of spellings(arg)) known.set(spelled, { arg, value: !spelled.startsWith('--no-') })
  }
  const tokens: Tokens = { given: [], positionals: [] }
  const rest = [...argv]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      tokens.positionals.push(...rest)
      break
    }
    if (word.startsWith('--')) long(word, rest, known, tokens)
    else if (word.startsWith('-') && word !== '-') short(word, rest, known, tokens)
    else tokens.positionals.push(word)
  }
  for (const word of tokens.positionals) {
    if (word === '')
      throw new UsageError('an argument is empty: is a variable of the calling script not set?')
  }
  return tokens
}

function long(word: string, rest: string[], known: ReadonlyMap<string, Spelling>, tokens: Tokens): void {
  const equals = word.indexOf('=')
  const spelled = equals < 0 ? word : word.slice(0, equals)
  const { arg, value } = find(spelled, known)
  const attached = equals < 0 ? undefined : word.slice(equals + 1)
  if (arg.hint === undefined) {
    if (attached !== undefined)
      throw new UsageError(`${spelled} takes no value, got ${JSON.stringify(attached)}`)
    tokens.given.push({ arg, spelled, value })
  } else {
    tokens.given.push({ arg, spelled, value: takeValue(arg, spelled, attached, rest) })
  }
}

/** `-t 8`, `-t8`, `-t=8`, and switches run together: `-kf`. */
function short(word: string, rest: string[], known: ReadonlyMap<string, Spelling>, tokens: Tokens): void {
  for (let at = 1; at < word.length; at++) {
    const spelled = `-${word[at]}`
    const { arg } = find(spelled, known, word)
    if (arg.hint === undefined) {
      tokens.given.push({ arg, spelled, value: true })
      continue
    }
    const attached = word.slice(at + 1).replace(/^=/, '')
    const hasAttached = word.length > at + 1
    tokens.given.push({
      arg,
      spelled,
      value: takeValue(arg, spelled, hasAttached ? attached : undefined, rest),
    })
    return
  }
}

function find(spelled: string, known: ReadonlyMap<string, Spelling>, word = spelled): Spelling {
  const found = known.get(spelled)
  if (found !== undefined) return found
  // One letter is near to every other letter: no guess. `-resume` for `--resume` is a slip of its own.
  const typed = word.startsWith('--') ? word : `-${word}`
  const guess = word.length > 2 ? didYouMean(typed, known.keys()) : ''
  // What follows the name may be a password.
  const name = /^[^=:\s]*/.exec(word)?.[0] ?? ''
  throw new UsageError(`unknown option ${name}${guess === '' ? '' : `.${guess}`}`)
}

function takeValue(arg: Arg, spelled: string, attached: string | undefined, rest: string[]): string {
  const next = attached ?? rest[0]
  const isOption = attached === undefined && next !== undefined && /^-[^\d]/.test(next)
  if (next === undefined || isOption) {
    const seen = isOption && !isSecret(arg.name) ? `, got the option ${next}` : ''
    throw new UsageError(`${spelled} needs a value: ${spelled} ${arg.hint}${seen}`)
  }
  if (attached === undefined) rest.shift()
  if (next.trim() === '')
    throw new UsageError(`${spelled} has an empty value; expected ${spelled} ${arg.hint}`)
  return next
}
