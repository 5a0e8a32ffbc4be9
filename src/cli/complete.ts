import { hasNegation, isOn, longNames, type Option, type Options } from '../settings/index.ts'
import { printable } from '../system/printable.ts'
import { type Command, commonOptions } from './command.ts'
import { COMMANDS, isGroup, loadCommand, overview } from './commands.ts'
import { split } from './find-command.ts'
import { inShort } from './help.ts'

type Candidate = readonly [word: string, about: string]

/** What a shell may offer: these words and, where `also` says so, names of files or of folders. */
interface Offer {
  readonly candidates: readonly Candidate[]
  readonly also?: 'files' | 'folders' | undefined
}

/**
 * Answers a script of `completion`: its shell, then the words of the line up to the cursor, of which the last is being typed. The first
 * line of the answer is `files`, `folders` or `words`, each other one a word and what it means.
 */
export async function printCandidates([shell = '', ...line]: readonly string[]): Promise<void> {
  const words = shell === 'bash' ? rejoined(line) : line
  const { candidates, also = 'words' } = await offer(words)
  const lines = candidates.map(([word, about]) => {
    // One line for each; zsh takes the first colon for the end of the word.
    const text = printable(about)
    return shell === 'zsh' ? `${word.replaceAll(':', '\\:')}:${text}` : `${word}\t${text}`
  })
  process.stdout.write(`${[also, ...lines].join('\n')}\n`)
}

/** bash takes `=` and `:` for ends of words. */
function rejoined(line: readonly string[]): string[] {
  const words: string[] = []
  let isOpen = false
  for (const word of line) {
    const isMark = word === '=' || word === ':'
    if ((isMark || isOpen) && words.length > 0) words.push(words.pop() + word)
    else words.push(word)
    isOpen = isMark
  }
  return words
}

async function offer(line: readonly string[]): Promise<Offer> {
  const typed = line.at(-1) ?? ''
  const earlier = line.slice(0, -1)
  const { before, group, word, behind } = split(earlier)
  const name = `${group} ${word ?? ''}`.trim()
  if (!Object.hasOwn(COMMANDS, name)) {
    const given = group === '' ? before : earlier
    if (word !== undefined) return { candidates: [], also: 'files' }
    return (await optionOffer(commonOptions, given, typed)) ?? startingWith(typed, commandsOf(group))
  }
  if (name === 'help') return await helpOffer(behind, typed)
  const command = await loadCommand(name)
  const options = { ...command.options, ...commonOptions }
  if (behind.includes('--')) return await wordOffer(command, typed)
  return (await optionOffer(options, behind, typed)) ?? (await wordOffer(command, typed))
}

function commandsOf(group: string): Candidate[] {
  return [...(overview(group, 'short').commands ?? [])].map(([name, about]) => [
    name.replace(' ...', ''),
    about,
  ])
}

async function helpOffer(words: readonly string[], typed: string): Promise<Offer> {
  const [first = ''] = words
  if (words.length === 0) return startingWith(typed, [...commandsOf(''), ...(await codesFor(typed))])
  return isGroup(first) && words.length === 1 ? startingWith(typed, commandsOf(first)) : { candidates: [] }
}

/** Codes of errors, once something is typed: there are too many to offer them all. */
async function codesFor(typed: string): Promise<Candidate[]> {
  if (typed === '') return []
  const { EXPLANATIONS } = await import('./explanations.ts')
  return Object.keys(EXPLANATIONS).map((code) => [code, 'what this message means'])
}

/** Offers an option, or the value of one; undefined where a word is being typed. */
async function optionOffer(
  options: Options,
  earlier: readonly string[],
  typed: string,
): Promise<Offer | undefined> {
  const [attached, value = ''] = /^(--[^=]+)=(.*)$/s.exec(typed)?.slice(1) ?? []
  const last = earlier.at(-1) ?? ''
  const named = attached ?? (last.includes('=') ? '' : last)
  const option = optionOf(options, named)
  if (option?.hint !== undefined) return await valueOffer(option, attached === undefined ? typed : value)
  return typed.startsWith('-') ? startingWith(typed, names(options, typed)) : undefined
}

/** The option that a word names: `--threads`, `-t`, `-kft`. */
function optionOf(options: Options, word: string): Option | undefined {
  const isLong = word.startsWith('--')
  if (!isLong && !/^-[A-Za-z]+$/.test(word)) return undefined
  const found = Object.entries(options).find(([name, each]) =>
    isLong ? longNames(name, each).some((long) => `--${long}` === word) : each.short === word.at(-1),
  )
  return found?.[1]
}

function names(options: Options, typed: string): Candidate[] {
  return Object.entries(options)
    .filter(([, { noEffect }]) => noEffect === undefined)
    .flatMap(([name, each]) => {
      const about = inShort(each)
      const longs = longNames(name, each).map((long) => (isOn(each) ? `--no-${long}` : `--${long}`))
      // Twice as many switches help nobody who has not begun with --no-.
      const negated =
        hasNegation(each) && typed.startsWith('--no-') && !isOn(each)
          ? [`--no-${longNames(name, each)[0]}`]
          : []
      return [...longs, ...negated].map((word): Candidate => [word, about])
    })
}

async function valueOffer(option: Option, typed: string): Promise<Offer> {
  const { hint = '', choices = [] } = option
  const kinds = hint.split('|')
  const words = [...choices, ...kinds.filter((kind) => /^[a-z\d]+(?:[_-][a-z\d]+)*$/.test(kind))]
  // Of a list that is separated by commas, the last item is being typed.
  const done = choices.length > 0 && /,…/.test(hint) ? typed.slice(0, typed.lastIndexOf(',') + 1) : ''
  const bundles = kinds.includes('BUNDLE') ? await bundleNames() : []
  const all = [...words.map((word): Candidate => [done + word, '']), ...bundles]
  return { ...startingWith(typed, all), also: alsoOf(kinds) }
}

/** What the placeholder of a value stands for. */
function alsoOf(kinds: readonly string[]): Offer['also'] {
  if (kinds.some((kind) => /FILE|PATH|FASTA|IMAGE|\.pth?$/.test(kind))) return 'files'
  return kinds.some((kind) => /^(DIR|BUNDLE)\b/.test(kind)) ? 'folders' : undefined
}

async function wordOffer({ words = 'none', completes = [] }: Command, typed: string): Promise<Offer> {
  if (words === 'inputs') return { candidates: [], also: 'files' }
  if (completes === 'files' || completes === 'folders') return { candidates: [], also: completes }
  if (completes === 'bundles') return { ...startingWith(typed, await bundleNames()), also: 'folders' }
  const also = typeof words === 'object' && words.isFolder ? 'folders' : undefined
  return {
    ...startingWith(
      typed,
      completes.map((word): Candidate => [word, '']),
    ),
    also,
  }
}

/** The bundles of the home. Where they cannot be read, nothing is offered: nobody would see why. */
async function bundleNames(): Promise<Candidate[]> {
  const { listBundles } = await import('../home/index.ts')
  const bundles = await listBundles().catch(() => [])
  return [
    ...bundles.map(
      ({ id, manifest, isDefault }): Candidate => [
        id,
        `${manifest?.precision ?? 'damaged'}${isDefault ? ', the default' : ''}`,
      ],
    ),
    ['demo', 'a tiny bundle for trying the tool'],
  ]
}

function startingWith(typed: string, candidates: readonly Candidate[]): Offer {
  return { candidates: candidates.filter(([word]) => word.startsWith(typed)) }
}
