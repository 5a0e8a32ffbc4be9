// What watching a run costs: processor time of whole runs with and without it, and of the monitor by itself.
//   bun bench/monitor.ts [--quick] [--json FILE] [--rounds 5] [--records 12000]
// Runs compute in their own process with one thread (several spin while they wait, which hides everything else), on a
// terminal of 110 columns, with a sample as often as usual. The monitor by itself samples ten times as often and watches two
// servers that do nothing, for which scripts/test-triton.sh is needed.
import { resolve } from 'node:path'
import { randomFasta } from '../scripts/support/fasta.ts'
import { temporaryFolder } from '../scripts/support/temporary.ts'
import { hasTriton } from '../scripts/support/triton.ts'
import { RunMonitor, RunStats } from '../src/monitor/index.ts'
import { LiveTerminal } from '../src/system/terminal.ts'
import { benchOptions, finish, type Result, single, summarize, timed } from './result.ts'
import { openBackend, startSleeping } from './triton/sleeping.ts'

const options = benchOptions('bun bench/monitor.ts', {
  rounds: { type: 'string' },
  records: { type: 'string' },
})
const ROUNDS = options.quick ? 1 : Number(options.rounds ?? 5)
const RECORDS = options.quick ? 100 : Number(options.records ?? 12_000)
const WATCHED_SECONDS = options.quick ? 2 : 20
const SAMPLE_SECONDS = 1
const USUAL_SAMPLE_SECONDS = 10
const DRAWINGS_PER_SECOND = 2
const DRAWN = options.quick ? 10 : 1000
const program = resolve(import.meta.dir, '../src/cli/main.ts')

await using folder = temporaryFolder()
await Bun.write(folder.join('in.fa'), randomFasta(1, RECORDS))

/** Processor seconds of a whole run. */
async function run(name: string, ...words: string[]): Promise<number> {
  const output = folder.join(name)
  const child = Bun.spawn(
    [
      ...[process.execPath, program, 'predict', folder.join('in.fa'), '-o', output, '--bundle', 'demo'],
      ...['-e', '300', '--no-report', '--force', '--threads', '1', ...words],
    ],
    { terminal: { cols: 110, rows: 30, data() {} } },
  )
  if ((await child.exited) !== 0) throw new Error(`a run ended with ${child.exitCode}`)
  return Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6
}

async function wholeRuns(): Promise<Result[]> {
  const watched: number[] = []
  const alone: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    // In turn first: whoever runs first may find a warmer or a colder machine.
    const both = [
      async () => watched.push(await run('watched')),
      async () => alone.push(await run('alone', '--no-metrics', '--no-progress')),
    ]
    for (const each of round % 2 === 0 ? both : both.reverse()) await each()
  }
  const more = watched.map((seconds, i) => 100 * (seconds / alone[i]! - 1))
  return [
    summarize({ name: 'run with display and samples', unit: 'CPU s', better: 'lower' }, watched, {
      name: 'without',
      values: alone,
    }),
    summarize({ name: 'what that adds', unit: '%', better: 'lower' }, more),
  ]
}

/** Processor seconds that pass in this process meanwhile. */
async function idleFor(seconds: number): Promise<number> {
  return (await timed(() => Bun.sleep(1000 * seconds))).cpuSeconds
}

async function monitorAlone(): Promise<Result[]> {
  const servers = { sleepMs: 1, instances: 1, dimension: 32 }
  await using first = await startSleeping(folder.join('first'), servers)
  await using second = await startSleeping(folder.join('second'), servers)
  await using backend = await openBackend([first, second], 32)
  const watch = (intervalSeconds: number, terminal: LiveTerminal | undefined) =>
    new RunMonitor({
      backend: backend.description,
      stats: new RunStats([], 300),
      lanes: () => backend.activity(),
      servers: backend.servers,
      inputShare: () => 0.5,
      resumed: false,
      intervalSeconds,
      folder: folder.join('metrics'),
      port: undefined,
      terminal,
      progress: terminal !== undefined,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    })
  // All but the writing itself: standard error may be a file here.
  const blank = Object.assign(Object.create(process.stderr), { columns: 110, rows: 30, write: () => true })
  const terminal = new LiveTerminal(blank, { colours: true })
  const monitor = watch(SAMPLE_SECONDS, terminal)
  monitor.start()
  // Until everything is compiled.
  await idleFor(WATCHED_SECONDS)
  const draw = async () => {
    for (let i = 0; i < DRAWN; i++) terminal.refresh()
  }
  await draw()
  const drawMs = (1000 * (await timed(draw)).cpuSeconds) / DRAWN
  await monitor.end('finished')
  const sampling = watch(SAMPLE_SECONDS, undefined)
  sampling.start()
  await idleFor(1)
  const sampled = await idleFor(WATCHED_SECONDS)
  await sampling.end('finished')
  const rest = await idleFor(WATCHED_SECONDS)
  const sampleMs = (1000 * (sampled - rest) * SAMPLE_SECONDS) / WATCHED_SECONDS
  return [
    single('one sample of two servers', 'CPU ms', 'lower', sampleMs),
    single('one drawing of the display', 'CPU ms', 'lower', drawMs),
    single(
      'both as often as usual, of one core',
      '%',
      'lower',
      (sampleMs / USUAL_SAMPLE_SECONDS + drawMs * DRAWINGS_PER_SECOND) / 10,
    ),
  ]
}

const results = await wholeRuns()
if (hasTriton) results.push(...(await monitorAlone()))
await finish('monitor', options, { records: RECORDS, rounds: ROUNDS, sampleSeconds: SAMPLE_SECONDS }, results)
