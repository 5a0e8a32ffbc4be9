/** A name without quotes: `KIND_GPU`, `true`. */
export interface Identifier {
  readonly identifier: string
}

export type TextValue = string | number | Identifier | TextMessage

/** Fields of a message by name, each with all its values in order. */
export interface TextMessage {
  readonly fields: ReadonlyMap<string, readonly TextValue[]>
}

/** What is wrong and in which line. */
export class TextFormatError extends Error {
  readonly line: number

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`)
    this.line = line
  }
}

/**
 * Reads the text format of protobuf as far as model configurations use it: fields, messages in braces, lists in brackets,
 * strings, numbers, names and comments. Source: "Text Format Language Specification", protobuf.dev. Without the schema it
 * cannot know which fields exist.
 *
 * @throws {TextFormatError}
 */
export function parseTextFormat(text: string): TextMessage {
  const tokens = tokenize(text)
  let at = 0

  const fail = (message: string): never => {
    throw new TextFormatError(tokens[Math.min(at, tokens.length - 1)]?.line ?? 1, message)
  }
  const take = (symbol: string): boolean => {
    const token = tokens[at]
    if (token?.kind !== 'symbol' || token.text !== symbol) return false
    at++
    return true
  }

  function message(end: string | undefined): TextMessage {
    const fields = new Map<string, TextValue[]>()
    while (at < tokens.length) {
      if (end !== undefined && take(end)) return { fields }
      const name = tokens[at]
      if (name?.kind !== 'name')
        return fail(`expected the name of a field, got ${JSON.stringify(name?.text ?? '')}`)
      at++
      const colon = take(':')
      const values = value(colon)
      fields.set(name.text, [...(fields.get(name.text) ?? []), ...values])
      if (!take(',')) take(';')
    }
    if (end !== undefined) return fail(`the text ends before a ${end}`)
    return { fields }
  }

  function value(colon: boolean): TextValue[] {
    if (take('{')) return [message('}')]
    if (take('[')) {
      const values: TextValue[] = []
      if (take(']')) return values
      do values.push(...value(colon))
      while (take(','))
      return take(']') ? values : fail('expected , or ] in a list')
    }
    // Only messages may go without a colon, and so may lists of them.
    if (!colon) return fail('expected a colon, a { or a [')
    const token = tokens[at]
    if (token === undefined || token.kind === 'symbol') return fail('expected a value')
    at++
    if (token.kind === 'number') return [Number(token.text)]
    if (token.kind === 'name') return [{ identifier: token.text }]
    let text = unquote(token.text)
    // Strings that follow each other are one.
    for (let next = tokens[at]; next?.kind === 'string'; next = tokens[++at]) text += unquote(next.text)
    return [text]
  }

  return message(undefined)
}

interface Token {
  kind: 'name' | 'number' | 'string' | 'symbol'
  text: string
  line: number
}

const TOKEN =
  /(?<blank>\s+|#[^\n]*)|(?<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))|(?<name>[A-Za-z_]\w*)|(?<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?<symbol>[{}[\]:,;])/y

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  TOKEN.lastIndex = 0
  for (let start = 0; start < text.length; ) {
    TOKEN.lastIndex = start
    const found = TOKEN.exec(text)
    if (found?.groups === undefined) {
      throw new TextFormatError(line, `unexpected ${JSON.stringify(text.slice(start, start + 10))}`)
    }
    for (const kind of ['name', 'number', 'string', 'symbol'] as const) {
      if (found.groups[kind] !== undefined) tokens.push({ kind, text: found[0], line })
    }
    line += found[0].split('\n').length - 1
    start = TOKEN.lastIndex
  }
  return tokens
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

function unquote(quoted: string): string {
  return quoted.slice(1, -1).replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter)
}
