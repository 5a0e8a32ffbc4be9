// Shows what has become slower between two results of the same bench.
//   bun bench/compare.ts A.json B.json [--threshold 5]
// A is the older. A change counts where the median is worse by more than the threshold, in percent, and by more than
// the rounds of both vary. Exit code 1 when anything has become worse so, 2 when the two cannot be compared.
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type Change, changesBetween, parseDocuments, renderChanges } from './changes.ts'

const USAGE = 'Usage: bun bench/compare.ts A.json B.json [--threshold PERCENT]'

try {
  const { values, positionals } = parseArgs({
    options: { threshold: { type: 'string', default: '5' } },
    allowPositionals: true,
  })
  const threshold = values.threshold.trim() === '' ? Number.NaN : Number(values.threshold)
  if (!(threshold >= 0)) throw new Error(`--threshold: expected a percentage, got "${values.threshold}"`)
  if (positionals.length !== 2) throw new Error(`expected two files, got ${positionals.length}`)
  const [before, after] = await Promise.all(
    positionals.map(async (path) => parseDocuments(await readFile(path, 'utf8'), path)),
  )
  const changes: Change[] = changesBetween(before!, after!, threshold / 100)
  console.log(renderChanges(changes, threshold))
  process.exitCode = changes.some(({ verdict }) => verdict === 'worse' || verdict === 'gone') ? 1 : 0
} catch (error) {
  console.error(`error: ${(error as Error).message}\n${USAGE}`)
  process.exitCode = 2
}
