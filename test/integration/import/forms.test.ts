import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { RandomWeights } from '../../../scripts/support/random.ts'
import type { GraphPrecision } from '../../../src/bundle/index.ts'
import { dnabertGraph } from '../../../src/import/graphs/dnabert.ts'
import { esm2Graph } from '../../../src/import/graphs/esm2.ts'
import type { GraphForm } from '../../../src/import/graphs/form.ts'
import { defaultInverseFrequencies } from '../../../src/import/graphs/rotary.ts'
import type { Tensors } from '../../../src/import/graphs/tensors.ts'
import { type GraphBuilder, writeModel } from '../../../src/onnx/index.ts'
import { hasPython } from '../../support/python.ts'
import { evaluate } from './support/evaluate.ts'
import { distance, embed, openGraph, temporaryFolder } from './support/run.ts'

const [WIDTH, HIDDEN, LAYERS] = [24, 40, 2]
const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

/** Weights that depend on a tensor's name alone: what a form reads in another order is the same. */
function tensorsOf(vocabulary: number): Tensors {
  const size = (name: string): number[] => {
    if (name === 'embed.weight') return [vocabulary, WIDTH]
    if (name === 'token_types.weight') return [2, WIDTH]
    const inner = /ffn_(in|gate)/.test(name)
    if (name.endsWith('bias') || name.includes('norm')) return [inner ? HIDDEN : WIDTH]
    return inner ? [HIDDEN, WIDTH] : [WIDTH, name.includes('ffn_out') ? HIDDEN : WIDTH]
  }
  return {
    read: async (name) => {
      const w = new RandomWeights(Bun.hash.crc32(name))
      w.tensor('x', size(name), 0.3, name.includes('norm.weight') ? 1 : 0)
      return w.tensors.x!.values
    },
  }
}

const esm2 = (form: Partial<GraphForm>, precision: GraphPrecision = 'fp32') => {
  const shape = {
    width: WIDTH,
    hidden: HIDDEN,
    layers: LAYERS,
    heads: 3,
    vocabulary: 33,
    tokenDropout: true,
    layerNormEps: 1e-5,
  }
  const frequencies = Array.from({ length: LAYERS }, () => defaultInverseFrequencies(WIDTH / 3))
  return esm2Graph(shape, tensorsOf(33), frequencies, { form, precision })
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
