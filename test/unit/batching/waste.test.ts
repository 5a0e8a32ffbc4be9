import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { dedupe, paddingWaste, planBatches } from '../../../src/batching/index.ts'
import { chunkBounds, openFrames } from '../../../src/sequence/index.ts'
import { DnaTokenizer, EsmAlphabet } from '../../../src/tokenizers/index.ts'
import { genomeSets, sequencesOf } from '../../support/genomes.ts'
import { referenceRuns } from '../../support/reference.ts'

const READ = 150
const READS = 30_000
const WINDOW = 10_000
const TOKEN_BUDGET = 16_384

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

/** Each set of genomes with a tokenizer: our own, and the real ones with DNABERT-S's. */
const cases = genomeSets.flatMap(([name, files], i) =>
  [300, 500].map((chunkLength) => [name, chunkLength, files, referenceRuns[i]!] as const),
)

test.each(cases)(
  'padding stays under 3 %% on reads and on contigs of %s, chunks of %d',
  async (name, chunkLength, files, { models }) => {
    const esm = new EsmAlphabet()
    const dna = await DnaTokenizer.fromFile(join(models.dnabert, 'tokenizer.json'))
    const contigs = sequencesOf(files()).map((sequence) => Buffer.from(sequence, 'latin1'))
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
          `${kind} of ${name}, chunks of ${chunkLength}, ${model}: ${frames.length} frames, ` +
            `${(100 * waste).toFixed(2)} % padding`,
        )
        expect(waste).toBeLessThan(0.03)
      }
    }
  },
)
