// How long the first answer takes on a laptop: one contig of 10,000 bases, from the command to the table, with ESM-2 650M and
// DNABERT-S of random weights; ours in INT8 and in FP32, and the original (test/data/original, the same files of weights).
// Cold is with nothing of the models in the page cache, as after a start of the machine; warm is the run after that.
//   bench/baseline/setup.sh
//   bun bench/first-answer.ts [--quick] [--json FILE] [--record FILE] [--esm 650M] [--bases 10000] [--rounds 3] [--keep DIR]
// Rounds of all ways alternate. --keep DIR keeps models and bundles for the next time: importing takes longer than all runs.
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { temporaryFolder } from '../scripts/support/temporary.ts'
import { PUBLISHED_ESM2 } from '../src/bundle/index.ts'
import { codingDna } from './dna.ts'
import { benchPython, NO_PYTHON } from './python.ts'
import { type Alternative, benchOptions, fail, finish, type Result, summarize } from './result.ts'
import { tokenizerPath } from './tokenizer.ts'

const options = benchOptions('bun bench/first-answer.ts', {
  esm: { type: 'string' },
  bases: { type: 'string' },
  rounds: { type: 'string' },
  keep: { type: 'string' },
})
const size = options.esm ?? (options.quick ? '8M' : '650M')
if (!(size in PUBLISHED_ESM2)) fail(`--esm: ${size} is none of ${Object.keys(PUBLISHED_ESM2).join(', ')}`)
const { width, layers, heads } = PUBLISHED_ESM2[size as keyof typeof PUBLISHED_ESM2]
const bases = Number(options.bases ?? (options.quick ? 1000 : 10_000))
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3))
const python = benchPython()
if (python === undefined) fail(NO_PYTHON)
const main = resolve(import.meta.dir, '../src/cli/main.ts')

interface Ran {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakMB: number
}

interface Way {
  readonly figure: 'int8' | 'fp32' | 'original'
  readonly name: string
  readonly command: readonly string[]
  /** What it reads: out of the page cache before a cold run. */
  readonly reads: string
}

await using temporary = temporaryFolder()
const folder = options.keep === undefined ? temporary.path : resolve(options.keep)
const models = join(folder, `models-${size}`)
const input = join(folder, 'contig.fa')
const output = join(folder, 'out')
await mkdir(folder, { recursive: true })
await Bun.write(input, `>contig\n${new TextDecoder().decode(codingDna(bases, 5))}\n`)
await prepare()

const ours = (precision: 'int8' | 'fp32'): Way => {
  const bundle = bundleOf(precision)
  const words = ['predict', input, '--bundle', bundle, '--output-dir', output, '--backend', 'onnx', '--quiet']
  return {
    figure: precision,
    name: `ours, ${precision.toUpperCase()}`,
    command: [process.execPath, main, ...words],
    reads: bundle,
  }
}
const weights = ['esm2.pt', 'DNABERT-S', '500_model.pth'].map((name) => join(models, name))
const program = resolve(import.meta.dir, '../test/data/original/run.py')
const ways: readonly Way[] = [
  ours('int8'),
  ours('fp32'),
  {
    figure: 'original',
    name: 'the original, FP32',
    command: [python, program, ...weights, input, '500', '10000', output],
    reads: models,
  },
]

const cold = new Map<Way, Ran[]>()
const warm = new Map<Way, Ran[]>()
for (let round = 0; round < rounds; round++) {
  for (const way of ways) {
    await forget(way.reads)
    cold.set(way, [...(cold.get(way) ?? []), await run(way)])
    warm.set(way, [...(warm.get(way) ?? []), await run(way)])
  }
}
const settings = { esm: size, bases, rounds, tokenizer: tokenizerPath().name }
await finish('first-answer', options, settings, [
  ...resultsOf('cold', 's', (ran) => ran.seconds, cold),
  ...resultsOf('warm', 's', (ran) => ran.seconds, warm),
  ...resultsOf('processor', 'CPU s', (ran) => ran.cpuSeconds, warm),
  ...resultsOf('memory', 'MB', (ran) => ran.peakMB, warm),
])

function bundleOf(precision: string): string {
  return join(folder, `bundle-${size}-${precision}`)
}

/** Models as users have them, and the bundles that are made of them once. */
async function prepare(): Promise<void> {
  if (!existsSync(join(models, '500_model.pth'))) {
    const dnabert = options.quick ? '96,2,4,128' : '768,12,12,3072'
    const maker = resolve(import.meta.dir, 'baseline/make_models.py')
    await started([python!, maker, `${width},${layers},${heads}`, dnabert, tokenizerPath().path, models])
  }
  const words = ['--esm', join(models, 'esm2.pt'), '--dnabert', join(models, 'DNABERT-S')]
  for (const precision of ['int8', 'fp32']) {
    if (existsSync(join(bundleOf(precision), 'manifest.json'))) continue
    const given = [...words, '--mlp', `500=${join(models, '500_model.pth')}`, '--precision', precision]
    await started([
      process.execPath,
      main,
      'models',
      'import',
      ...given,
      '--output',
      bundleOf(precision),
      '--quiet',
    ])
  }
}

async function run({ command }: Way): Promise<Ran> {
  await rm(output, { recursive: true, force: true })
  const ran = await started(command)
  const files = await readdir(output, { recursive: true })
  const table = files.find((file) => file.endsWith('prediction_results_highestscore.csv'))
  if (table === undefined) throw new Error(`${command.join(' ')}: no table`)
  return ran
}

async function started(command: readonly string[]): Promise<Ran> {
  const begun = performance.now()
  const child = Bun.spawn([...command], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
    env: { ...process.env, VIRNUCPRO_HOME: join(folder, 'home'), PYTHONWARNINGS: 'ignore' },
  })
  const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  const seconds = (performance.now() - begun) / 1000
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${said}`)
  const { cpuTime, maxRSS } = child.resourceUsage()!
  return { seconds, cpuSeconds: Number(cpuTime.total) / 1e6, peakMB: maxRSS / 1e6 }
}

/** Lets the kernel drop the pages of these files: GNU dd advises it so without reading anything. */
async function forget(path: string): Promise<void> {
  const names = await readdir(path, { recursive: true, withFileTypes: true })
  for (const file of names.filter((each) => each.isFile())) {
    const words = [`if=${join(file.parentPath, file.name)}`, 'of=/dev/null', 'iflag=nocache', 'count=0']
    if ((await Bun.spawn(['dd', ...words], { stderr: 'ignore' }).exited) !== 0)
      throw new Error('dd cannot drop pages: this bench needs GNU coreutils')
  }
}

/** Ours in both precisions, each beside the original in the same round. */
function resultsOf(
  what: string,
  unit: string,
  value: (ran: Ran) => number,
  runs: ReadonlyMap<Way, readonly Ran[]>,
): Result[] {
  const valuesOf = (way: Way) => runs.get(way)!.map(value)
  const original = ways.find(({ figure }) => figure === 'original')!
  return ways.map((way) => {
    const measure = { name: `${way.name}: ${what}`, unit, better: 'lower' as const }
    const against: Alternative[] =
      way === original ? [] : [{ name: original.name, values: valuesOf(original), figure: 'original' }]
    const figure = `first-answer.${size.toLowerCase()}.${way.figure}.${what}`
    return summarize({ ...measure, figure }, valuesOf(way), against)
  })
}
