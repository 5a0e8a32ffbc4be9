import { inspect } from 'node:util'

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
