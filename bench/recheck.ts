// What FP8 or INT8 changes of the calls, alone and with a recheck: frames of random records are computed in both precisions,
// scored by five random classifiers whose logits lie around 0 as closely as their spread says, and every call that differs is counted.
//   bun bench/recheck.ts [--frames 200000] [--chunk 300] [--record FILE] [--json FILE] [--quick]
//     random small models, INT8 beside FP32, in this process
//   bun bench/recheck.ts --bundle DIR --triton grpc://HOST:PORT
//     the models of a bundle with a partner, on servers that host both; FP8 beside BF16 on a GPU
// Bounds are measured first, on --calibration frames of other records (30000), as `models recheck` measures them.
// It exits with 1 when a call differs in spite of the recheck.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { randomSource } from '../scripts/support/random.ts'
import { writeRandomDnabert, writeRandomEsm2, writeRandomMlp } from '../scripts/support/random-models.ts'
import { randomTokenizer } from '../scripts/support/random-tokenizer.ts'
import { withFolder } from '../scripts/support/temporary.ts'
import { type Embeddings, featuresOf, openBundle, pairOf, readTokenizers } from '../src/bundle/index.ts'
import type { EmbeddingBackend } from '../src/dispatch/index.ts'
import { importModels } from '../src/import/index.ts'
import {
  DataType,
  encodeInline,
  GraphBuilder,
  type InferenceSession,
  loadRuntime,
  openSession,
} from '../src/onnx/index.ts'
import {
  Bounds,
  countFlips,
  type Decisions,
  differencesOf,
  isAudited,
  recheckTrial,
  type Trial,
} from '../src/recheck/index.ts'
import { ruleOf } from '../src/results/index.ts'
import { type OpenFrame, openChunks } from '../src/sequence/index.ts'
import { embedBoth } from '../src/verify/embed-both.ts'
import { openPair } from '../src/verify/measure-bundle.ts'
import { benchOptions, finish, type Result, single } from './result.ts'

const SEED = 11
const ROUND = 8192
const FACTOR = 1.25
/** Ends of length classes, in tokens. */
const ENDS = [32, 64, 128, 176]
const HIDDEN = 16
/** Standard deviations of the logits of the classifiers, and where their middle lies, in deviations. */
const CLASSIFIERS = [
  { spread: 1, middle: 0 },
  { spread: 2, middle: 0 },
  { spread: 4, middle: 0 },
  { spread: 8, middle: 0 },
  { spread: 4, middle: -1 },
]
/** Small, so that a CPU computes hundreds of thousands of frames. */
const SMALL = {
  esm: { layers: 3, width: 32, heads: 4, hidden: 128 },
  dnabert: { layers: 1, width: 16, heads: 2, hidden: 32 },
}
const DECISIONS: Decisions = { rule: ruleOf({}), minScore: 0, viralGap: 1 }

const text = { type: 'string' } as const
const options = benchOptions('bun bench/recheck.ts', {
  ...{ bundle: text, triton: text, frames: text, calibration: text, chunk: text, threads: text },
})
const frames = Number(options.frames ?? (options.quick ? 2000 : 200_000))
const calibration = Number(options.calibration ?? (options.quick ? 1000 : 30_000))
const chunkLength = Number(options.chunk ?? 300)
const random = randomSource(SEED)
let failed = false

await withFolder(async (folder) => {
  const path = options.bundle ?? (await smallBundle(folder))
  const bundle = await openBundle(path)
  const pair = pairOf(bundle.manifest)
  if (pair === undefined) throw new Error(`${path} has no partner of a quantized model`)
  const logger = { info() {}, debug() {}, warn: console.error, error: console.error }
  const triton = options.triton ? { endpoints: [options.triton], access: {}, serverTimeout: 120 } : undefined
  await using backend = await openPair(bundle, pair, {
    ...{ logger, triton, signal: undefined },
    threads: options.threads === undefined ? undefined : Number(options.threads),
  })
  const models = {
    backend,
    facts: backend.recheck!,
    tokenizers: await readTokenizers(bundle),
    signal: undefined,
  }
  const width = widthOf(backend)
  const classifiers = await RandomClassifiers.open(width)
  const start = performance.now()
  const measured = await scored(calibration, models, classifiers)
  const trials = await scored(frames, models, classifiers)
  const seconds = (performance.now() - start) / 1000
  const results = CLASSIFIERS.map((each, i) => {
    const name = nameOf(each)
    const bounds = boundsOf(measured[i]!)
    const trial = trials[i]!
    const began = performance.now()
    const found = recheckTrial(trial, bounds, DECISIONS)
    const chosen = (performance.now() - began) / 1000
    const alone = countFlips(trial, trial.quantized, DECISIONS)
    const rest = countFlips(trial, found.scores, DECISIONS)
    const share = (100 * found.rechecked.size) / trial.tokens.length
    const classes = differencesOf(trial, bounds).map(
      ({ upTo, bound, largest }) =>
        `${largest.toPrecision(3)} of ${bound.toPrecision(3)} up to ${upTo} tokens`,
    )
    console.error(
      `${name}: compared ${JSON.stringify(alone.compared)}, flips without recheck ${JSON.stringify(alone.flips)}, ` +
        `with it ${JSON.stringify(rest.flips)}; selected in ${chosen.toFixed(2)} s; differences: ${classes.join(', ')}`,
    )
    return { name, share, alone: sum(alone.flips), flips: sum(rest.flips), exceeded: bounds.violated.size }
  })
  const of = (what: keyof (typeof results)[number]) => results.map((each) => each[what] as number)
  const total = (values: readonly number[]) => values.reduce((all, each) => all + each, 0)
  const kind = `${pair.quantized}-recheck`
  const size = `${Math.round(frames / 1000)}k`
  failed = total(of('flips')) > 0
  const figures: Result[] = [
    { ...figure(`${kind}.flips.${size}`, '', total(of('flips'))), note: noteOf(results) },
    figure(`${kind}.flips-without.${size}`, '', total(of('alone'))),
    figure(`${kind}.share`, '%', total(of('share')) / results.length),
    ...results.map(({ name, share }) => figure(`${kind}.share.${name}`, '%', share)),
  ]
  const settings = { frames, calibration, chunkLength, seed: SEED, seconds: Math.round(seconds) }
  await finish('recheck', options, settings, figures)
})
if (failed) process.exitCode = 1

/** On record under its own name. */
function figure(name: string, unit: string, value: number): Result {
  return { ...single(name, unit, 'lower', value), figure: name }
}

function noteOf(results: readonly { exceeded: number }[]): string {
  const exceeded = results.filter((each) => each.exceeded > 0).length
  return `five random classifiers; calls of frames, chunks, contigs and tiers; a length class was done in full with ${exceeded} of them`
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((all, each) => all + each, 0)
}

function widthOf(backend: EmbeddingBackend): number {
  return backend.dimension('esm2') + backend.dimension('dnabert_s')
}

async function smallBundle(folder: string): Promise<string> {
  const weights = join(folder, 'weights')
  await mkdir(weights)
  const [esm, dnabert, mlp] = ['esm', 'dnabert', 'mlp.safetensors'].map((name) => join(weights, name)) as [
    string,
    string,
    string,
  ]
  const tokenizer = randomTokenizer(SEED, 400)
  await writeRandomEsm2(esm, SEED, SMALL.esm)
  await writeRandomDnabert(dnabert, SEED + 1, { ...SMALL.dnabert, vocabulary: 400, tokenizer })
  await writeRandomMlp(mlp, SEED + 2, SMALL.esm.width + SMALL.dnabert.width, HIDDEN)
  const output = join(folder, 'bundle')
  await importModels({ esm, dnabert, mlp, chunkLength, output, precision: 'int8', recheck: 'on' })
  return output
}

/** Each has one hidden layer over the features and a logit, which is moved and stretched by what the first frames give. */
class RandomClassifiers {
  readonly #session: InferenceSession
  readonly #width: number
  readonly #fits: { mean: number; deviation: number }[] = []

  private constructor(session: InferenceSession, width: number) {
    this.#session = session
    this.#width = width
  }

  static async open(width: number): Promise<RandomClassifiers> {
    return new RandomClassifiers(await openSession(await logits(width)), width)
  }

  /** Of each classifier: row-major [n, 2] float32, as the softmax of a classifier gives it. */
  async scores(features: Float32Array): Promise<Float32Array[]> {
    const { Tensor } = await loadRuntime()
    const rows = features.length / this.#width
    const found = await this.#session.run({ x: new Tensor('float32', features, [rows, this.#width]) })
    return CLASSIFIERS.map((classifier, i) =>
      this.#scores(i, found[nameOf(classifier)]!.data as Float32Array),
    )
  }

  #scores(index: number, raw: Float32Array): Float32Array {
    const { spread, middle } = CLASSIFIERS[index]!
    this.#fits[index] ??= fitOf(raw)
    const { mean, deviation } = this.#fits[index]
    const scores = new Float32Array(2 * raw.length)
    for (const [row, value] of raw.entries()) {
      const z = spread * ((value - mean) / deviation + middle)
      const small = Math.fround(Math.exp(-Math.abs(z)))
      const sum = Math.fround(1 + small)
      scores.set(z > 0 ? [small / sum, 1 / sum] : [1 / sum, small / sum], 2 * row)
    }
    return scores
  }
}

function nameOf({ spread, middle }: (typeof CLASSIFIERS)[number]): string {
  return `spread-${spread}${middle === 0 ? '' : '-off'}`
}

/** A graph that has a logit [n, 1] of each classifier, by its name, for features `x` [n, width]. */
function logits(width: number): Promise<Uint8Array> {
  const b = new GraphBuilder('classifiers')
  const x = b.input('x', DataType.float, ['N', width])
  for (const classifier of CLASSIFIERS) {
    const name = nameOf(classifier)
    const weight = (part: string, inputs: number, outputs: number) => {
      const values = Float32Array.from({ length: inputs * outputs }, () => 2 * random() - 1)
      return b.weight(`${name}.${part}`, DataType.float, [inputs, outputs], () => [values])
    }
    const hidden = b.node('Relu', [b.node('MatMul', [x, weight('first', width, HIDDEN)])])
    b.output(b.node('MatMul', [hidden, weight('last', HIDDEN, 1)], {}, name), DataType.float, ['N', 1])
  }
  return encodeInline(b, { producer: { name: 'virnucpro', version: 'bench' } })
}

function fitOf(values: Float32Array): { mean: number; deviation: number } {
  const mean = values.reduce((all, value) => all + value, 0) / values.length
  const square = values.reduce((all, value) => all + (value - mean) ** 2, 0) / values.length
  return { mean, deviation: Math.sqrt(square) }
}

/** A trial for each classifier, over new random records. */
async function scored(
  count: number,
  models: Parameters<typeof embedBoth>[1],
  classifiers: RandomClassifiers,
): Promise<Trial[]> {
  const [records, chunks, tokens, audited] = [[], [], [], []] as [number[], number[], number[], boolean[]]
  const [quantized, exact] = [0, 1].map(() => CLASSIFIERS.map(() => new Float32Array(2 * count + 2 * ROUND)))
  let done = 0
  const embedded = async (batch: readonly OpenFrame[]) => ({ batch, ...(await embedBoth(batch, models)) })
  for await (const { batch, lengths, plain, exact: other } of oneAhead(
    batchesOf(count, records, chunks),
    embedded,
  )) {
    tokens.push(...lengths)
    audited.push(...batch.map(({ protein }) => isAudited(protein)))
    const add = async (to: Float32Array[], embeddings: Embeddings) => {
      const scores = await classifiers.scores(featuresOf(embeddings, batch.length))
      for (const [i, each] of scores.entries()) to[i]!.set(each, 2 * done)
    }
    await add(quantized!, plain)
    await add(exact!, other)
    done += batch.length
    console.error(`${done} of ${count} frames`)
  }
  return CLASSIFIERS.map((_, i) => {
    const end = 2 * done
    return {
      records,
      chunks,
      tokens,
      audited,
      quantized: quantized![i]!.slice(0, end),
      exact: exact![i]!.slice(0, end),
    }
  })
}

/** Frames of random records: two of three are reads of one chunk, the others contigs of up to thirty chunks, half of them without T so that all six frames are open. */
function* batchesOf(count: number, records: number[], chunks: number[]): Generator<OpenFrame[]> {
  let batch: OpenFrame[] = []
  let left = count
  for (let record = 0; left > 0; record++) {
    const isRead = random() < 2 / 3
    const length = Math.floor(chunkLength * (isRead ? 0.3 + 0.7 * random() : 1 + 29 * random()))
    for (const { index, frames: found } of openChunks(letters(length), chunkLength)) {
      for (const frame of found.slice(0, left)) {
        records.push(record)
        chunks.push(index)
        batch.push(frame)
      }
      left -= Math.min(left, found.length)
    }
    while (batch.length >= ROUND || (batch.length > 0 && left === 0)) {
      yield batch.slice(0, ROUND)
      batch = batch.slice(ROUND)
    }
  }
}

/** What becomes of each item, in order, while the next one is under way. */
async function* oneAhead<T, R>(items: Iterable<T>, begin: (item: T) => Promise<R>): AsyncGenerator<R> {
  let last: Promise<R> | undefined
  for (const item of items) {
    const next = begin(item)
    // A failure is met when its turn comes, and not before.
    next.catch(() => {})
    if (last !== undefined) yield await last
    last = next
  }
  if (last !== undefined) yield await last
}

/** Codons without a stop codon in the first frame, or bases without T, of which no frame has one. */
function letters(length: number): Uint8Array {
  const isOpen = random() < 0.5
  const draw = (of: string) => of[Math.floor(random() * of.length)] as string
  let sequence = ''
  while (sequence.length < length) {
    const codon = draw('ACGT') + draw('ACGT') + draw('ACGT')
    if (isOpen) sequence += draw('ACG') + draw('ACG') + draw('ACG')
    else if (!/^(TAA|TAG|TGA)$/.test(codon)) sequence += codon
  }
  return Buffer.from(sequence.slice(0, length))
}

function boundsOf(trial: Trial): Bounds {
  const classes = ENDS.map((upTo) => ({ upTo, bound: Number.POSITIVE_INFINITY }))
  const found = differencesOf(trial, new Bounds({ frames: 0, factor: FACTOR, classes }))
  const bounds = found
    .filter((each) => each.frames > 0)
    .map(({ upTo, largest }) => ({ upTo, bound: FACTOR * largest }))
  return new Bounds({ frames: trial.tokens.length, factor: FACTOR, classes: bounds })
}
