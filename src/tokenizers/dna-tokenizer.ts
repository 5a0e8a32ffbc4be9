import { readText } from '../system/read-within.ts'
import { cannotRead } from '../system/system-error.ts'
import { type EncodeWord, mergesByMatch } from './bpe.ts'
import { type AddedToken, parseTokenizerFile, type TokenizerSettings } from './tokenizer-file.ts'

/** What a byte of the text is. Letters of the model's alphabet merge within a run of one kind only. */
const UNKNOWN = 0
const SPACE = 1
const WORD = 2
const PUNCTUATION = 3
/** Perhaps the first byte of an added token spelled out in the text, `[CLS]`. */
const ADDED = 4
/** A byte inside a UTF-8 character: the character's first byte has already counted as unknown. */
const INSIDE = 5

/**
 * The byte-pair tokenizer of DNABERT-S and DNABERT-2, from the tokenizer.json beside the model's weights.
 *
 * Text is cut into words and punctuation and blanks are dropped; each letter outside the model's alphabet (N, the IUPAC
 * codes, U, lower case) becomes one `[UNK]`, and no token reaches across it. `[CLS]` goes before and `[SEP]` behind. Nothing
 * is truncated. Not to be shared between threads: it reuses its scratch space.
 */
export class DnaTokenizer {
  /** Number of ids, special ones included. */
  readonly vocabularySize: number
  /** Id to fill a batch with. Not the model's `pad_token_id`, which names another row. */
  readonly padId: number
  readonly unkId: number
  readonly #prefix: readonly number[]
  readonly #suffix: readonly number[]
  readonly #added: readonly (AddedToken & { bytes: Uint8Array })[]
  readonly #kindOf: Uint8Array
  readonly #encodeWord: EncodeWord
  #scratch = new Int32Array(4096)

  /** Reads a tokenizer.json. @throws TokenizerFileError ReadError */
  static async fromFile(path: string): Promise<DnaTokenizer> {
    const text = await readText(path).catch(cannotRead(path))
    return DnaTokenizer.fromJson(text, path)
  }

  /**
   * Takes the text of a tokenizer.json.
   *
   * @param source what errors call it
   * @throws TokenizerFileError
   */
  static fromJson(text: string, source = 'tokenizer.json'): DnaTokenizer {
    return new DnaTokenizer(parseTokenizerFile(text, source))
  }

  private constructor(settings: TokenizerSettings) {
    this.vocabularySize = settings.vocabularySize
    this.padId = settings.padId
    this.unkId = settings.unkId
    this.#prefix = settings.prefix
    this.#suffix = settings.suffix
    this.#added = settings.addedTokens
      .map((token) => ({ ...token, bytes: new TextEncoder().encode(token.content) }))
      .sort((a, b) => b.bytes.length - a.bytes.length)
    this.#kindOf = kinds(settings, this.#added)
    this.#encodeWord = mergesByMatch(settings.bpe)
  }

  /** Upper bound of the ids that a sequence of so many bases takes: one for each and the special ones. */
  maxTokens(bases: number): number {
    return bases + this.#prefix.length + this.#suffix.length
  }

  /** Token ids of a sequence given as ASCII (or UTF-8) bytes, special ones included. */
  encode(dna: Uint8Array): Int32Array {
    const room = this.maxTokens(dna.length)
    if (this.#scratch.length < room) this.#scratch = new Int32Array(2 * room)
    return this.#scratch.slice(0, this.encodeInto(dna, this.#scratch, 0))
  }

  /**
   * Writes the ids to `target` from `offset` on and returns the offset behind the last.
   *
   * @throws RangeError when `target` has no room for {@link maxTokens} ids
   */
  encodeInto(dna: Uint8Array, target: Int32Array, offset: number): number {
    if (offset + this.maxTokens(dna.length) > target.length) {
      throw new RangeError(`up to ${this.maxTokens(dna.length)} token ids do not fit behind ${offset}`)
    }
    for (const id of this.#prefix) target[offset++] = id
    const kindOf = this.#kindOf
    let at = 0
    while (at < dna.length) {
      const kind = kindOf[dna[at]!]!
      if (kind === WORD || kind === PUNCTUATION) {
        const end = endOfRun(dna, at, kindOf)
        offset = this.#encodeWord(dna, at, end, target, offset)
        at = end
        continue
      }
      const added = kind === ADDED ? this.#addedAt(dna, at) : undefined
      if (kind === UNKNOWN || kind === ADDED) target[offset++] = added?.id ?? this.unkId
      at += added?.bytes.length ?? 1
    }
    for (const id of this.#suffix) target[offset++] = id
    return offset
  }

  #addedAt(dna: Uint8Array, at: number) {
    return this.#added.find(({ bytes }) => bytes.every((byte, i) => dna[at + i] === byte))
  }
}

/** Behind the bytes of the same kind as the first. */
function endOfRun(dna: Uint8Array, start: number, kindOf: Uint8Array): number {
  const kind = kindOf[dna[start]!]
  let at = start + 1
  while (at < dna.length && kindOf[dna[at]!] === kind) at++
  return at
}

function kinds({ bpe }: TokenizerSettings, added: readonly { bytes: Uint8Array }[]): Uint8Array {
  const kindOf = new Uint8Array(256).fill(UNKNOWN)
  for (let byte = 0x80; byte <= 0xbf; byte++) kindOf[byte] = INSIDE
  for (const space of '\t\n\v\f\r ') kindOf[space.charCodeAt(0)] = SPACE
  for (const id of bpe.symbols) {
    const letter = bpe.texts.get(id)!
    kindOf[letter.charCodeAt(0)] = /\w/.test(letter) ? WORD : PUNCTUATION
  }
  for (const { bytes } of added) kindOf[bytes[0]!] = ADDED
  return kindOf
}
