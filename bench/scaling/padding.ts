// Which share of what a GPU computes is padding: all that packed rows instead of padded ones could save.
//   bun bench/scaling/padding.ts [--quick] [--json FILE]
import { benchOptions, finish, single } from '../result.ts'
import { tokenizerPath } from '../tokenizer.ts'
import { dnabertReading, esm2Reading, KINDS, totals, workload } from './workload.ts'

const options = benchOptions('bun bench/scaling/padding.ts')
const windows = options.quick ? 1 : 4
const budgets = [16_384, 32_768]
const { path, name: tokenizer } = tokenizerPath()
const models = [
  { name: 'ESM-2', reading: esm2Reading(), maxSequences: 1024 },
  { name: 'DNABERT-S', reading: await dnabertReading(path), maxSequences: 4096 },
]
const results = models.flatMap(({ name, reading, maxSequences }) =>
  KINDS.flatMap((kind) =>
    budgets.map((tokenBudget) => {
      const limits = { tokenBudget, maxSequences }
      const { tokens, padded } = totals(
        workload(kind, windows, limits, options.quick ? 1000 : undefined, reading),
      )
      const share = (100 * (padded - tokens)) / padded
      return single(`${name}, ${kind}, batches of ${tokenBudget} tokens: padding`, '%', 'lower', share)
    }),
  ),
)
await finish('scaling/padding', options, { windows, budgets, tokenizer }, results)
