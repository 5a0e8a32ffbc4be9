import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { dedupe, paddingWaste, planBatches } from '../../src/batching/index.ts'
import { chunkBounds, openFrames } from '../../src/sequence/index.ts'
import { DnaTokenizer, EsmAlphabet } from '../../src/tokenizers/index.ts'
import { hasShared, shared } from '../support/shared.ts'

const READ = 150
const READS = 30_000
const WINDOW = 10_000
const TOKEN_BUDGET = 16_384

/** Genomes of the reference data, one for each record. */
function genomes(): Uint8Array[] {
  const files = readdirSync(shared('fasta')).filter((file) => !file.endsWith('.tsv'))
  return files.flatMap((file) =>
    readFileSync(shared('fasta', file), 'latin1')
      .split('>')
      .slice(1)
      .map((record) => Buffer.from(record.slice(record.indexOf('\n')).replaceAll(/\s/g, ''), 'latin1')),
  )
}

/** Reads from seeded places, each genome as often as its length asks. */
function cutReads(sources: readonly Uint8Array[]): Uint8Array[] {
  let state = 42
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const joined = Buffer.concat(sources)
  return Array.from({ length: READS }, () => {
    const start = random(joined.length - READ)
    return joined.subarray(start, start + READ)
  })
}

for (const chunkLength of [300, 500]) {
  test.skipIf(!hasShared)(
    `padding stays under 3 % on reads and on contigs, chunks of ${chunkLength}`,
    async () => {
      const esm = new EsmAlphabet()
      const dna = await DnaTokenizer.fromFile(shared('tokenizer', 'dnabert-s', 'tokenizer.json'))
      const contigs = genomes()
      for (const [kind, records] of [
        ['reads', cutReads(contigs)],
        ['contigs', contigs],
      ] as const) {
        const frames = records.flatMap((record) =>
          chunkBounds(record.length, chunkLength).flatMap(({ start, end }) =>
            openFrames(record.subarray(start, end)),
          ),
        )
        expect(frames.length).toBeGreaterThan(700)
        for (const [model, sequences, count] of [
          ['ESM-2', frames.map((f) => f.protein), (s: Uint8Array) => esm.tokenCount(s.length)],
          ['DNABERT-S', frames.map((f) => f.nucleotide), (s: Uint8Array) => dna.encode(s).length],
        ] as const) {
          let real = 0
          let computed = 0
          for (let at = 0; at < sequences.length; at += WINDOW) {
            const window = sequences.slice(at, at + WINDOW)
            const lengths = Array.from(dedupe(window).unique, (i) => count(window[i]!))
            const plan = planBatches(lengths, { tokenBudget: TOKEN_BUDGET })
            const tokens = plan.reduce((sum, batch) => sum + batch.tokens, 0)
            computed += tokens
            real += tokens * (1 - paddingWaste(plan, lengths))
          }
          const waste = 1 - real / computed
          console.log(
            `${kind}, chunks of ${chunkLength}, ${model}: ${frames.length} frames, ` +
              `${(100 * waste).toFixed(2)} % padding`,
          )
          expect(waste).toBeLessThan(0.03)
        }
      }
    },
  )
}
