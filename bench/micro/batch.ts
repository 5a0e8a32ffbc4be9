// Packing one window of 10,000 frames: equal sequences, batches under a token budget, padded arrays; beside a
// dictionary, fair-esm's batches and torch's pad_sequence.
//   bun bench/micro/batch.ts [--quick] [--json FILE]
import { join } from 'node:path'
import { withFolder } from '../../scripts/support/temporary.ts'
import { balance, dedupe, padBatch, planBatches } from '../../src/batching/index.ts'
import { openFrames } from '../../src/sequence/index.ts'
import { EsmAlphabet } from '../../src/tokenizers/index.ts'
import { codingDna, cutReads, seededRandom } from '../dna.ts'
import { benchOptions } from '../result.ts'
import { runCases } from './rounds.ts'

const options = benchOptions('bun bench/micro/batch.ts')
const count = options.quick ? 500 : 10_000
const TOKEN_BUDGET = 16_384

const random = seededRandom(3)
const reads = [...cutReads(codingDna(1_000_000, 1), count, 150, 2)]
const proteins = reads.flatMap((read) => openFrames(read).map((frame) => frame.protein)).slice(0, count)
/** BPE of reads: some 35 tokens, a dozen different counts. */
const short = Uint32Array.from(proteins, () => 30 + Math.floor(5 * (random() + random() + random())))
/** Chunks of 4,000 bases: hundreds of different counts. */
const long = Uint32Array.from(proteins, () => 10 + Math.floor(900 * random()))
const esm = new EsmAlphabet()
const rows = proteins.slice(0, 300).map((protein) => esm.encode(protein))

await withFolder(async (folder) => {
  const save = async (name: string, lines: readonly (string | number)[]) => {
    await Bun.write(join(folder, name), lines.join('\n'))
    return join(folder, name)
  }
  const text = new TextDecoder()
  const paths = {
    proteins: await save(
      'proteins',
      proteins.map((protein) => text.decode(protein)),
    ),
    short: await save('short', [...short]),
    long: await save('long', [...long]),
    rows: await save(
      'rows',
      rows.map((row) => row.join(',')),
    ),
  }
  const planning = (name: string, lengths: Uint32Array, path: string) => ({
    name,
    amount: count / 1e6,
    unit: 'million rows/s',
    ours: () =>
      planBatches(lengths, { tokenBudget: TOKEN_BUDGET }).reduce(
        (sum, { members }) => sum + members.length,
        0,
      ),
    other: { name: "fair-esm's batches", question: { task: 'plan', path, budget: TOKEN_BUDGET } },
  })
  const plan = planBatches(long, { tokenBudget: TOKEN_BUDGET })
  await runCases('micro/batch', options, { count, tokenBudget: TOKEN_BUDGET, seed: 1 }, [
    planning('plan batches, reads', short, paths.short),
    planning('plan batches, long chunks', long, paths.long),
    {
      name: 'find equal sequences',
      amount: proteins.length / 1e6,
      unit: 'million rows/s',
      ours: () => dedupe(proteins).unique.length,
      other: { name: 'a dictionary in Python', question: { task: 'dedupe', path: paths.proteins } },
      note: 'texts that Python has seen before carry their hash, so that its rate is that of a look-up alone',
    },
    {
      name: 'pad a batch of 300 reads',
      amount: rows.length / 1e6,
      unit: 'million rows/s',
      ours: () => padBatch(rows, esm.padId).inputIds.length,
      other: { name: "torch's pad_sequence", question: { task: 'pad', path: paths.rows } },
    },
    {
      name: 'spread batches over 8',
      amount: plan.length / 1e6,
      unit: 'million batches/s',
      ours: () => balance(plan, 8).length,
    },
  ])
})
