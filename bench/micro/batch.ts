// Grouping equal sequences and planning batches for one window of 10,000 frames.
//   bun bench/micro/batch.ts
import { balance, dedupe, padBatch, paddingWaste, planBatches } from '../../src/batching/index.ts'
import { openFrames } from '../../src/sequence/index.ts'
import { EsmAlphabet } from '../../src/tokenizers/index.ts'
import { codingDna, cutReads, seededRandom } from '../dna.ts'
import { bench, do_not_optimize, note, runBenches } from '../runner.ts'

const WINDOW = 10_000
const TOKEN_BUDGET = 16_384

const reads = [...cutReads(codingDna(1_000_000, 1), WINDOW, 150, 2)]
const proteins = reads.flatMap((read) => openFrames(read).map((frame) => frame.protein)).slice(0, WINDOW)
const random = seededRandom(3)
const lengths = {
  // BPE of reads: some 35 tokens, a dozen different counts.
  reads: Uint32Array.from({ length: WINDOW }, () => 30 + Math.floor(5 * (random() + random() + random()))),
  // Chunks of 4,000 bases: hundreds of different counts.
  'long chunks': Uint32Array.from({ length: WINDOW }, () => 10 + Math.floor(900 * random())),
}

for (const [name, tokens] of Object.entries(lengths)) {
  const plan = planBatches(tokens, { tokenBudget: TOKEN_BUDGET })
  note(`${name}: ${plan.length} batches, ${(100 * paddingWaste(plan, tokens)).toFixed(2)} % padding`)
  bench(`plan ${WINDOW} ${name}`, () => {
    if (planBatches(tokens, { tokenBudget: TOKEN_BUDGET }).length !== plan.length)
      throw new Error('Other plan')
  })
  bench(`balance ${name} over 8`, () => do_not_optimize(balance(plan, 8)))
}

const { unique } = dedupe(proteins)
note(`dedupe: ${unique.length} of ${proteins.length} proteins are different`)
bench(`dedupe ${WINDOW} proteins`, () => {
  if (dedupe(proteins).unique.length !== unique.length) throw new Error('Other groups')
})

const esm = new EsmAlphabet()
const rows = proteins.slice(0, 300).map((protein) => esm.encode(protein))
bench('pad a batch of 300 reads', () => {
  if (padBatch(rows, esm.padId).rows !== rows.length) throw new Error('Wrong number of rows')
})
await runBenches()
