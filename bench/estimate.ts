// How near `virnucpro estimate` comes to what runs take: for the demonstration and for larger random models, over the
// generated inputs of the other benches, each made as long as computes for about --seconds. A run is estimated before
// anything was measured, then made, then estimated from the speed that it has left.
//   bun bench/estimate.ts [--quick] [--json FILE] [--seconds 40] [--check]
// With --check it exits with 1 when an estimate is more than 20 % off.
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { writeRandomDnabert, writeRandomEsm2, writeRandomMlp } from '../scripts/support/random-models.ts'
import { randomTokenizer } from '../scripts/support/random-tokenizer.ts'
import { withFolder } from '../scripts/support/temporary.ts'
import type { Estimate } from '../src/estimate/index.ts'
import { importModels } from '../src/import/index.ts'
import { availableCores } from '../src/system/cores.ts'
import { writeInput } from './pipeline/inputs.ts'
import { benchOptions, finish, type Result, single } from './result.ts'
import type { Kind } from './scaling/workload.ts'

const GOAL = 0.2
const SEED = 7
/** First guess of what takes some seconds. */
const BASES = 100_000
const LEAST_BASES = 20_000
/** ESM-2 35M, and DNABERT-S with fewer and narrower layers. */
const LARGER = {
  esm: { layers: 12, width: 480, heads: 20, hidden: 1920 },
  dnabert: { layers: 8, width: 384, heads: 6, hidden: 1536 },
}

const options = benchOptions('bun bench/estimate.ts', {
  seconds: { type: 'string' },
  check: { type: 'boolean' },
})
const seconds = Number(options.seconds ?? (options.quick ? 2 : 40))
const kinds: readonly Kind[] = options.quick ? ['mixed'] : ['reads', 'contigs', 'mixed']
const program = [process.execPath, resolve(import.meta.dir, '../src/cli/main.ts')]

const missed: string[] = []
const results = await withFolder(async (folder) => {
  const found: Result[] = []
  const bundles = options.quick ? { demo: 'demo' } : { demo: 'demo', larger: await largerBundle(folder) }
  for (const [name, bundle] of Object.entries(bundles))
    for (const kind of kinds) found.push(...(await compare(folder, name, bundle, kind)))
  return found
})
await finish('estimate', options, { seconds, cores: availableCores(), seed: SEED }, results)
for (const line of missed) console.error(`missed: ${line}`)
if (options.check === true && !options.quick && missed.length > 0) process.exitCode = 1

async function compare(folder: string, name: string, bundle: string, kind: Kind): Promise<Result[]> {
  const input = join(folder, 'input.fa')
  await writeInput(input, kind, BASES, SEED)
  const first = await estimate(folder, bundle, input, 'guess')
  const bases = Math.max(LEAST_BASES, Math.round((BASES * seconds) / first.computing))
  await writeInput(input, kind, bases, SEED)
  const before = await estimate(folder, bundle, input, `${name}-${kind}`)
  const took = await run(folder, bundle, input, `${name}-${kind}`)
  const after = await estimate(folder, bundle, input, `${name}-${kind}`)
  const title = `${name}, ${kind}`
  const compared = (what: string, { all }: typeof before) => {
    if (Math.abs(all / took - 1) > GOAL)
      missed.push(`${title}: ${what} ${all.toFixed(1)} s, run ${took.toFixed(1)} s`)
    return [
      single(`${title}: ${what}`, 's', 'lower', all),
      single(`${title}: ${what} / run`, 'x', 'lower', all / took),
    ]
  }
  return [
    single(`${title}: run`, 's', 'lower', took),
    ...compared('estimate before', before),
    // A short run leaves no speed.
    ...(after.speedFrom === 'runs' ? compared('estimate after', after) : []),
  ]
}

async function estimate(folder: string, bundle: string, input: string, home: string) {
  const words = ['estimate', input, '--bundle', bundle, '--backend', 'onnx', '--json']
  const { output } = await start(words, join(folder, home))
  const { ways } = JSON.parse(output) as Pick<Estimate, 'ways'>
  const { seconds: all, parts, speedFrom } = ways[0]!
  return { all: all!, computing: parts!.computing, speedFrom }
}

async function run(folder: string, bundle: string, input: string, home: string): Promise<number> {
  const words = [
    'predict',
    input,
    '--bundle',
    bundle,
    '-o',
    join(folder, 'out'),
    '--backend',
    'onnx',
    '--force',
    '--no-progress',
  ]
  return (await start(words, join(folder, home))).seconds
}

async function start(words: readonly string[], home: string): Promise<{ output: string; seconds: number }> {
  const begun = performance.now()
  const child = Bun.spawn([...program, ...words, '--quiet'], {
    env: { ...process.env, VIRNUCPRO_HOME: home },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [output, said, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`${words[0]} ended with ${code}: ${said}`)
  return { output, seconds: (performance.now() - begun) / 1000 }
}

async function largerBundle(folder: string): Promise<string> {
  const at = (name: string) => join(folder, 'weights', name)
  await mkdir(at('.'), { recursive: true })
  const { esm, dnabert } = LARGER
  await writeRandomEsm2(at('esm'), 1, esm)
  const tokenizer = randomTokenizer(1, 400)
  await writeRandomDnabert(at('dnabert'), 2, { ...dnabert, vocabulary: 400, tokenizer })
  await writeRandomMlp(at('mlp.safetensors'), 3, esm.width + dnabert.width, 64)
  const output = join(folder, 'larger')
  await importModels({
    esm: at('esm'),
    dnabert: at('dnabert'),
    mlp: at('mlp.safetensors'),
    chunkLength: 500,
    output,
  })
  return output
}
