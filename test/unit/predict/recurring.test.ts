import { expect, test } from 'bun:test'
import { randomSource } from '../../../scripts/support/random.ts'
import { KeyFilter } from '../../../src/predict/key-filter.ts'
import { emptyPart, type Part } from '../../../src/predict/part.ts'
import { findRecurring, wordsOf } from '../../../src/predict/recurring.ts'
import { SeenKeys } from '../../../src/predict/seen-keys.ts'

const keyOf = (text: string) => wordsOf(new Uint8Array(new Bun.CryptoHasher('sha256').update(text).digest()))

test('a filter finds every key that was added, hardly any other, and takes little memory', () => {
  const filter = new KeyFilter()
  const count = 200_000
  for (let i = 0; i < count; i++) filter.add(keyOf(`in ${i}`))
  let wrong = 0
  for (let i = 0; i < count; i++) {
    if (!filter.has(keyOf(`in ${i}`))) throw new Error(`key ${i} is lost`)
    if (filter.has(keyOf(`out ${i}`))) wrong++
  }
  expect(wrong).toBeLessThan(count / 100)
  expect(filter.bytes).toBeLessThan(16 * count)
})

test('keys have the window in which they were seen first, and can be forgotten', () => {
  const seen = new SeenKeys()
  const random = randomSource(1)
  const windows = new Map<string, number>()
  for (let i = 0; i < 20_000; i++) {
    windows.set(`${i}`, 1 + Math.floor(random() * 1000))
    seen.set(keyOf(`${i}`), windows.get(`${i}`)!)
  }
  for (const [text, window] of windows) expect(seen.get(keyOf(text))).toBe(window)
  expect(seen.get(keyOf('none'))).toBe(0)
  // Four words of each are kept.
  const start = (key: Uint32Array) => key.subarray(0, 4).join()
  const kept = new Set(Array.from({ length: 100 }, (_, i) => start(keyOf(`${7 * i}`))))
  seen.keepOnly((key) => kept.has(start(key)))
  expect(seen.size).toBe(100)
  expect(seen.get(keyOf('7'))).toBe(windows.get('7')!)
  expect(seen.get(keyOf('8'))).toBe(0)
})

test('what recurs is what more than one part has, for each model by itself', async () => {
  const part = (number: number, nucleotides: readonly string[], proteins: readonly string[]): Part => ({
    ...emptyPart(number),
    nucleotides: nucleotides.map((text) => Buffer.from(text)),
    proteins: proteins.map((text) => Buffer.from(text)),
  })
  async function* parts() {
    yield part(1, ['AC', 'AC', 'GG'], ['M', 'K', 'M'])
    yield part(2, ['TT', 'M'], ['K', 'W'])
    yield part(3, ['GG'], ['V'])
  }
  const recurs = await findRecurring(parts(), [
    { model: 'dnabert_s', sequences: ({ nucleotides }) => nucleotides },
    { model: 'esm2', sequences: ({ proteins }) => proteins },
  ])
  const among = (model: 'dnabert_s' | 'esm2') =>
    ['AC', 'GG', 'TT', 'M', 'K', 'W', 'V'].filter((text) => recurs(model, keyOf(text)))
  expect(among('dnabert_s')).toEqual(['GG'])
  expect(among('esm2')).toEqual(['K'])
})
