import { ExitCode, RETRY } from '../exit-codes.ts'
import type { Detail, ErrorCode } from '../system/error-codes.ts'
import { adviceOn } from './errors.ts'
import { EXIT_MEANINGS } from './exit-meanings.ts'
import { EXPLANATIONS, type Explanation } from './explanations.ts'
import { plain } from './help.ts'

type AnyExplanation = Explanation<Detail['data']>

/** What is known of a code: whole sentences, the advice included. */
export interface Entry {
  readonly group: AnyExplanation['group']
  /** Messages as they are printed; words in capitals stand for what differs. */
  readonly messages: readonly string[]
  /** Markdown; links start in docs/. */
  readonly cause: string
  /** What the command line says of it, once for each kind of data that the code comes with. */
  readonly advice: readonly string[]
  /** Markdown; links start in docs/. */
  readonly more: string | undefined
}

export function isErrorCode(word: string): word is ErrorCode {
  return Object.hasOwn(EXPLANATIONS, word)
}

export function entryOf(code: ErrorCode): Entry {
  // TypeScript cannot see that the data of a code belong to it.
  const { group, messages, cause, more, data = [{}] } = EXPLANATIONS[code] as AnyExplanation
  const given = data.flatMap((each) => adviceOn({ code, data: each } as Detail) ?? [])
  const advice = given.filter((each) => !given.some((other) => other !== each && other.startsWith(each)))
  return {
    group,
    messages: messages.map((message) =>
      message.replace(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase()),
    ),
    cause,
    // Some advice goes on with what the message says.
    advice: [...new Set(advice)].map((each) => sentence(each.replace(/^Or /, ''))),
    more,
  }
}

function sentence(words: string): string {
  return words.startsWith('virnucpro') ? `${words}.` : `${words.charAt(0).toUpperCase()}${words.slice(1)}.`
}

/** What `help CODE` prints: of the code of an error, or of an exit code. Undefined for any other word. */
export function explanationText(word: string, width: number): string | undefined {
  if (isErrorCode(word)) return entryText(word, width)
  const name = (Object.keys(ExitCode) as (keyof typeof ExitCode)[]).find(
    (each) => `${ExitCode[each]}` === word,
  )
  return name && exitText(name, width)
}

function entryText(code: ErrorCode, width: number): string {
  const { messages, cause, advice, more } = entryOf(code)
  const remedies = [...advice, ...(more === undefined ? [] : [unmarked(more)])]
  return text(width, [
    [code],
    ...messages.map((message) => [message, '  ']),
    [`Cause: ${unmarked(cause)}`],
    ...(remedies.length === 1
      ? [[`Remedy: ${remedies[0]}`]]
      : [['Remedy:'], ...remedies.map((each) => [`- ${each}`, '  '])]),
    [`Every code is in docs/reference/troubleshooting.md; this one: #${code}.`],
  ])
}

function exitText(name: keyof typeof ExitCode, width: number): string {
  const { retry, because } = RETRY[name]
  return text(width, [
    [`Exit code ${ExitCode[name]}`],
    [unmarked(EXIT_MEANINGS[name])],
    [`${retry ? 'The same command may succeed later' : 'The same command ends so again'}: ${because}.`],
    ['Every exit code is in docs/reference/exit-codes.md.'],
  ])
}

/** Markdown without its marks; a link names its page. */
function unmarked(markdown: string): string {
  return plain(markdown.replace(/\[([^\]]+)\]\(([\w/-]+\.md)[^)]*\)/g, '$1 (docs/$2)')).replaceAll('**', '')
}

/** Paragraphs with a line between them, each as wide as the terminal. */
function text(width: number, paragraphs: readonly (readonly string[])[]): string {
  return paragraphs
    .map(([words = '', indent = '']) =>
      Bun.wrapAnsi(words, width - indent.length)
        .split('\n')
        .map((line) => `${indent}${line}\n`)
        .join(''),
    )
    .join('\n')
}
