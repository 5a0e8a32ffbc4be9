import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseJson } from '../../../src/system/json.ts'

test.each([
  ['in the object itself', '{"a": 1,\n "b": 2,\n "a": 3}', 'line 3: the key "a" stands there twice'],
  ['further in', '[{"x": {"k": [1, {"z": 1, "z": 1}]}}]', 'the key "z" stands there twice'],
  ['spelled in two ways', '{"a": 1, "\\u0061": 2}', 'the key "a" stands there twice'],
  ['named as the prototype', '{"__proto__": 1, "__proto__": 2}', 'the key "__proto__" stands there twice'],
  ['the empty key', '{"": 1, "":2}', 'the key "" stands there twice'],
  ['before a colon on the next line', '{"a"\n\t: 1, "a"\r\n: 2}', 'the key "a" stands there twice'],
])('a key twice: %s', (_, text, message) => {
  expect(() => parseJson(text)).toThrow(message)
})

test.each([
  ['values that equal keys', '{"a": "a", "b": ["a", "a", "b"]}'],
  ['the same key in two objects', '[{"a": 1}, {"a": 1}, {"b": {"a": 1}, "a": {"b": 2}}]'],
  ['quotes, brackets and colons in strings', '{"a\\"}": "\\\\", "a\\"": "{\\"a\\": [", "b": "x\\":"}'],
  ['keys that objects inherit', '{"toString": 1, "hasOwnProperty": 2, "constructor": {"prototype": 3}}'],
])('no key twice: %s', (_, text) => {
  expect(parseJson(text)).toEqual(JSON.parse(text))
})

test('200,000 nested brackets are an error and not the end of the program', () => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    expect(() => parseJson(open.repeat(200_000) + close.repeat(200_000))).toThrow('nested more than 100 deep')
    expect(() => parseJson(open.repeat(200_000))).toThrow('nested more than 100 deep')
  }
})

test('a key __proto__ changes no other object', () => {
  const value = parseJson('{"__proto__": {"polluted": true}, "b": 1}') as Record<string, unknown>
  expect(Object.keys(value)).toEqual(['__proto__', 'b'])
  expect(value.polluted).toBeUndefined()
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
})

test('what JSON.stringify writes is read back, and a repeated key is found wherever it is put', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (text) => {
      expect(parseJson(text)).toEqual(JSON.parse(text))
      expect(() => parseJson(`{"k": ${text}, "l": 0, "k": ${text}}`)).toThrow('"k" stands there twice')
    }),
    { seed: 16, numRuns: 300 },
  )
})

test('what is not JSON is an error with the reason', () => {
  for (const text of ['', '{', '{"a"}', '{"a": 1,}', '"', '"\\', 'nul', '[1,2', '}{', ']'])
    expect(() => parseJson(text)).toThrow('not JSON, or cut short')
})
