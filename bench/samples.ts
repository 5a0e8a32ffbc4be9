// What several samples in one run save: a hundred samples of some fifty frames in one run, and in a run for each; and what a
// thousand hold of memory and open files.
//   bun bench/samples.ts [--quick] [--json FILE] [--samples 100] [--many 1000]
// Models of the demonstration, which start fast: what is saved grows with the models. Processor time counts, since other
// programs of the machine do not change it much.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { randomFasta } from '../scripts/support/fasta.ts'
import { temporaryFolder } from '../scripts/support/temporary.ts'
import { benchOptions, fail, finish, type Result, single } from './result.ts'

const options = benchOptions('bun bench/samples.ts', {
  samples: { type: 'string' },
  many: { type: 'string' },
})
const SAMPLES = options.quick ? 3 : Number(options.samples ?? 100)
const MANY = options.quick ? 6 : Number(options.many ?? 1000)
/** Of up to 300 bases in chunks of as many: each has six frames. */
const RECORDS = 9
const program = resolve(import.meta.dir, '../src/cli/main.ts')

await using folder = temporaryFolder()
mkdirSync(folder.join('in'))
const inputs = Array.from({ length: Math.max(SAMPLES, MANY) }, (_, i) => {
  const path = folder.join('in', `s${i}.fa`)
  writeFileSync(path, randomFasta(i + 1, RECORDS))
  return path
})

interface Run {
  seconds: number
  cpuSeconds: number
  rssMiB: number
  descriptors: number
}

async function run(...words: string[]): Promise<Run> {
  const start = performance.now()
  const child = Bun.spawn(
    [process.execPath, program, 'predict', ...words, '--bundle', 'demo', '-e', '300', '--threads', '1', '-q'],
    { stdin: 'ignore', stdout: 'ignore', stderr: 'inherit' },
  )
  let descriptors = 0
  const timer = setInterval(() => {
    const open = `/proc/${child.pid}/fd`
    if (existsSync(open)) descriptors = Math.max(descriptors, readdirSync(open).length)
  }, 50)
  const code = await child.exited
  clearInterval(timer)
  if (code !== 0) fail(`a run ended with ${code}`)
  const { cpuTime, maxRSS } = child.resourceUsage() as NonNullable<ReturnType<typeof child.resourceUsage>>
  return {
    seconds: (performance.now() - start) / 1000,
    cpuSeconds: Number(cpuTime.total) / 1e6,
    rssMiB: maxRSS / 2 ** 20,
    descriptors,
  }
}

function sheetOf(samples: number): string {
  const path = folder.join(`sheet${samples}.csv`)
  const rows = inputs.slice(0, samples).map((input, i) => `s${i},${input}`)
  writeFileSync(path, `sample,fasta\n${rows.join('\n')}\n`)
  return path
}

const together = await run('--sample-sheet', sheetOf(SAMPLES), '-o', folder.join('together'))
const alone: Run = { seconds: 0, cpuSeconds: 0, rssMiB: 0, descriptors: 0 }
for (const [i, input] of inputs.slice(0, SAMPLES).entries()) {
  const { seconds, cpuSeconds, rssMiB, descriptors } = await run(input, '-o', folder.join('alone', `s${i}`))
  alone.seconds += seconds
  alone.cpuSeconds += cpuSeconds
  alone.rssMiB = Math.max(alone.rssMiB, rssMiB)
  alone.descriptors = Math.max(alone.descriptors, descriptors)
}
const calls = (path: string) =>
  readFileSync(path, 'utf8')
    .replace(/^# .*\n/gm, '')
    .split('\n')
    .map((row) => row.split('\t'))
for (let i = 0; i < SAMPLES; i++) {
  const [a, b] = ['together', 'alone'].map((root) =>
    calls(folder.join(root, `s${i}`, `s${i}_results`, 'contigs.tsv')).map((row) =>
      [...row.slice(0, 6), ...row.slice(9)].join(),
    ),
  )
  if (a?.join('\n') !== b?.join('\n')) fail(`sample s${i} is called otherwise than by a run of its own`)
}
const many = await run('--sample-sheet', sheetOf(MANY), '-o', folder.join('many'))

const results: Result[] = [
  single(`${SAMPLES} samples in one run`, 's', 'lower', together.seconds),
  single(`${SAMPLES} runs`, 's', 'lower', alone.seconds),
  single(`${SAMPLES} samples in one run, processor`, 'CPU s', 'lower', together.cpuSeconds),
  single(`${SAMPLES} runs, processor`, 'CPU s', 'lower', alone.cpuSeconds),
  single('one run is faster by', 'x', 'higher', alone.seconds / together.seconds),
  single('memory, one sample', 'MiB', 'lower', alone.rssMiB),
  single(`memory, ${SAMPLES} samples`, 'MiB', 'lower', together.rssMiB),
  single(`memory, ${MANY} samples`, 'MiB', 'lower', many.rssMiB),
  single(`open files, ${SAMPLES} samples`, 'files', 'lower', together.descriptors),
  single(`open files, ${MANY} samples`, 'files', 'lower', many.descriptors),
  single(`${MANY} samples in one run`, 's', 'lower', many.seconds),
]
await finish('samples', options, { samples: SAMPLES, many: MANY, records: RECORDS, threads: 1 }, results)
