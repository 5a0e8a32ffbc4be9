/** Brackets within brackets; the deepest file that the toolkit reads has eight. */
const MAX_DEPTH = 100

/** A text is not JSON, or not JSON with one meaning. */
export class JsonError extends Error {
  override readonly name = 'JsonError'
}

/**
 * Reads JSON from a file. A key that stands twice in an object is an error: JSON.parse takes the last one, other readers the
 * first, so that such a file means one thing to one program and another thing to the next (RFC 8259, section 4).
 *
 * @throws JsonError with the line, when the text is not JSON, has a key twice or is nested too deep
 */
export function parseJson(text: string): unknown {
  const fault = new Scan(text).fault()
  if (fault !== undefined) throw new JsonError(fault)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new JsonError(`not JSON, or cut short (${(error as Error).message})`, { cause: error })
  }
}

const QUOTE = 34
const BACKSLASH = 92
const COLON = 58

/** Looks for keys and brackets only: whether the rest is JSON is for JSON.parse to say. */
class Scan {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Undefined where there is none. */
  fault(): string | undefined {
    const text = this.#text
    /** The keys of every object that is open; undefined for a list. */
    const open: (Set<string> | undefined)[] = []
    for (; this.#at < text.length; this.#at++) {
      switch (text.charCodeAt(this.#at)) {
        case QUOTE: {
          const start = this.#at
          this.#skipString()
          const keys = open.at(-1)
          if (keys === undefined || !this.#isKey()) break
          const key = unescaped(text.slice(start, this.#at + 1))
          if (keys.has(key)) return `line ${this.#lineOf(start)}: the key ${shown(key)} stands there twice`
          keys.add(key)
          break
        }
        case 0x7b: // {
        case 0x5b: // [
          if (open.length === MAX_DEPTH)
            return `line ${this.#lineOf(this.#at)}: nested more than ${MAX_DEPTH} deep`
          open.push(text.charCodeAt(this.#at) === 0x7b ? new Set() : undefined)
          break
        case 0x7d: // }
        case 0x5d: // ]
          open.pop()
      }
    }
    return undefined
  }

  /** From the quote that begins a string to the one that ends it. */
  #skipString(): void {
    const text = this.#text
    for (this.#at++; this.#at < text.length; this.#at++) {
      const code = text.charCodeAt(this.#at)
      if (code === QUOTE) return
      if (code === BACKSLASH) this.#at++
    }
  }

  /** Whether a colon follows. */
  #isKey(): boolean {
    const text = this.#text
    let next = this.#at + 1
    while (next < text.length && isBlank(text.charCodeAt(next))) next++
    return text.charCodeAt(next) === COLON
  }

  #lineOf(at: number): number {
    return this.#text.slice(0, at).split('\n').length
  }
}

function isBlank(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9
}

/** `"\u0061"` and `"a"` are the same key. */
function unescaped(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  try {
    return JSON.parse(quoted)
  } catch {
    return quoted
  }
}

function shown(key: string): string {
  return JSON.stringify(key.length > 60 ? `${key.slice(0, 60)}…` : key)
}
