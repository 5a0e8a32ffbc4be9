import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { loadDnabert, loadEsm2, loadMlp } from '../../src/models/index.ts'
import { hasShared, shared } from '../support/shared.ts'
import { classify, embed, maxDifference, openLoaded, temporaryFolder } from './support/run.ts'

interface Traced {
  shape: number[]
  data: number[]
}
interface Trace {
  esm: { tokens: number[]; layers: Record<string, Traced>; mean: Traced }[]
  dnabert: { tokens: number[]; embeddings: Traced; layers: Record<string, Traced>; mean: Traced }[]
  mlp: { input: Traced; hidden: Traced; bn: Traced; logits: Traced; softmax: Traced }[]
}

const model = (...parts: string[]) => shared('golden', 'tiny_a', 'models', ...parts)

describe.skipIf(!hasShared)('activations are those of the original implementations', () => {
  const trace = (): Trace =>
    JSON.parse(readFileSync(shared('golden', 'tiny_a', 'traces', 'trace_A.json'), 'utf8'))

  test.each([
    ['fair-esm .pt', 'esm2_t3_tiny.pt'],
    ['Hugging Face folder', 'esm2_t3_tiny_hf'],
  ])('ESM-2 from a %s, every layer and the mean', async (_, file) => {
    using folder = temporaryFolder()
    await using loaded = await loadEsm2(model(file), { traceLayers: true })
    const session = await openLoaded(loaded, folder.path)
    for (const { tokens, layers, mean } of trace().esm) {
      const found = await embed(session, [tokens])
      expect(Object.keys(layers)).toHaveLength(4)
      for (const [layer, { data }] of Object.entries(layers)) {
        expect(maxDifference(found[`layer_${layer}`]!, data)).toBeLessThan(1e-5)
      }
      expect(maxDifference(found.embedding!, mean.data)).toBeLessThan(1e-5)
    }
  })

  test('DNABERT-S, every layer and the mean', async () => {
    using folder = temporaryFolder()
    await using loaded = await loadDnabert(model('dnabert_s_tiny_h4'), { traceLayers: true })
    const session = await openLoaded(loaded, folder.path)
    for (const { tokens, embeddings, layers, mean } of trace().dnabert) {
      const found = await embed(session, [tokens])
      for (const [layer, { data }] of Object.entries({ 0: embeddings, ...layers })) {
        expect(maxDifference(found[`layer_${layer}`]!, data)).toBeLessThan(1e-5)
      }
      expect(maxDifference(found.embedding!, mean.data)).toBeLessThan(1e-5)
    }
  })

  test('the classifier, every step', async () => {
    using folder = temporaryFolder()
    await using loaded = await loadMlp(model('mlp_a_500_model.pth'), { traceLayers: true })
    const session = await openLoaded(loaded, folder.path)
    for (const { input, hidden, bn, logits, softmax } of trace().mlp) {
      const found = await classify(session, Float32Array.from(input.data), input.data.length)
      for (const [name, { data }] of Object.entries({ hidden, bn, logits, probabilities: softmax })) {
        expect(maxDifference(found[name]!, data)).toBeLessThan(1e-5)
      }
    }
  })
})
