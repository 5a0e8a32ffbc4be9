// Both tables of a run from scores, in the original's layout: 200,000 frames, as they come from a quarter of a million reads,
// and a million, of which the table of chunks no longer fits the memory that a sort may take. Beside writing the rows in Python
// and making the table of chunks with pandas, as the original does.
//   bun bench/micro/tables.ts [--quick] [--json FILE]
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { withFolder } from '../../scripts/support/temporary.ts'
import { outputPaths } from '../../src/layout/index.ts'
import { type ScoredFrames, writeTables } from '../../src/tables/index.ts'
import { seededRandom } from '../dna.ts'
import { benchOptions } from '../result.ts'
import { runCases } from './rounds.ts'

const options = benchOptions('bun bench/micro/tables.ts')
const counts = options.quick ? [1000] : [200_000, 1_000_000]
const PART = 10_000
const PLACE = { layout: 'vanilla', prefix: undefined, expectedLength: 500 } as const

/** Three of four reads have an open frame, one of twenty a second one. */
function framesOf(count: number): ScoredFrames {
  const random = seededRandom(4)
  const ids: string[] = []
  for (let read = 1; ids.length < count; read++) {
    if (random() < 0.25) continue
    ids.push(`read_${read}_chunk_1F1`)
    if (random() < 0.05) ids.push(`read_${read}_chunk_1R2`)
  }
  ids.length = count
  const scores = new Float32Array(2 * count)
  for (let i = 0; i < count; i++) {
    const viral = 1 / (1 + Math.exp(24 * (random() - 0.5)))
    scores.set([1 - viral, viral], 2 * i)
  }
  return { ids, scores }
}

await withFolder(async (folder) => {
  const cases = counts.map(async (count) => {
    const { ids, scores } = framesOf(count)
    const paths = outputPaths({ ...PLACE, input: `frames-${count}.fa`, outputDir: folder })
    const given = { ids: join(folder, `ids-${count}`), scores: join(folder, `scores-${count}`) }
    await Bun.write(given.ids, ids.join('\n'))
    await Bun.write(given.scores, scores)
    async function* parts(): AsyncGenerator<ScoredFrames> {
      for (let at = 0; at < count; at += PART)
        yield { ids: ids.slice(at, at + PART), scores: scores.subarray(2 * at, 2 * (at + PART)) }
    }
    return {
      name: `tables of ${count} frames`,
      amount: count / 1e6,
      unit: 'million frames/s',
      ours: async () => {
        const spillPath = (run: number) => join(folder, `sorted-${run}`)
        await writeTables(paths, parts(), { stamp: undefined, spillPath })
        return (await stat(paths.predictions)).size + (await stat(paths.consensus)).size
      },
      other: { name: 'Python and pandas', question: { task: 'tables', ...given, folder } },
    }
  })
  await runCases('micro/tables', options, { counts: counts.join(), seed: 4 }, await Promise.all(cases))
})
