import * as v from 'valibot'
import { DataError } from '../system/errors.ts'
import { parseJson } from '../system/json.ts'
import { type BpeTable, impossibleMerge, type Merge } from './bpe.ts'

/** A tokenizer.json that is unreadable, damaged, or of a kind this reader does not implement. */
export class TokenizerFileError extends DataError {
  /** Path of the file, or a word for where the text came from. */
  readonly source: string
  /** One line for each thing found wrong, as `path: message`. */
  readonly problems: readonly string[]

  constructor(source: string, problems: readonly string[], options: { cause?: unknown } = {}) {
    super(
      [
        `${source} is no tokenizer that DNABERT-S or DNABERT-2 could use:`,
        ...problems.map((line) => `  ${line}`),
        'Expected a byte-pair encoding with the Whitespace pre-tokenizer, as in the tokenizer.json beside ' +
          "the model's weights. Download that file again, or pass the folder that holds it.",
      ],
      options,
    )
    this.source = source
    this.problems = problems
  }
}

/** A token that is cut out of the text wherever it is spelled out, before anything else. */
export interface AddedToken {
  id: number
  content: string
}

/** The settings of a tokenizer.json that matter for encoding one sequence. */
export interface TokenizerSettings {
  bpe: BpeTable
  /** Number of ids, special ones included: rows that the model's embedding needs. */
  vocabularySize: number
  unkId: number
  padId: number
  addedTokens: readonly AddedToken[]
  /** Ids before and behind every sequence, `[CLS]` and `[SEP]`. */
  prefix: readonly number[]
  suffix: readonly number[]
}

/** What a model takes: 32 bits with a sign. */
const LARGEST_ID = 2 ** 31 - 1
const id = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(LARGEST_ID))
const Absent = v.nullish(v.literal(''))

const FileSchema = v.looseObject({
  added_tokens: v.array(
    v.looseObject({
      id: id,
      content: v.pipe(v.string(), v.nonEmpty()),
      single_word: v.literal(false),
      lstrip: v.literal(false),
      rstrip: v.literal(false),
    }),
  ),
  normalizer: v.nullish(v.null()),
  pre_tokenizer: v.looseObject({ type: v.literal('Whitespace') }),
  post_processor: v.looseObject({
    type: v.literal('TemplateProcessing'),
    single: v.array(
      v.union([
        v.object({ SpecialToken: v.looseObject({ id: v.string() }) }),
        v.object({ Sequence: v.looseObject({ id: v.literal('A') }) }),
      ]),
    ),
    special_tokens: v.record(v.string(), v.looseObject({ ids: v.array(id) })),
  }),
  model: v.looseObject({
    type: v.literal('BPE'),
    unk_token: v.string(),
    fuse_unk: v.optional(v.literal(false)),
    byte_fallback: v.optional(v.literal(false)),
    ignore_merges: v.optional(v.literal(false)),
    dropout: v.nullish(v.literal(0)),
    continuing_subword_prefix: Absent,
    end_of_word_suffix: Absent,
    vocab: v.record(v.string(), id),
    // Written as "A C" until tokenizers 0.20 and as ["A", "C"] since.
    merges: v.array(
      v.union([
        v.pipe(v.string(), v.regex(/^[^ ]+ [^ ]+$/)),
        v.tuple([v.pipe(v.string(), v.nonEmpty()), v.pipe(v.string(), v.nonEmpty())]),
      ]),
    ),
  }),
})

/**
 * Reads and checks the text of a tokenizer.json. Stored truncation and padding are ignored: the original's call switches
 * both off.
 *
 * @param source what to call the text in an error, its path for choice
 * @throws TokenizerFileError
 */
export function parseTokenizerFile(text: string, source: string): TokenizerSettings {
  const file = check(text, source)
  const problems: string[] = []
  const vocabulary = new Map(Object.entries(file.model.vocab))
  const added = new Map(file.added_tokens.map(({ content, id }) => [content, id]))
  const { texts, symbols } = readVocabulary(vocabulary, added, problems)
  // A token that the vocabulary lacks gets the next id there, whatever the file says of it.
  let next = vocabulary.size
  for (const { content, id } of file.added_tokens) {
    if (vocabulary.has(content[0]!))
      problems.push(`added_tokens: ${JSON.stringify(content)} starts like a sequence`)
    const expected = vocabulary.get(content) ?? next++
    if (id !== expected)
      problems.push(`added_tokens: expected id ${expected} of ${JSON.stringify(content)}, found ${id}`)
  }
  const merges = readMerges(file.model.merges, new Map([...texts].map(([id, token]) => [token, id])))
  if (typeof merges === 'string') throw new TokenizerFileError(source, [...problems, merges])
  const bpe = { texts, symbols, merges }
  const impossible = impossibleMerge(bpe)
  if (impossible !== undefined) {
    const [left, right] = partsOf(file.model.merges[impossible]!)
    problems.push(
      `model.merges: entry ${impossible + 1}, ${JSON.stringify(`${left} ${right}`)}, makes a token a second time or of tokens that ` +
        'are not made before it; training writes no such list',
    )
  }

  const { prefix, suffix } = template(file.post_processor, problems)
  const special = new Map([...added, ...vocabulary])
  const idOf = (token: string): number => {
    const id = special.get(token)
    if (id === undefined) problems.push(missing(token))
    return id ?? 0
  }
  const unkId = idOf(file.model.unk_token)
  const padId = idOf('[PAD]')
  const vocabularySize = 1 + [...special.values()].reduce((a, b) => Math.max(a, b), 0)
  if (vocabularySize > special.size) {
    problems.push(`model.vocab: expected ids without gaps, found ${vocabularySize - 1} as the last`)
  }
  if (problems.length > 0) throw new TokenizerFileError(source, problems)
  const addedTokens = file.added_tokens.map(({ content, id }) => ({ content, id }))
  return { bpe, vocabularySize, unkId, padId, addedTokens, prefix, suffix }
}

/** Tokens that sequences are made of: their texts by id, and the ids of the single letters. */
function readVocabulary(
  vocabulary: ReadonlyMap<string, number>,
  added: ReadonlyMap<string, number>,
  problems: string[],
): { texts: Map<number, string>; symbols: number[] } {
  const texts = new Map<number, string>()
  const symbols: number[] = []
  const seen = new Set<number>()
  for (const [token, id] of vocabulary) {
    if (seen.has(id)) problems.push(`model.vocab: id ${id} is given to two tokens`)
    seen.add(id)
    if (token.length === 1) symbols.push(id)
    else if (added.has(token)) continue
    if (/[^\x21-\x7e]/.test(token))
      problems.push(`model.vocab: expected ASCII, found ${JSON.stringify(token)}`)
    texts.set(id, token)
  }
  if (symbols.length === 0) problems.push('model.vocab: expected tokens of one letter, found none')
  return { texts, symbols }
}

type MergeEntry = v.InferOutput<typeof FileSchema>['model']['merges'][number]

function partsOf(entry: MergeEntry): [left: string, right: string] {
  return (typeof entry === 'string' ? entry.split(' ') : entry) as [string, string]
}

/** The merges by ids, or what is wrong with the first bad one: in the wrong file all of them are. */
function readMerges(entries: readonly MergeEntry[], idOf: ReadonlyMap<string, number>): Merge[] | string {
  const merges: Merge[] = []
  for (const entry of entries) {
    const [left, right] = partsOf(entry)
    const unknown = [left, right, left + right].find((token) => !idOf.has(token))
    if (unknown !== undefined) return missing(unknown)
    merges.push({ left: idOf.get(left)!, right: idOf.get(right)!, merged: idOf.get(left + right)! })
  }
  return merges
}

function missing(token: string): string {
  return `model.vocab: expected a token ${JSON.stringify(token)}, found none`
}

function check(text: string, source: string): v.InferOutput<typeof FileSchema> {
  let json: unknown
  try {
    json = parseJson(text)
  } catch (cause) {
    throw new TokenizerFileError(source, [(cause as Error).message], { cause })
  }
  const result = v.safeParse(FileSchema, json, { abortEarly: true })
  if (result.success) return result.output
  throw new TokenizerFileError(
    source,
    result.issues.map((issue) => `${v.getDotPath(issue) ?? 'file'}: ${issue.message}`),
  )
}

function template(
  { single, special_tokens }: v.InferOutput<typeof FileSchema>['post_processor'],
  problems: string[],
): { prefix: number[]; suffix: number[] } {
  const parts = single.map((part) => {
    if (!('SpecialToken' in part)) return 'sequence'
    const { id } = part.SpecialToken
    // Every object has a `constructor`.
    const special = Object.hasOwn(special_tokens, id) ? special_tokens[id] : undefined
    if (special === undefined) problems.push(`post_processor.special_tokens: no ${id}`)
    return special?.ids ?? []
  })
  const at = parts.indexOf('sequence')
  if (at < 0 || parts.lastIndexOf('sequence') !== at) {
    problems.push('post_processor.single: expected the sequence once')
  }
  const ids = (some: typeof parts) => some.flatMap((part) => (part === 'sequence' ? [] : part))
  return { prefix: ids(parts.slice(0, at)), suffix: ids(parts.slice(at + 1)) }
}
