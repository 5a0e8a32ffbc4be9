import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { openDnabert, openEsm2, openMlp } from '../../../src/import/index.ts'
import { byName, referenceRuns } from '../../support/reference.ts'
import { classify, embed, maxDifference, openModel, temporaryFolder } from './support/run.ts'

interface Traced {
  shape: number[]
  data: number[]
}
interface Trace {
  esm: { tokens: number[]; layers: Record<string, Traced>; mean: Traced }[]
  dnabert: { tokens: number[]; embeddings: Traced; layers: Record<string, Traced>; mean: Traced }[]
  mlp: { input: Traced; hidden: Traced; bn: Traced; logits: Traced; softmax: Traced }[]
}

describe.each(byName(referenceRuns))(
  '%s: activations are those of the original implementations',
  (_, run) => {
    const trace = (): Trace => JSON.parse(readFileSync(run.layers, 'utf8'))

    test.each([
      ['fair-esm .pt', run.models.esm],
      ['Hugging Face folder', run.models.esmFolder],
    ])('ESM-2 from a %s, every layer and the mean', async (_, file) => {
      using folder = temporaryFolder()
      await using opened = await openEsm2(file)
      const session = await openModel(opened, folder.path, { traceLayers: true })
      for (const { tokens, layers, mean } of trace().esm) {
        const found = await embed(session, [tokens])
        expect(Object.keys(layers)).toHaveLength(Object.keys(found).length - 1)
        for (const [layer, { data }] of Object.entries(layers)) {
          expect(maxDifference(found[`layer_${layer}`]!, data)).toBeLessThan(1e-5)
        }
        expect(maxDifference(found.embedding!, mean.data)).toBeLessThan(1e-5)
      }
    })

    test('DNABERT-S, every layer and the mean', async () => {
      using folder = temporaryFolder()
      await using opened = await openDnabert(run.models.dnabert)
      const session = await openModel(opened, folder.path, { traceLayers: true })
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
      await using opened = await openMlp(run.models.mlp)
      const session = await openModel(opened, folder.path, { traceLayers: true })
      for (const { input, hidden, bn, logits, softmax } of trace().mlp) {
        const found = await classify(session, Float32Array.from(input.data), input.data.length)
        for (const [name, { data }] of Object.entries({ hidden, bn, logits, probabilities: softmax })) {
          expect(maxDifference(found[name]!, data)).toBeLessThan(1e-5)
        }
      }
    })
  },
)
