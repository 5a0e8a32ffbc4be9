import { COMMANDS, loadCommand } from '../../../src/cli/commands.ts'
import { type Entry, entryOf } from '../../../src/cli/explain.ts'
import { EXPLANATIONS, GROUPS } from '../../../src/cli/explanations.ts'
import { longNames, type Option } from '../../../src/settings/index.ts'
import type { ErrorCode } from '../../../src/system/error-codes.ts'

// What to do about each error, by what is printed: from the table that `virnucpro help CODE` reads.

export function troubleContent(what: string): string | undefined {
  if (what === 'symptoms') return symptoms()
  return what === 'errors' ? errors() : undefined
}

const CODES = Object.keys(EXPLANATIONS) as ErrorCode[]

/** Headings with their codes, to find a message by its subject. */
function symptoms(): string {
  return Object.entries(GROUPS)
    .map(([group, title]) => {
      const links = codesOf(group).map((code) => `[\`${code}\`](#${code})`)
      return `* [${title}](#${title.toLowerCase().replaceAll(' ', '-')}): ${links.join(', ')}\n`
    })
    .join('')
}

function codesOf(group: string): ErrorCode[] {
  return CODES.filter((code) => EXPLANATIONS[code].group === group)
}

function errors(): string {
  return Object.entries(GROUPS)
    .map(([group, title]) => {
      const entries = codesOf(group).map((code) => `### ${code}\n\n${entryText(entryOf(code))}`)
      return `## ${title}\n\n${entries.join('\n')}`
    })
    .join('\n')
}

function entryText({ messages, cause, advice, more }: Entry): string {
  const remedies = [...advice.map(asMarkdown), ...(more === undefined ? [] : [more])]
  const list =
    remedies.length === 1 ? ` ${remedies[0]}` : `\n\n${remedies.map((each) => `* ${each}`).join('\n')}`
  return `\`\`\`text\n${messages.join('\n')}\n\`\`\`\n\n**Cause**: ${cause}\n\n**Remedy**:${list}\n`
}

const NAMES = Object.keys(COMMANDS).sort((a, b) => b.length - a.length)
const COMMAND = new RegExp(`virnucpro (?:${NAMES.join('|')})\\b(?: (?:ID|NAME|esm2_\\w+))?`, 'g')

/** What the options of all commands take, by their names with dashes; commands may have different choices for one name. */
const HINTS = new Map<string, string>()
for (const { options } of await Promise.all(NAMES.map(loadCommand)))
  for (const [name, option] of Object.entries<Option>(options))
    for (const long of longNames(name, option))
      HINTS.set(
        `--${long}`,
        [HINTS.get(`--${long}`) ?? '', option.hint ?? ''].filter((each) => each !== '').join('|'),
      )

/** Advice as it is printed, with commands and options as code. */
function asMarkdown(advice: string): string {
  return advice
    .replace(/"([^"]+)"/g, '`$1`')
    .split(/(`[^`]*`)/)
    .map((part) =>
      part.startsWith('`') ? part : part.replace(COMMAND, '`$&`').replace(OPTION, optionAsCode),
    )
    .join('')
    .replaceAll('` `', ' ')
    .replaceAll('` ...', ' ...`')
    .replace(/(?<![`\w])[A-Z]+_[A-Z_]+\b/g, '`$&`')
    .replaceAll('<', '&lt;')
}

const OPTION = /(?<![\w`-])(--[a-z][a-z-]*)( (?!-)[\w:=.-]+\b)?/g

/** With its value, where the word behind it is one: of a list of choices, or in capitals or digits as the help has it. */
function optionAsCode(found: string, option: string, word = ''): string {
  const hint = HINTS.get(option) ?? ''
  const value = word.trim()
  const isValue = hint.split('|').includes(value) || (hint !== '' && /^[A-Z\d:=]+$|:\d+$/.test(value))
  return isValue ? `\`${found}\`` : `\`${option}\`${word}`
}
