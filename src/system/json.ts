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
  const fault = faultOf(text)
  if (fault !== undefined) throw new JsonError(fault)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new JsonError(`not JSON, or cut short (${(error as Error).message})`, { cause: error })
  }
}

/** Looks for keys and brackets only: whether the rest is JSON is for JSON.parse to say. */
function faultOf(text: string): string | undefined {
  /** The keys of every object that is open; undefined for a list. */
  const open: (Set<string> | undefined)[] = []
  const fault = (at: number, what: string) => `line ${text.slice(0, at).split('\n').length}: ${what}`
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"': {
        const end = endOfString(text, at)
        const twice = takeKey(open.at(-1), text, at, end)
        if (twice !== undefined) return fault(at, `the key ${shown(twice)} stands there twice`)
        at = end - 1
        break
      }
      case '{':
      case '[':
        if (open.push(text[at] === '{' ? new Set() : undefined) > MAX_DEPTH)
          return fault(at, `nested more than ${MAX_DEPTH} deep`)
        break
      case '}':
      case ']':
        open.pop()
    }
  }
  return undefined
}

/** Behind the quote that ends the string, or the end of the text. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

const COLON = /\s*:/y

/** Remembers a string that is a key of the object. @returns the key where the object has it already */
function takeKey(
  keys: Set<string> | undefined,
  text: string,
  start: number,
  end: number,
): string | undefined {
  COLON.lastIndex = end
  if (keys === undefined || !COLON.test(text)) return undefined
  const key = unescaped(text.slice(start, end))
  if (keys.has(key)) return key
  keys.add(key)
  return undefined
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
