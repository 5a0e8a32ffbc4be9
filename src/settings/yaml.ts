/** Brackets within brackets, and list markers on one line; the deepest file that the toolkit reads has three. */
const MAX_DEPTH = 100

/**
 * How often a token may come in a configuration file, by its kind: the parser takes seconds and gigabytes for a megabyte of keys,
 * tags or faults. A list of ten thousand servers has a marker or a comma for each, and perhaps quotes around it.
 */
const LIMITS: Readonly<Record<string, { most: number; what: string }>> = {
  'map-value-ind': { most: 2000, what: 'keys' },
  'explicit-key-ind': { most: 100, what: '"?"' },
  anchor: { most: 100, what: 'anchors' },
  alias: { most: 100, what: 'aliases' },
  tag: { most: 100, what: 'tags' },
  'directive-line': { most: 100, what: 'directives' },
  'doc-start': { most: 100, what: 'documents' },
  'doc-end': { most: 100, what: 'documents' },
  'block-scalar-header': { most: 2000, what: 'blocks of text' },
  'flow-error-end': { most: 100, what: 'brackets without an end' },
  'flow-seq-start': { most: 2000, what: 'brackets' },
  'flow-map-start': { most: 2000, what: 'brackets' },
  'flow-seq-end': { most: 2000, what: 'brackets' },
  'flow-map-end': { most: 2000, what: 'brackets' },
  comma: { most: 20_000, what: 'commas' },
  'seq-item-ind': { most: 20_000, what: 'values of lists' },
  'single-quoted-scalar': { most: 20_000, what: 'quotes' },
  'double-quoted-scalar': { most: 20_000, what: 'quotes' },
}

/** Reads YAML, within bounds. @throws an error of which the first line says what is wrong and where */
export async function parseYaml(text: string): Promise<unknown> {
  const { CST, Lexer, parse } = await import('yaml')
  const guard = new Guard()
  for (const token of new Lexer().lex(text)) {
    const fault = guard.faultOf(CST.tokenType(token) ?? '')
    if (fault !== undefined) throw new Error(`${fault} at line ${guard.line}`)
    guard.pass(token)
  }
  // The core schema of YAML 1.2: `no` and `on` stay text, which the boolean setting then understands.
  return parse(text, { schema: 'core', maxAliasCount: 100, logLevel: 'error' })
}

/** Counts tokens. */
class Guard {
  line = 1
  readonly #counts = new Map<string, number>()
  #depth = 0
  #markers = 0

  faultOf(kind: string): string | undefined {
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    const limit = LIMITS[kind]
    if (limit !== undefined && count > limit.most)
      return `more than ${limit.most} ${limit.what}, which no configuration has,`
    if (/^flow-.*-start$/.test(kind)) this.#depth++
    else if (/^flow-.*-end$/.test(kind)) this.#depth--
    else if (kind === 'seq-item-ind') this.#markers++
    return this.#depth > MAX_DEPTH || this.#markers > MAX_DEPTH
      ? `nested more than ${MAX_DEPTH} deep`
      : undefined
  }

  pass(token: string): void {
    for (let at = token.indexOf('\n'); at >= 0; at = token.indexOf('\n', at + 1)) {
      this.line++
      this.#markers = 0
    }
  }
}
