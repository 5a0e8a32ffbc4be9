// Both tokenizers, on one thread: DNABERT-S beside Hugging Face's library in Rust, ESM-2 beside fair-esm.
//   bun bench/micro/tokenize.ts [--quick] [--json FILE]
import { join } from 'node:path'
import { withFolder } from '../../scripts/support/temporary.ts'
import { openFrames } from '../../src/sequence/index.ts'
import { DnaTokenizer, EsmAlphabet } from '../../src/tokenizers/index.ts'
import { codingDna, cutReads, randomDna } from '../dna.ts'
import { benchOptions } from '../result.ts'
import { tokenizerPath } from '../tokenizer.ts'
import { type Case, runCases } from './rounds.ts'

const options = benchOptions('bun bench/micro/tokenize.ts')
const bases = options.quick ? 30_000 : 1_500_000
const tokenizer = tokenizerPath()
const dna = await DnaTokenizer.fromFile(tokenizer.path)
const esm = new EsmAlphabet()
const frames = [...cutReads(codingDna(bases, 1), bases / 150, 150, 2)].flatMap((read) => openFrames(read))

await withFolder(async (folder) => {
  const bpe = (rows: readonly Uint8Array[]) => rows.reduce((sum, row) => sum + dna.encode(row).length, 0)
  const letters = (rows: readonly Uint8Array[]) => rows.reduce((sum, row) => sum + esm.encode(row).length, 0)
  const rust = { name: 'tokenizers (Rust)', question: { task: 'dna_tokens', tokenizer: tokenizer.path } }
  const fair = { name: 'fair-esm', question: { task: 'esm_tokens' } }
  const nucleotides = frames.map((frame) => frame.nucleotide)
  const proteins = frames.map((frame) => frame.protein)
  const cut = (length: number, seed: number) => [
    ...cutReads(randomDna(bases, seed), Math.ceil(bases / length), length, seed + 1),
  ]
  await runCases('micro/tokenize', options, { bases, tokenizer: tokenizer.name, seed: 1 }, [
    await tokenizing(folder, 'DNABERT-S, frames of 150-base reads', nucleotides, bpe, rust),
    await tokenizing(folder, 'DNABERT-S, random DNA of 500', cut(500, 3), bpe, rust),
    await tokenizing(folder, 'DNABERT-S, random DNA of 4,000', cut(4000, 5), bpe, rust),
    await tokenizing(folder, 'ESM-2, frames of 150-base reads', proteins, letters, fair),
  ])
})

/** The other side gets an eighth of the sequences, enough for a rate. */
async function tokenizing(
  folder: string,
  name: string,
  rows: readonly Uint8Array[],
  count: (rows: readonly Uint8Array[]) => number,
  other: { name: string; question: { task: string } },
): Promise<Case> {
  const few = rows.slice(0, Math.ceil(rows.length / 8))
  const path = join(folder, `${name.replaceAll(/\W+/g, '-')}.txt`)
  await Bun.write(path, few.map((row) => new TextDecoder().decode(row)).join('\n'))
  const [all, some] = [count(rows), count(few)]
  return {
    name,
    amount: all / 1e6,
    unit: 'million tok/s',
    ours: () => count(rows),
    other: { name: other.name, question: { ...other.question, path }, share: some / all, check: some },
  }
}
