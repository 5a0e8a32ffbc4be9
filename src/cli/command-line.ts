import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { hasNegation, longNames, type Option, type Options } from '../settings/index.ts'
import { UsageError } from '../system/errors.ts'
import { didYouMean } from '../text/suggest.ts'

/** One option of the command line. */
interface GivenOption {
  name: string
  option: Option
  /** As typed, without its value: `-t`, `--merge-threads`, `--no-resume`. */
  spelled: string
  value: string | boolean
}

export interface CommandLine {
  given: readonly GivenOption[]
  /** Words without an option. */
  words: readonly string[]
}

interface Spelling {
  name: string
  option: Option
  /** What a switch of this spelling says. */
  isOn: boolean
}

/**
 * Splits a command line into options and words: `--threads 8`, `--threads=8`, `-t 8`, `-t8`, `-t=8`, and switches run
 * together, `-kf`; after `--` every word is a word.
 * @throws UsageError for an unknown option or a missing, empty or surplus value.
 */
export function readCommandLine(argv: readonly string[], options: Options): CommandLine {
  const { config, known } = spellings(options)
  const { tokens } = parseArgs({ args: [...argv], options: config, strict: false, tokens: true })
  const given: GivenOption[] = []
  const words: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind !== 'option') continue
    const { rawName: spelled, value, inlineValue } = token
    const found = known.get(spelled)
    if (found === undefined) throw unknownOption(argv[token.index] ?? spelled, known.keys())
    const { name, option, isOn } = found
    if (option.hint !== undefined)
      given.push({ name, option, spelled, value: checkedValue(option, spelled, value, inlineValue) })
    else if (value === undefined) given.push({ name, option, spelled, value: isOn })
    else throw new UsageError(`${spelled} takes no value, got ${JSON.stringify(value)}`)
  }
  if (words.includes(''))
    throw new UsageError('an argument is empty: is a variable of the calling script not set?')
  return { given, words }
}

/** The options as `parseArgs` takes them, and what each spelling stands for. */
function spellings(options: Options): { config: ParseArgsOptionsConfig; known: Map<string, Spelling> } {
  const config: ParseArgsOptionsConfig = {}
  const known = new Map<string, Spelling>()
  for (const [name, option] of Object.entries(options)) {
    const type = option.hint === undefined ? 'boolean' : 'string'
    for (const long of longNames(name, option)) {
      config[long] = { type }
      known.set(`--${long}`, { name, option, isOn: true })
      if (!hasNegation(option)) continue
      config[`no-${long}`] = { type }
      known.set(`--no-${long}`, { name, option, isOn: false })
    }
    if (option.short === undefined) continue
    config[option.short] = { type, short: option.short }
    known.set(`-${option.short}`, { name, option, isOn: true })
  }
  return { config, known }
}

/** Every long name that can be typed, without its dashes. */
export function spelledNames(options: Options): Set<string> {
  return new Set(Object.keys(spellings(options).config).filter((name) => name.length > 1))
}

function unknownOption(word: string, known: Iterable<string>): UsageError {
  // What follows the name may be a password.
  const name = /^[^=:\s]*/.exec(word)?.[0] ?? ''
  // One letter is near to every other letter: no guess. `-resume` for `--resume` is a slip of its own.
  const guess = name.length > 2 ? didYouMean(name.startsWith('--') ? name : `-${name}`, known) : ''
  return new UsageError(`unknown option ${name}${guess === '' ? '' : `.${guess}`}`)
}

function checkedValue(
  option: Option,
  spelled: string,
  value: string | undefined,
  isAttached?: boolean,
): string {
  const isOption = !isAttached && value !== undefined && /^-[^\d]/.test(value)
  if (value === undefined || isOption) {
    const seen = isOption && option.secret !== true ? `, got the option ${value}` : ''
    throw new UsageError(`${spelled} needs a value: ${spelled} ${option.hint}${seen}`)
  }
  // A letter may have its value after an equals sign too.
  const text = isAttached && !spelled.startsWith('--') ? value.replace(/^=/, '') : value
  if (text.trim() === '')
    throw new UsageError(`${spelled} has an empty value; expected ${spelled} ${option.hint}`)
  return text
}

/** A value of the command line and how its option was spelled. */
interface Collected {
  value: string | boolean | string[]
  spelled: string
}

/**
 * Brings the options together by name: lists are joined, repetitions of the same value are one.
 * @throws UsageError when one name is given two different values.
 */
export function collect(given: readonly GivenOption[]): Map<string, Collected> {
  const collected = new Map<string, Collected>()
  for (const each of given) {
    for (const target of each.option.turnsOn ?? [each.name])
      collected.set(target, together(collected.get(target), each))
  }
  return collected
}

function together(before: Collected | undefined, { option, spelled, value }: GivenOption): Collected {
  if (option.many && typeof value === 'string') {
    const list = Array.isArray(before?.value) ? before.value : []
    return { value: [...list, value], spelled }
  }
  if (before !== undefined && before.value !== value) throw contradiction(option, before, { value, spelled })
  return before ?? { value, spelled }
}

function contradiction(option: Option, ...both: [Collected, Collected]): UsageError {
  const [first, second] = both.map(({ value, spelled }) =>
    typeof value === 'string' && option.secret !== true ? `${spelled} ${value}` : spelled,
  )
  return new UsageError(`${first} and ${second} contradict each other; keep one`)
}
