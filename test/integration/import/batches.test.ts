import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import fc from 'fast-check'
import type { InferenceSession } from 'onnxruntime-node'
import { importModels, openEsm2 } from '../../../src/import/index.ts'
import { writeRandomModels } from './support/models.ts'
import { embed, maxDifference, openGraph, openModel, temporaryFolder } from './support/run.ts'

const TOLERANCE = 2e-5

/** Rows of residues or bases between special tokens. */
const rows = (first: number, last: number, lowest: number, highest: number) =>
  fc.array(
    fc
      .array(fc.integer({ min: lowest, max: highest }), { minLength: 1, maxLength: 60 })
      .map((ids) => [first, ...ids, last]),
    { minLength: 1, maxLength: 6 },
  )

async function sameAlone(
  session: InferenceSession,
  batch: number[][],
  padId: number,
  extra: number,
): Promise<void> {
  const width = Math.max(...batch.map((row) => row.length)) + extra
  const { embedding: together } = await embed(session, batch, { padId, width })
  const dimension = together!.length / batch.length
  for (const [i, row] of batch.entries()) {
    const { embedding: alone } = await embed(session, [row])
    const found = together!.subarray(i * dimension, (i + 1) * dimension)
    expect(maxDifference(found, alone!)).toBeLessThan(TOLERANCE)
  }
}

describe('an embedding does not depend on its batch or its padding', () => {
  test('ESM-2 and DNABERT-S', async () => {
    using folder = temporaryFolder()
    const models = await writeRandomModels(folder.path)
    const bundle = await importModels({ ...models, output: join(folder.path, 'bundle') })
    const { esm2, dnabert_s } = bundle.manifest.models
    const esm = await openGraph(bundle.pathOf(esm2.graph))
    const dnabert = await openGraph(bundle.pathOf(dnabert_s.graph))
    const padding = fc.integer({ min: 0, max: 32 })
    const extra = fc.integer({ min: 0, max: 9 })
    await fc.assert(
      fc.asyncProperty(rows(0, 2, 4, 23), padding, extra, (batch, pad, more) =>
        sameAlone(esm, batch, pad, more),
      ),
      { numRuns: 40 },
    )
    await fc.assert(
      fc.asyncProperty(rows(1, 2, 5, 39), padding, extra, (batch, pad, more) =>
        sameAlone(dnabert, batch, pad, more),
      ),
      { numRuns: 40 },
    )
  })

  test("ESM-2's mean stops at 1,024 residues while the model reads all of them", async () => {
    using folder = temporaryFolder()
    const models = await writeRandomModels(folder.path)
    await using opened = await openEsm2(models.esm)
    const session = await openModel(opened, folder.path, { traceLayers: true })
    const long = [0, ...Array.from({ length: 1100 }, (_, i) => 4 + ((i * 7) % 20)), 2]
    const { embedding, layer_2: last } = await embed(session, [long], { width: 1110 })
    const { width } = opened.shape
    const mean = Float32Array.from({ length: width }, (_, column) => {
      let sum = 0
      for (let row = 1; row <= 1024; row++) sum += last![row * width + column]!
      return sum / 1024
    })
    expect(maxDifference(embedding!, mean)).toBeLessThan(TOLERANCE)
  })
})
