// What the files of `STEM_results/` add to a run, over half reads and half contigs with about a million open frames: processor time beside
// that of all that a run does besides inference (reading, translating, tokenizing, batching, journal, classifier, tables), and
// memory, which must not grow with four times the input. The former comes from a whole run of `predict` whose models compute nothing.
//   bun bench/outputs/main.ts [--quick] [--json FILE] [--bases 277000000] [--check]
// With --check it exits with 1 when that is 5 % or more, or memory grows.
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { withFolder } from '../../scripts/support/temporary.ts'
import { makeIdleBundle } from '../pipeline/bundle.ts'
import { writeInput } from '../pipeline/inputs.ts'
import { runPredict } from '../pipeline/run.ts'
import { benchOptions, figuresOf, finish, median, type Result, single } from '../result.ts'

const GOAL = 5
/** Memory may differ by this factor from one run to the next. */
const SLACK = 1.25
const SEED = 7

const options = benchOptions('bun bench/outputs/main.ts', {
  bases: { type: 'string' },
  check: { type: 'boolean' },
})
const bases = Number(options.bases ?? (options.quick ? 1_000_000 : 277_000_000))
const rounds = options.quick ? 1 : 3
const client = join(import.meta.dir, 'client.ts')
const main = resolve(import.meta.dir, '../../src/cli/main.ts')

interface Spent {
  frames: number
  cpuSeconds: number
  peakMB: number
}

async function runClient(input: string, folder: string, how: 'with' | 'without'): Promise<Spent> {
  const child = Bun.spawn([process.execPath, client, input, folder, how], {
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const text = await new Response(child.stdout).text()
  if ((await child.exited) !== 0) throw new Error(`${client} ended with ${child.exitCode}`)
  await rm(folder, { recursive: true })
  const { cpuTime, maxRSS } = child.resourceUsage()!
  return { ...JSON.parse(text), cpuSeconds: Number(cpuTime.total) / 1e6, peakMB: maxRSS / 1e6 }
}

/** Both in turn, so that what slows the machine slows both. */
async function measure(input: string, folder: string, rounds: number) {
  const runs: Record<'with' | 'without', Spent[]> = { with: [], without: [] }
  for (let round = 0; round < rounds; round++) {
    for (const how of ['without', 'with'] as const) runs[how].push(await runClient(input, folder, how))
  }
  return runs
}

const missed: string[] = []
const results = await withFolder(async (folder): Promise<Result[]> => {
  const input = join(folder, 'mixed.fa')
  const output = join(folder, 'out')
  const bundle = await makeIdleBundle(join(folder, 'bundle'))
  await writeInput(input, 'mixed', bases, SEED)
  const runs = await measure(input, output, rounds)
  const whole = await runPredict(main, input, bundle, output)
  await writeInput(input, 'mixed', 4 * bases, SEED)
  const larger = await measure(input, output, 1)
  const added = runs.with.map(({ cpuSeconds }, i) => cpuSeconds - runs.without[i]!.cpuSeconds)
  const client = whole.cpuSeconds - median(added)
  const share = figuresOf('results', added)(
    'share of that',
    '%',
    'lower',
    (seconds) => (100 * seconds) / client,
  )
  if (!(share.value < GOAL)) missed.push(`${share.value.toFixed(1)} % of the time, goal ${GOAL} %`)
  const growth = larger.with[0]!.peakMB / median(runs.with.map(({ peakMB }) => peakMB))
  const growthBefore = larger.without[0]!.peakMB / median(runs.without.map(({ peakMB }) => peakMB))
  if (growth > SLACK * growthBefore)
    missed.push(`${growth.toFixed(2)} times the memory with four times the input`)
  return [
    single('frames', '', 'higher', runs.with[0]!.frames),
    single('all but inference, without results', 'CPU s', 'lower', client),
    figuresOf('results', added)('what they add', 'CPU s', 'lower', (seconds) => seconds),
    share,
    ...(['without', 'with'] as const).flatMap((how) => [
      figuresOf(`${how} results`, runs[how])('peak memory', 'MB', 'lower', ({ peakMB }) => peakMB),
      figuresOf(`${how} results`, larger[how])(
        'peak memory, four times the input',
        'MB',
        'lower',
        ({ peakMB }) => peakMB,
      ),
    ]),
  ]
})
await finish('outputs', options, { bases, rounds, seed: SEED }, results)
if (options.check && !options.quick) {
  for (const line of missed) console.error(`missed: ${line}`)
  process.exitCode = missed.length === 0 ? 0 : 1
}
