import { inspect } from 'node:util'

/** Letters of a foreign text that a message shows at most. */
const FOREIGN_LETTERS = 400

/**
 * Control characters (C0, DEL, C1), line separators, and marks that turn the direction of writing or take no room: on a
 * terminal they move the cursor, ring, set titles or hide what stands beside them. Sources: ECMA-48; Unicode 15, 9.2, 23.
 */
const UNPRINTABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\x1b': '\\x1b' }

/** A text on one line, with everything that a terminal would act on written as an escape such as `\x1b` or `\u202e`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (letter) => {
    const known = SHORT[letter]
    if (known !== undefined) return known
    const code = letter.charCodeAt(0)
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** A line of a message is never longer: whatever it holds must not fill a terminal or a log. */
const LINE_LETTERS = 4000

/**
 * What is said to people: one line, or a list of lines. A line end inside a line is not ours, it came with a name or with
 * what somebody else wrote, and is shown as an escape: nothing can pose as a line of this program.
 */
export type Message = string | readonly string[]

export function linesOf(message: Message): readonly string[] {
  return typeof message === 'string' ? [message] : message
}

/** The lines of a message as they may be printed. */
export function printableLines(message: Message): string[] {
  return linesOf(message).map((line) => foreign(line, LINE_LETTERS))
}

/** JSON as it may be printed: what `JSON.stringify` leaves as it is, such as marks that turn the direction of writing, is escaped. */
export function printableJson(value: unknown, indent?: number): string {
  return withoutSecrets(JSON.stringify(value, undefined, indent)).replace(UNPRINTABLE, (letter) =>
    letter === '\n' ? letter : `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A text that somebody else wrote, such as a server or a file, for a message: printable and of bounded length. */
export function foreign(text: string, letters = FOREIGN_LETTERS): string {
  const shown = withoutSecrets(text)
  const cut = shown.length > letters ? `${shown.slice(0, letters)}… (${shown.length} letters)` : shown
  return printable(cut)
}

const HIDDEN = '***'

/** Texts that must not be printed, the longest first. */
let hidden: string[] = []

/** Shorter words occur by chance. */
const LEAST_LETTERS = 4

/** A value that lets one in somewhere. Nothing but `reveal` gives it away: printed, inspected or as JSON it is `***`. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
    hide(value)
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return HIDDEN
  }

  toJSON(): string {
    return HIDDEN
  }

  [inspect.custom](): string {
    return HIDDEN
  }
}

/** Hides the whole of it and its words: others quote the token of `Authorization: Bearer TOKEN` without the rest. */
function hide(value: string): void {
  const [, credentials = ''] = value.split(/:\s*(.*)/s)
  const words = credentials.split(/\s+/).slice(-1)
  const texts = [value, credentials, ...words].map((text) => text.trim())
  hidden = [...new Set([...hidden, ...texts.filter((text) => text.length >= LEAST_LETTERS)])].sort(
    (a, b) => b.length - a.length,
  )
}

/** A text without the secrets of this process, and without the user name and password of any address in it. */
export function withoutSecrets(text: string): string {
  let shown = text
  for (const secret of hidden) shown = shown.replaceAll(secret, HIDDEN)
  return shown.replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"']*(?:@[^\s/@"']*)*@/gi, `$1${HIDDEN}@`)
}
