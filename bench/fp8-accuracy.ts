// What each step of FP8's calibration is worth, simulated on the CPU, and of INT8's, run there: an ESM-2 with random weights and, as trained ones
// have them, a few channels with large values, on the frames of a FASTA file. Usage: bun bench/fp8-accuracy.ts FILE.fasta [LAYERS]

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomSource } from '../scripts/support/random.ts'
import { compareEmbeddings } from '../src/models/calibration/accuracy.ts'
import { calibrateEsm2 } from '../src/models/calibration/calibrate.ts'
import { calibrateEsm2Int8 } from '../src/models/calibration/int8-model.ts'
import { readOrfs } from '../src/models/calibration/orfs.ts'
import { advance, meansOf, startOf } from '../src/models/calibration/states.ts'
import type { Fp8Products, GraphOptions } from '../src/models/graphs/common.ts'
import type { Esm2Shape } from '../src/models/graphs/esm2.ts'
import { esm2EndGraph, esm2LayerGraph } from '../src/models/graphs/esm2-parts.ts'
import { defaultInverseFrequencies } from '../src/models/graphs/rotary.ts'
import type { Tensors } from '../src/models/graphs/tensors.ts'
import { type GraphBuilder, openSession, writeModel } from '../src/onnx/index.ts'

const [input, layers = '4'] = process.argv.slice(2)
if (input === undefined) throw new Error('usage: fp8-accuracy.ts FILE.fasta [LAYERS]')

const [WIDTH, HIDDEN, HEADS] = [256, 1024, 8]
const shape: Esm2Shape = {
  width: WIDTH,
  hidden: HIDDEN,
  heads: HEADS,
  layers: Number(layers),
  vocabulary: 33,
  tokenDropout: true,
  layerNormEps: 1e-5,
}
/** The same few channels in every layer, 20 times as large as the others and used a tenth as much. */
const isLarge = (channel: number) => channel % 67 === 5

const tensors: Tensors = {
  read: async (name) => {
    const random = randomSource(Bun.hash.crc32(name))
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    const fill = (count: number, value: (i: number) => number) =>
      Float32Array.from({ length: count }, (_, i) => value(i))
    const inner = name.includes('ffn_in')
    if (name === 'embed.weight') return fill(33 * WIDTH, () => 0.5 * normal())
    if (name.includes('norm.weight')) return fill(WIDTH, (i) => (isLarge(i) ? 20 : 1) * (1 + 0.2 * normal()))
    if (name.includes('norm.bias')) return fill(WIDTH, (i) => (isLarge(i) ? 10 : 0.3) * normal())
    if (name.endsWith('.bias')) return fill(inner ? HIDDEN : WIDTH, () => 0.1 * normal())
    const inputs = name.includes('ffn_out') ? HIDDEN : WIDTH
    const size = inputs ** -0.5 * (name.includes('out.weight') ? 0.5 : 1)
    const seesLarge = !name.includes('out.weight')
    return fill(
      (inner ? HIDDEN : WIDTH) * inputs,
      (i) => (seesLarge && isLarge(i % inputs) ? 0.1 : 1) * size * normal(),
    )
  },
}
const frequencies = defaultInverseFrequencies(WIDTH / HEADS)
const orfs = await readOrfs(input)
const folder = await mkdtemp(join(tmpdir(), 'virnucpro-fp8-'))
try {
  const model = {
    shape,
    tensors,
    inverseFrequencies: Array.from({ length: shape.layers }, () => frequencies),
    files: [],
    licence: 'unknown',
    [Symbol.asyncDispose]: async () => {},
  }
  const {
    products,
    fp8: corrected,
    exact,
    simulated,
  } = await calibrateEsm2(model, orfs, { folder, tolerance: 1 })
  const change = (
    how: (found: { input: number; weight: number }) => { input: number; weight: number },
  ): Fp8Products => {
    return (name) => how(products.get(name)!.fp8)
  }
  const kinds: [string, Fp8Products | undefined][] = [
    ['calibrated, mean error of products and what is known of embeddings taken back', undefined],
    ['calibrated, mean error of products taken back', corrected],
    ['calibrated', change(({ input, weight }) => ({ input, weight }))],
    ['calibrated, no room above the largest', change(({ input, weight }) => ({ input: input / 2, weight }))],
    ['calibrated, 8 times the room', change(({ input, weight }) => ({ input: input * 8, weight }))],
    [
      'cut off above a quarter to a half of the largest',
      change(({ input, weight }) => ({ input: input / 8, weight })),
    ],
    ['scales set by hand', () => ({ input: 8, weight: 0.12 })],
  ]
  for (const [kind, fp8] of kinds) {
    tell(
      kind,
      fp8 === undefined
        ? simulated
        : await simulate({ form: { projection: 'query-key' }, fp8, roundWeights: true }),
    )
  }
  const int8 = await calibrateEsm2Int8(model, orfs, { folder })
  tell('INT8, channels divided, what is known of embeddings taken back', int8.rounded)
  tell('INT8, channels divided', await simulate({ int8: int8.divisors }))
  tell('INT8, channels as they are', await simulate({ int8: () => undefined }))

  function tell(kind: string, ours: Float32Array): void {
    const { cosineMin, cosineMean, relativeErrorMax } = compareEmbeddings(ours, exact, WIDTH)
    console.log(JSON.stringify({ kind, layers: shape.layers, cosineMin, cosineMean, relativeErrorMax }))
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** Embeddings of the held-out frames with other products. */
async function simulate(options: Omit<GraphOptions, 'precision'>): Promise<Float32Array> {
  let states = (await startOf({ shape, tensors }))(orfs.heldOut)
  for (let i = 0; i < shape.layers; i++) {
    await using session = await opened(esm2LayerGraph(shape, tensors, frequencies, i, options))
    states = await advance(session.session, states)
  }
  await using end = await opened(esm2EndGraph(shape, tensors))
  return await meansOf(end.session, states, orfs.heldOut.length, WIDTH)
}

async function opened(graph: GraphBuilder) {
  const target = join(folder, 'other')
  await mkdir(target, { recursive: true })
  await writeModel(graph, { folder: target, producer: { name: 'virnucpro', version: 'bench' } })
  const session = await openSession(join(target, 'model.onnx'), { fp8: true })
  return { session, [Symbol.asyncDispose]: () => session.release() }
}
