// The embedded backend beside what a user would take instead, on the same reads, weights, machine and threads: tokens
// of proteins per second with ESM-2, in FP32 and in INT8. Rounds of all alternate; every vector is compared with fair-esm's.
//   bench/baseline/setup.sh
//   bun bench/baseline/main.ts [--quick] [--json FILE] [--models 8M,35M] [--frames 1500] [--rounds 5] [--check]
//     [--ways fair-esm,onnxruntime]      BF16 takes minutes on a processor without instructions for it
// With --check it exits with 1 when a goal is missed: INT8 2x fair-esm, FP32 1.2x transformers.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { withFolder } from '../../scripts/support/temporary.ts'
import { compareEmbeddings } from '../../src/import/quantize/accuracy.ts'
import { openFrames } from '../../src/sequence/index.ts'
import { availableCores } from '../../src/system/cores.ts'
import { codingDna, cutReads } from '../dna.ts'
import { benchPython, esmCppPython, NO_PYTHON, PythonWorker } from '../python.ts'
import {
  alternativesOf,
  benchOptions,
  finish,
  type Measure,
  type Result,
  type Spent,
  summarize,
  timed,
} from '../result.ts'
import { isEsmCpp, NAMES, Others, WAYS, type Way } from './others.ts'
import { embedProteins, importEsm2, importEsm2Int8, openEmbedded } from './ours.ts'

/** Shapes of published ESM-2 models; weights are random, which changes the speed little. */
const MODELS: Readonly<Record<string, readonly [layers: number, width: number, heads: number]>> = {
  tiny: [2, 64, 4],
  '8M': [6, 320, 20],
  '35M': [12, 480, 20],
  '150M': [30, 640, 20],
  '650M': [33, 1280, 20],
}
/** Least ratio to the alternatives. */
const GOALS: Readonly<Record<Ours, Partial<Record<Way, number>>>> = {
  fp32: { transformers: 1.2 },
  int8: { 'fair-esm': 2 },
}
type Ours = 'fp32' | 'int8'
/** FP32 sums in another order; BF16 and INT8 keep 8 bits. */
const TOLERANCE: Record<Way | Ours, number> = {
  fp32: 1e-4,
  int8: 0.5,
  'fair-esm': 0,
  transformers: 1e-4,
  'transformers bf16': 0.5,
  onnxruntime: 1e-4,
  'esm-cpp fp32': 1e-3,
  // How near it comes is said; it need not be near.
  'esm-cpp': 10,
}

/** Of INT8 to fair-esm. */
const LOWEST_COSINE = 0.999

const options = benchOptions('bun bench/baseline/main.ts', {
  models: { type: 'string' },
  frames: { type: 'string' },
  rounds: { type: 'string' },
  threads: { type: 'string' },
  ways: { type: 'string' },
  check: { type: 'boolean' },
})
const models = (options.models ?? (options.quick ? 'tiny' : '8M,35M')).split(',')
const frames = Number(options.frames ?? (options.quick ? 60 : 1500))
const rounds = Number(options.rounds ?? (options.quick ? 1 : 5))
const threads = Number(options.threads ?? availableCores())
const ways = waysOf(options.ways)
const python = benchPython()
const proteins = framesOfReads(frames)
const tokens = proteins.reduce((sum, protein) => sum + protein.length + 2, 0)

const results = await withFolder(async (folder) => {
  await Bun.write(
    join(folder, 'proteins.txt'),
    proteins.map((row) => new TextDecoder().decode(row)).join('\n'),
  )
  const found: Result[] = []
  for (const name of models) found.push(...(await compare(name, join(folder, name))))
  return found
})
await finish('baseline', options, { models, frames, tokens, rounds, threads, ways, seed: 1 }, results)
if (options.check && !options.quick) process.exitCode = goalsMet(results) ? 0 : 1

/** Frames of reads of 150 to 300 bases, the two lengths of sequencers and all between. */
function framesOfReads(count: number): Uint8Array[] {
  const genome = codingDna(2_000_000, 1)
  const found: Uint8Array[] = []
  for (let read = 0; found.length < count; read++) {
    const length = 150 + ((read * 67) % 151)
    for (const dna of cutReads(genome, 1, length, 100 + read)) {
      found.push(...openFrames(dna).map((frame) => frame.protein))
    }
  }
  return found.slice(0, count)
}

async function compare(name: string, folder: string): Promise<Result[]> {
  const shape = MODELS[name]
  if (shape === undefined) throw new Error(`--models: ${name} is none of ${Object.keys(MODELS).join(', ')}`)
  if (python === undefined) throw new Error(NO_PYTHON)
  await mkdir(folder, { recursive: true })
  const weights = join(folder, `esm2_t${shape[0]}_random.pt`)
  await using worker = PythonWorker.start(python, 'baseline/alternatives.py', threads)
  const [layers, width, heads] = shape
  await worker.ask({ task: 'make', path: weights, layers, width, heads, seed: 1 })
  const fp32 = await importEsm2(weights, folder)
  const int8 = await importEsm2Int8(weights, join(folder, 'int8'))
  await using plain = await openEmbedded(fp32, threads)
  await using rounded = await openEmbedded(int8, threads)
  await using others = await Others.load(worker, { weights, graph: fp32.graph, ways, threads })

  const ours = (
    [
      ['fp32', plain],
      ['int8', rounded],
    ] as const
  ).map(([precision, backend]) => {
    return { precision, backend, rates: [] as number[], perCpu: [] as number[], note: '' }
  })
  const theirs = ways.map((way) => ({ way, rates: [] as number[], perCpu: [] as number[], note: '' }))
  // The first round warms up and compares the vectors.
  let reference: Float32Array | undefined
  for (const each of theirs) {
    await others.run(each.way)
    const vectors = await others.embeddings(each.way, join(folder, 'vectors'))
    reference ??= vectors
    closeTo(each.way, reference, vectors)
    if (isEsmCpp(each.way)) each.note = `; ${NAMES[each.way]}: ${nearness(vectors, reference, width)}`
  }
  for (const each of ours) {
    const vectors = await embedProteins(each.backend, proteins)
    closeTo(each.precision, reference!, vectors)
    const near = nearness(vectors, reference!, width, LOWEST_COSINE)
    each.note = near + theirs.map(({ note }) => note).join('')
  }
  for (let round = 0; round < rounds; round++) {
    for (const each of theirs) record(each, await others.run(each.way))
    for (const each of ours) record(each, await timed(() => embedProteins(each.backend, proteins)))
  }
  return ours.flatMap((each) => resultsOf(name, each, theirs))
}

/** Tokens per second, and per second of a processor, of which the latter says more on a machine that others use too. */
function resultsOf(
  model: string,
  { precision, note, ...ours }: { precision: string; note: string } & Rates,
  theirs: readonly ({ way: Way } & Rates)[],
): Result[] {
  const label = precision === 'fp32' ? '' : ', INT8'
  const figure = `cpu.${model.toLowerCase()}.${precision}`
  const measure: Measure = { name: `ESM-2 ${model}, reads${label}`, unit: 'tok/s', better: 'higher', figure }
  const name = `${measure.name}: per second of a processor`
  const ofCpu: Measure = { ...measure, name, figure: `${figure}.per-processor` }
  const summary = (of: Measure, kind: keyof Rates) => {
    const others = theirs.map((each) => {
      return { name: NAMES[each.way], values: each[kind], figure: each.way.replace(' ', '-') }
    })
    return { ...summarize(of, ours[kind], others), note }
  }
  return [summary(measure, 'rates'), summary(ofCpu, 'perCpu')]
}

interface Rates {
  readonly rates: number[]
  readonly perCpu: number[]
}

function record(to: Rates, { seconds, cpuSeconds }: Spent): void {
  to.rates.push(tokens / seconds)
  to.perCpu.push(tokens / cpuSeconds)
}

/** How near the vectors are to fair-esm's, in words. @throws where INT8 loses more than it may */
function nearness(vectors: Float32Array, reference: Float32Array, width: number, lowest = -1): string {
  const { cosineMin, cosineMean } = compareEmbeddings(vectors, reference, width)
  if (!(cosineMin >= lowest)) throw new Error(`ours: cosine to fair-esm ${cosineMin}`)
  return `cosine to fair-esm: min ${cosineMin.toFixed(6)}, mean ${cosineMean.toFixed(6)}`
}

function closeTo(way: keyof typeof TOLERANCE, reference: Float32Array, vectors: Float32Array): void {
  if (vectors.length !== reference.length) throw new Error(`${way}: ${vectors.length} values`)
  const most = vectors.reduce((max, value, at) => Math.max(max, Math.abs(value - reference[at]!)), 0)
  if (!(most <= TOLERANCE[way])) throw new Error(`${way}: vectors differ by ${most} from fair-esm's`)
}

function goalsMet(all: readonly Result[]): boolean {
  const missed = all.flatMap((result) =>
    alternativesOf(result).flatMap(({ name, ratio }) => {
      const way = WAYS.find((each) => NAMES[each] === name)
      const goal = way && GOALS[result.name.includes('INT8') ? 'int8' : 'fp32'][way]
      return goal === undefined || ratio >= goal
        ? []
        : [`${result.name}: ${ratio.toFixed(2)}x ${way}, goal ${goal}x`]
    }),
  )
  for (const line of missed) console.error(`missed: ${line}`)
  return missed.length === 0
}

function waysOf(text: string | undefined): Way[] {
  const hasEsmCpp = esmCppPython() !== undefined
  if (text === undefined) return WAYS.filter((way) => hasEsmCpp || !isEsmCpp(way))
  const wanted = text.split(',').map((each) => {
    const way = WAYS.find((known) => known === each)
    if (way === undefined) throw new Error(`--ways: ${each} is none of ${WAYS.join(', ')}`)
    return way
  })
  if (wanted.some(isEsmCpp) && !hasEsmCpp)
    throw new Error('no Python with esm-cpp: run bench/baseline/setup.sh')
  // The vectors of fair-esm are the reference.
  return ['fair-esm', ...wanted.filter((way) => way !== 'fair-esm')]
}
