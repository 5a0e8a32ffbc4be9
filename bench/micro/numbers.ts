// Printing scores for the tables: the original's float32 as numpy spells them, Broad's doubles as Python does.
//   bun bench/micro/numbers.ts [--quick] [--json FILE]
import { join } from 'node:path'
import { withFolder } from '../../scripts/support/temporary.ts'
import { formatFloat32, formatFloat64 } from '../../src/tables/index.ts'
import { seededRandom } from '../dna.ts'
import { benchOptions } from '../result.ts'
import { runCases } from './rounds.ts'

const options = benchOptions('bun bench/micro/numbers.ts')
const count = options.quick ? 1000 : 100_000
const random = seededRandom(1)
/** As a classifier gives them: most near 0 or 1, some of them very near. */
const scores = Float32Array.from({ length: count }, () => 1 / (1 + Math.exp(24 * (random() - 0.5))))

await withFolder(async (folder) => {
  const path = join(folder, 'scores')
  await Bun.write(path, scores)
  const printing = (kind: string, name: string, format: (value: number) => string, other: string) => ({
    name,
    amount: count / 1e6,
    unit: 'million/s',
    ours: () => {
      let letters = 0
      for (const score of scores) letters += format(score).length
      return letters
    },
    other: { name: other, question: { task: 'print_floats', path, kind } },
  })
  await runCases('micro/numbers', options, { count, seed: 1 }, [
    printing('float32', "the original's scores", formatFloat32, 'str(numpy.float32)'),
    printing('float64', "Broad's scores", formatFloat64, 'repr(float) in Python'),
  ])
})
