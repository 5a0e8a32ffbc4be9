// Inputs that the target `tokenizer-json` has found, as small as they get.
import { expect, test } from 'bun:test'
import { DnaTokenizer, TokenizerFileError } from '../../../src/tokenizers/index.ts'
import { type TokenizerJson, tokenizerJson } from '../../unit/tokenizers/support.ts'

const wrong: [string, (file: TokenizerJson) => void, string][] = [
  [
    'an id of a token and of a special one',
    ({ model }) => void Object.assign(model.vocab, { AC: 0 }),
    'id 0 is given to two tokens',
  ],
  [
    'an added token of another id',
    ({ added_tokens: [first] }) => void Object.assign(first!, { content: ' ' }),
    'expected id 8 of " "',
  ],
  [
    'a special token of 2^32',
    ({ post_processor }) =>
      void Object.assign(post_processor, { special_tokens: { '[CLS]': { ids: [2 ** 32] } } }),
    'ids',
  ],
  [
    'a special token that every object has',
    ({ post_processor }) =>
      void Object.assign(post_processor, {
        single: [{ SpecialToken: { id: 'constructor' } }, { Sequence: { id: 'A' } }],
      }),
    'no constructor',
  ],
]

test.each(wrong)('%s is an error, where other programs give other ids', (_, change, words) => {
  const file = tokenizerJson('AC', [['A', 'C']])
  change(file)
  const read = () => DnaTokenizer.fromJson(JSON.stringify(file))
  expect(read).toThrow(TokenizerFileError)
  expect(read).toThrow(words)
})
