// Draws what bench/scaling/main.ts has measured, perhaps on several machines, into one plot, and lists the speed-ups.
//   bun bench/scaling/draw.ts --svg FILE JSON…
// The files are those of --json. Of a name that several files have, the last file counts.
import { parseArgs } from 'node:util'
import { writeAtomically } from '../../src/system/atomic.ts'
import { parseDocuments } from '../changes.ts'
import { type BenchDocument, fail } from '../result.ts'
import { plot, type Series } from './plot.ts'

const { values, positionals } = parseArgs({
  options: { svg: { type: 'string' } },
  allowPositionals: true,
})
if (positionals.length === 0) fail('which files? bun bench/scaling/draw.ts --svg FILE JSON…')
const documents: BenchDocument[] = []
for (const path of positionals) {
  const text = await Bun.file(path)
    .text()
    .catch(() => fail(`cannot read ${path}`))
  try {
    documents.push(...parseDocuments(text, path).filter(({ bench }) => bench === 'scaling'))
  } catch (error) {
    fail((error as Error).message)
  }
}
const found = seriesOf(documents)
if (found.length === 0) fail(`no speed-up in ${positionals.join(', ')}: give files of bench/scaling --json`)
for (const { name, points } of found) {
  for (const { gpus, speedUp } of points) {
    const share = (speedUp / gpus).toFixed(4)
    console.log(`| ${name} | ${gpus} | ${speedUp.toFixed(3)} | ${share} |`)
  }
}
if (values.svg !== undefined) await writeAtomically(values.svg, plot('Speed-up by number of GPUs', found))

/** Speed-ups by what was measured; those of several servers that wait are left out, as in main.ts. */
function seriesOf(all: readonly BenchDocument[]): Series[] {
  const names = new Map<string, Map<number, number>>()
  for (const { results, machine, settings } of all) {
    if (settings.quick === true) continue
    for (const { name, value } of results) {
      const [, what = '', count = '', unit] = /^(.+), (\d+) (GPU|instance)s?: speed-up$/.exec(name) ?? []
      const series = seriesName(what, unit, machine.gpus)
      if (series === undefined) continue
      const points = names.get(series) ?? new Map<number, number>()
      names.set(series, points.set(Number(count), value))
    }
  }
  return [...names].map(([name, points]) => ({
    name,
    points: [...points].sort(([a], [b]) => a - b).map(([gpus, speedUp]) => ({ gpus, speedUp })),
  }))
}

function seriesName(
  what: string,
  unit: string | undefined,
  [gpu = 'GPUs']: readonly string[],
): string | undefined {
  if (unit === 'GPU') return what.startsWith('simulated') ? what : `${what}, ${gpu}`
  return what === '1 server' ? 'Triton, a model that waits' : undefined
}
