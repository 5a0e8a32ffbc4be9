import { expect, test } from 'bun:test'
import { DnaTokenizer, TokenizerFileError } from '../../../src/tokenizers/index.ts'
import { type TokenizerJson, tokenizerJson } from './support.ts'

/** The message about a good file after one change. */
function problemAfter(change: (json: TokenizerJson) => unknown): string {
  const json = tokenizerJson('ACGT', [['A', 'C']])
  change(json)
  try {
    DnaTokenizer.fromJson(JSON.stringify(json), 'models/tokenizer.json')
  } catch (error) {
    expect(error).toBeInstanceOf(TokenizerFileError)
    return (error as Error).message
  }
  return 'accepted'
}

test('a good file is accepted, with or without the settings of newer versions', () => {
  expect(problemAfter(() => {})).toBe('accepted')
  expect(
    problemAfter((json) => {
      Object.assign(json.model, { byte_fallback: false, ignore_merges: false, dropout: 0 })
      json.truncation = { max_length: 512, direction: 'Right', strategy: 'LongestFirst', stride: 0 }
    }),
  ).toBe('accepted')
})

test('what cannot be reproduced is named by its path in the file', () => {
  const set = (key: string, value: unknown) => (json: TokenizerJson) =>
    Object.assign(json.model, { [key]: value })
  expect(problemAfter(set('type', 'Unigram'))).toContain('model.type')
  expect(problemAfter(set('fuse_unk', true))).toContain('model.fuse_unk')
  expect(problemAfter(set('byte_fallback', true))).toContain('model.byte_fallback')
  expect(problemAfter(set('dropout', 0.1))).toContain('model.dropout')
  expect(problemAfter(set('end_of_word_suffix', '</w>'))).toContain('model.end_of_word_suffix')
  expect(problemAfter(set('unk_token', '<unk>'))).toContain('"<unk>"')
  expect(problemAfter((json) => Object.assign(json, { normalizer: { type: 'Lowercase' } }))).toContain(
    'normalizer',
  )
  expect(problemAfter((json) => Object.assign(json, { pre_tokenizer: { type: 'ByteLevel' } }))).toContain(
    'pre_tokenizer.type',
  )
  expect(problemAfter((json) => Object.assign(json.post_processor, { single: [] }))).toContain(
    'post_processor.single',
  )
})

test('a vocabulary that does not hold together is refused', () => {
  expect(problemAfter((json) => json.model.merges.push('AC G'))).toContain('"ACG"')
  expect(problemAfter((json) => Object.assign(json.model.vocab, { G: 5 }))).toContain(
    'id 5 is given to two tokens',
  )
  expect(problemAfter((json) => Object.assign(json.model.vocab, { G: 4000 }))).toContain('without gaps')
  expect(problemAfter((json) => Object.assign(json.added_tokens[0]!, { content: 'A' }))).toContain(
    'starts like a sequence',
  )
  expect(
    problemAfter((json) => {
      delete json.model.vocab['[PAD]']
      json.added_tokens.splice(3, 1)
    }),
  ).toContain('"[PAD]"')
})

test('text that is no JSON and files that are not there', async () => {
  expect(() => DnaTokenizer.fromJson('{"model"', 'x.json')).toThrow('not JSON')
  await expect(DnaTokenizer.fromFile('/does/not/exist/tokenizer.json')).rejects.toThrow(
    'cannot read /does/not/exist/tokenizer.json: no such file',
  )
})

test('errors name the file and say what to do', () => {
  const message = problemAfter((json) => Object.assign(json.model, { type: 'Unigram' }))
  expect(message).toContain('models/tokenizer.json')
  expect(message).toContain('Download that file again')
})
