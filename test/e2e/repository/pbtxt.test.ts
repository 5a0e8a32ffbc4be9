import { expect, test } from 'bun:test'
import { parseTextFormat, TextFormatError } from './pbtxt.ts'

const parse = (text: string) => plain(parseTextFormat(text))

/** Messages as objects, names as `$name`. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if ('identifier' in value) return `$${value.identifier}`
  const { fields } = value as { fields: ReadonlyMap<string, unknown[]> }
  return Object.fromEntries([...fields].map(([name, values]) => [name, values.map(plain)]))
}

test('every form of a field is read', () => {
  const text = `
    # a comment with "quotes" { and [
    name: "esm\\"2" 'b', max_batch_size: 0;
    input [ { name: "a" dims: [ -1, 2 ] }, { name: 'b' dims: 3 dims: 4 } ]
    optimization { eager_batching: false priority: PRIORITY_MAX }
    cc: [] rate: 1.5e-3
  `
  expect(parse(text)).toEqual({
    name: ['esm"2b'],
    max_batch_size: [0],
    input: [
      { name: ['a'], dims: [-1, 2] },
      { name: ['b'], dims: [3, 4] },
    ],
    optimization: [{ eager_batching: ['$false'], priority: ['$PRIORITY_MAX'] }],
    cc: [],
    rate: [0.0015],
  })
})

test('what the server would refuse is refused, with the line', () => {
  for (const [text, message] of [
    ['name: "a\n', 'line 1: unexpected'],
    ['a: 1\nb 2', 'line 2: expected a colon'],
    ['a {\n b: 1', 'the text ends before a }'],
    ['a: [ 1 2 ]', 'expected , or ] in a list'],
    ['a: 1\n\n}', 'line 3: expected the name of a field'],
    ['a: {{x}}', 'expected the name of a field'],
    ['dims: 12ab', 'unexpected "12ab"'],
  ] as const) {
    expect(() => parse(text)).toThrow(TextFormatError)
    expect(() => parse(text)).toThrow(message)
  }
})
