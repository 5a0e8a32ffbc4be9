import { expect } from 'bun:test'
import fc from 'fast-check'
import { DnaTokenizer, TokenizerFileError } from '../../../src/tokenizers/index.ts'
import { tokenizerJson, trainMerges } from '../../unit/tokenizers/support.ts'
import { mutated } from '../mutations.ts'
import { edited } from '../references/json-edits.ts'
import { referenceOf } from '../references/programs.ts'
import type { Target } from '../target.ts'

const TOKENS = [
  '["A","C"]',
  '"A C"',
  '"AC"',
  '["AC","AC"]',
  '"[UNK]"',
  '"id":',
  '0',
  '-1',
  '4294967296',
  '1e9',
  'null',
  '[',
  ']',
  '{',
  '}',
  ',',
  '"',
  '"Whitespace"',
  '"BPE"',
]
const SEEDS = [
  tokenizerJson('ACGT', trainMerges('ACGTACGGTACCATGCATGCAAAACCGT', 8)),
  tokenizerJson('AC', trainMerges('AACACACCAAACCCAACA', 12)),
  tokenizerJson('ACG', []),
]

function ours(text: string, sequences: readonly string[]): string | TokenizerFileError {
  try {
    const tokenizer = DnaTokenizer.fromJson(text)
    return `ok ${JSON.stringify(sequences.map((sequence) => [...tokenizer.encode(Buffer.from(sequence))]))}`
  } catch (error) {
    if (error instanceof TokenizerFileError) return error
    throw error
  }
}

const letters = fc.string({ unit: fc.constantFrom(...'AAACCCGGTTN a[CLS]-'), maxLength: 60 })

export const target: Target = {
  name: 'tokenizer-json',
  about:
    'tokenizer.json, damaged or with other content, and sequences: the ids of the tokenizers library in Rust, or a TokenizerFileError',
  weight: 2,
  property() {
    const reference = referenceOf('tokens.py')
    const files = SEEDS.map((seed, i) => ({ name: `${i}`, bytes: Buffer.from(JSON.stringify(seed)) }))
    const damaged = mutated(files, { tokens: TOKENS }).map(({ bytes }) => Buffer.from(bytes).toString())
    const other = edited(SEEDS).map((value) => JSON.stringify(value))
    const texts = fc.array(letters, { minLength: 1, maxLength: 3 })
    return fc.asyncProperty(fc.oneof(damaged, other), texts, async (text, sequences) => {
      const found = ours(text, sequences)
      const length = Buffer.alloc(4)
      length.writeUInt32LE(Buffer.byteLength(text))
      const wanted = await reference(Buffer.concat([length, Buffer.from(text + sequences.join('\n'))]))
      if (found instanceof Error) return
      // The library also looks at fields that have nothing to do with ids.
      if (wanted.startsWith('ok ')) expect(found).toBe(wanted)
      else for (const [id] of found.matchAll(/\d+/g)) expect(Number(id)).toBeLessThan(2 ** 31)
    })
  },
}
