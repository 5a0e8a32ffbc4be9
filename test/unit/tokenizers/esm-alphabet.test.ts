import { expect, setDefaultTimeout, test } from 'bun:test'
import { EsmAlphabet, UnknownResidueError } from '../../../src/tokenizers/index.ts'
import { hasPython, runPython } from '../../support/python.ts'

// Starting Python may take long on a busy machine.
setDefaultTimeout(120_000)

const bytes = (text: string) => new TextEncoder().encode(text)
const esm = new EsmAlphabet()

test('every letter has the id that the ESM-2 weights were trained with', () => {
  expect([...esm.encode(bytes('LAGVSERTIDPKQNFYMHWCXBUZO.-'))]).toEqual([
    0, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
    2,
  ])
  expect(esm.vocabularySize).toBe(33)
  expect(esm.padId).toBe(1)
})

test('an empty protein is its two ends', () => {
  expect([...esm.encode(bytes(''))]).toEqual([0, 2])
})

test('rows are written side by side into one array', () => {
  const row = new Int32Array(9).fill(esm.padId)
  expect(esm.encodeInto(bytes('MK'), row, 0)).toBe(4)
  expect(esm.encodeInto(bytes('W'), row, 5)).toBe(8)
  expect([...row]).toEqual([0, 20, 15, 2, 1, 0, 22, 2, 1])
  expect(() => esm.encodeInto(bytes('MKW'), row, 5)).toThrow(RangeError)
})

test('a letter without a token is named with its place', () => {
  for (const protein of ['MK*L', 'MKlL', 'MKJL']) {
    expect(() => esm.encode(bytes(protein))).toThrow(UnknownResidueError)
    expect(() => esm.encode(bytes(protein))).toThrow(`"${protein[2]}" at residue 3`)
  }
})

test.skipIf(!hasPython)('equal to fair-esm, where that is installed', async () => {
  const ids = await runPython(
    `
import json
try:
    import esm
except ImportError:
    print("null")
else:
    alphabet = esm.data.Alphabet.from_architecture("ESM-1b")
    _, _, tokens = alphabet.get_batch_converter()([("a", "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQXBUZO.-WC")])
    print(json.dumps([tokens[0].tolist(), len(alphabet), alphabet.padding_idx]))
`,
  )
  const expected: unknown = JSON.parse(ids)
  if (expected === null) return console.warn('fair-esm not found: not compared')
  const tokens = [...esm.encode(bytes('MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQXBUZO.-WC'))]
  expect(expected).toEqual([tokens, esm.vocabularySize, esm.padId])
})
