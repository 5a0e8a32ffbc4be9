import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { RandomWeights } from '../../../scripts/support/random.ts'
import type { GraphPrecision } from '../../../src/bundle/index.ts'
import type { Fp8Products, GraphOptions } from '../../../src/import/graphs/common.ts'
import { dnabertGraph } from '../../../src/import/graphs/dnabert.ts'
import { esm2Graph } from '../../../src/import/graphs/esm2.ts'
import type { GraphForm } from '../../../src/import/graphs/form.ts'
import { defaultInverseFrequencies } from '../../../src/import/graphs/rotary.ts'
import type { Tensors } from '../../../src/import/graphs/tensors.ts'
import { type GraphBuilder, writeModel } from '../../../src/onnx/index.ts'
import { ModelProtoSchema } from '../../../src/onnx/onnx_pb.ts'
import { hasPython } from '../../support/python.ts'
import { evaluate } from './support/evaluate.ts'
import { distance, embed, openGraph, temporaryFolder } from './support/run.ts'

const [WIDTH, HIDDEN, LAYERS] = [24, 40, 2]
const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

/** Weights that depend on a tensor's name alone: what a form reads in another order is the same. */
function tensorsOf(vocabulary: number, [width, hidden] = [WIDTH, HIDDEN]): Tensors {
  const size = (name: string): number[] => {
    if (name === 'embed.weight') return [vocabulary, width]
    if (name === 'token_types.weight') return [2, width]
    const inner = /ffn_(in|gate)/.test(name)
    if (name.endsWith('bias') || name.includes('norm')) return [inner ? hidden : width]
    return inner ? [hidden, width] : [width, name.includes('ffn_out') ? hidden : width]
  }
  return {
    read: async (name) => {
      const w = new RandomWeights(Bun.hash.crc32(name))
      w.tensor('x', size(name), 0.3, name.includes('norm.weight') ? 1 : 0)
      return w.tensors.x!.values
    },
  }
}

const esm2 = (form: Partial<GraphForm>, precision: GraphPrecision = 'fp32') =>
  esm2Of([WIDTH, HIDDEN], { form, precision })
const esm2Of = ([width, hidden]: [number, number], options: GraphOptions) => {
  const shape = {
    width,
    hidden,
    layers: LAYERS,
    heads: 3,
    vocabulary: 33,
    tokenDropout: true,
    layerNormEps: 1e-5,
  }
  const frequencies = Array.from({ length: LAYERS }, () => defaultInverseFrequencies(width / 3))
  return esm2Graph(shape, tensorsOf(33, [width, hidden]), frequencies, options)
}
const dnabert = (form: Partial<GraphForm>, precision: GraphPrecision = 'fp32') => {
  const shape = {
    width: WIDTH,
    hidden: HIDDEN,
    layers: LAYERS,
    heads: 6,
    vocabulary: 40,
    layerNormEps: 1e-12,
  }
  return dnabertGraph(shape, tensorsOf(40), { form, precision })
}

const ROWS = [
  [0, 5, 9, 20, 11, 7, 2],
  [0, 8, 2],
  [0, 5, 5, 6, 30, 2],
]

let count = 0
async function written(graph: GraphBuilder): Promise<string> {
  const target = join(folder.path, String(count++))
  mkdirSync(target)
  await writeModel(graph, { folder: target, producer: { name: 'test', version: '0' } })
  return join(target, 'model.onnx')
}

async function embeddings(graph: GraphBuilder): Promise<Float32Array> {
  const session = await openGraph(await written(graph))
  const { embedding } = await embed(session, ROWS)
  await session.release()
  return embedding!
}

async function evaluatedEmbeddings(graph: GraphBuilder): Promise<Float32Array> {
  return Float32Array.from((await evaluate(await written(graph), ROWS)).flat())
}

function furthest(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)
}

test.each<Partial<GraphForm>>([
  { gelu: 'operator' },
  { projection: 'query-key' },
  { projection: 'joined' },
  { angles: 'table' },
  { rotateIn: 'tokens' },
  { rotation: 'runtime' },
  { projection: 'joined', rotateIn: 'tokens', angles: 'table', gelu: 'operator' },
  { projection: 'query-key', rotateIn: 'heads', angles: 'table' },
])('ESM-2 is the same function in the form %p', async (form) => {
  expect(furthest(await embeddings(esm2(form)), await embeddings(esm2({})))).toBeLessThan(2e-6)
})

test.each<Partial<GraphForm>>([
  { gelu: 'operator' },
  { projection: 'query-key' },
  { projection: 'joined' },
  { gate: 'joined' },
])('DNABERT-S is the same function in the form %p', async (form) => {
  expect(furthest(await embeddings(dnabert(form)), await embeddings(dnabert({})))).toBeLessThan(2e-6)
})

describe.skipIf(!hasPython)('with attention as one operator', () => {
  test('ESM-2 is the same function', async () => {
    const found = await evaluatedEmbeddings(esm2({ attention: 'fused' }))
    // Its cos and sin are in half precision.
    expect(furthest(found, await embeddings(esm2({})))).toBeLessThan(1e-3)
  })

  test('DNABERT-S is the same function', async () => {
    const found = await evaluatedEmbeddings(dnabert({ attention: 'fused' }))
    expect(furthest(found, await embeddings(dnabert({})))).toBeLessThan(2e-6)
  })
})

describe.skipIf(!hasPython)('in FP16', () => {
  test.each([
    { name: 'ESM-2', graph: esm2, attention: 'products' },
    { name: 'ESM-2', graph: esm2, attention: 'fused' },
    { name: 'DNABERT-S', graph: dnabert, attention: 'products' },
    { name: 'DNABERT-S', graph: dnabert, attention: 'fused' },
  ] as const)(
    '$name keeps eight times what BF16 does, attention: $attention',
    async ({ graph, attention }) => {
      const exact = await embeddings(graph({}))
      const off = async (precision: GraphPrecision) =>
        distance(await evaluatedEmbeddings(graph({ attention }, precision)), exact)
      expect(8 * (await off('fp16'))).toBeLessThan(1.5 * (await off('bf16')))
    },
  )
})

describe.skipIf(!hasPython)('in FP8', () => {
  const sizes: [number, number] = [48, 80]
  const correction = Float32Array.from({ length: 3 * 48 }, (_, i) => (i % 3) / 16)
  const esm2InFp8 = (layer: GraphForm['layer'], products = fp8) =>
    esm2Of(sizes, { form: { attention: 'fused', layer }, precision: 'bf16', fp8: products })
  const fp8: Fp8Products = (name) => ({
    input: name.endsWith('ffn_out') ? 12 : 8,
    weight: name.endsWith('ffn_in') ? 1 : 1.8,
    ...(name.endsWith('query_key_value') && { correction }),
  })

  test('layers as one operator are the same function', async () => {
    const exact = await embeddings(esm2Of(sizes, {}))
    const operators = await evaluatedEmbeddings(esm2InFp8('operators'))
    const layers = await evaluatedEmbeddings(esm2InFp8('fused'))
    // The correction of biases is most of what both are off.
    expect(distance(layers, operators)).toBeLessThan(distance(operators, exact) / 2)
  })

  test('a layer with a product that is not in FP8 stays as it was', async () => {
    const some: Fp8Products = (name) => (name === 'layers.1.ffn_in' ? undefined : fp8(name))
    const path = await written(esm2InFp8('fused', some))
    const { graph } = fromBinary(ModelProtoSchema, readFileSync(path))
    const operators = graph!.node.filter(({ opType }) => opType.startsWith('Virnucpro'))
    expect(operators.map(({ opType }) => opType)).toEqual(['VirnucproEncoderLayer', 'VirnucproAttention'])
    const exact = await embeddings(esm2Of(sizes, {}))
    const [whole, split] = await Promise.all(
      (['fused', 'operators'] as const).map((layer) => evaluatedEmbeddings(esm2InFp8(layer, some))),
    )
    expect(distance(whole!, split!)).toBeLessThan(distance(split!, exact) / 2)
  })
})
