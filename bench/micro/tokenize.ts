// Tokens per second on one core, beside @huggingface/tokenizers on the same sequences.
//   bun bench/micro/tokenize.ts
import { Tokenizer } from '@huggingface/tokenizers'
import { openFrames } from '../../src/sequence/index.ts'
import { DnaTokenizer, EsmAlphabet } from '../../src/tokenizers/index.ts'
import { codingDna, cutReads, randomDna } from '../dna.ts'
import { bench, bestSeconds, note, runBenches } from '../runner.ts'
import { tokenizerPath } from '../tokenizer.ts'

const BASES = 3_000_000
const path = tokenizerPath()
const dna = await DnaTokenizer.fromFile(path)
const esm = new EsmAlphabet()
const reference = new Tokenizer(await Bun.file(path).json(), {})

const frames = [...cutReads(codingDna(BASES, 1), BASES / 150, 150, 2)].flatMap((read) => openFrames(read))
const sequences = {
  'frames of 150-base reads': frames.map((frame) => frame.nucleotide),
  'random DNA of 500': [...cutReads(randomDna(BASES, 3), BASES / 500, 500, 4)],
  'random DNA of 4,000': [...cutReads(randomDna(BASES, 5), BASES / 4000, 4000, 6)],
  'one word of 1 MB': [randomDna(1_000_000, 7)],
}

for (const [name, rows] of Object.entries(sequences)) {
  compare('DNABERT-S', name, rows, (row) => dna.encode(row).length)
  // A hundredth is enough for a rate. One round only: the library remembers words, and no sequence comes twice.
  const few = rows.slice(0, Math.ceil(rows.length / 100)).map((row) => row.subarray(0, 10_000))
  const texts = few.map((row) => new TextDecoder().decode(row))
  const expected = few.reduce((sum, row) => sum + dna.encode(row).length, 0)
  const seconds = bestSeconds(() => {
    const tokens = texts.reduce((sum, text) => sum + reference.encode(text).ids.length, 0)
    if (tokens !== expected) throw new Error('Other tokens')
  }, 1)
  note(`  @huggingface/tokenizers: ${rate(expected, seconds)}`)
}
compare(
  'ESM-2',
  'frames of 150-base reads',
  frames.map((frame) => frame.protein),
  (row) => esm.encode(row).length,
)
await runBenches()

function compare(
  model: string,
  name: string,
  rows: readonly Uint8Array[],
  tokens: (row: Uint8Array) => number,
) {
  const count = () => {
    let sum = 0
    for (const row of rows) sum += tokens(row)
    return sum
  }
  const expected = count()
  if (expected <= 2 * rows.length) throw new Error(`${name}: no tokens`)
  note(`${model}, ${name}: ${rate(expected, bestSeconds(count))}`)
  bench(`${model}, ${name}`, () => {
    if (count() !== expected) throw new Error('Wrong number of tokens')
  })
}

function rate(tokens: number, seconds: number): string {
  return `${(tokens / seconds / 1e6).toFixed(2)} million tokens/s`
}
