import { expect, test } from 'bun:test'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { forModels } from '../../../src/bundle/index.ts'
import { measureSpeed } from '../../../src/estimate/index.ts'
import { probeModels } from '../../../src/estimate/probe.ts'
import { readSpeeds } from '../../../src/estimate/speeds.ts'
import { importModels } from '../../../src/import/index.ts'
import { writeRandomModels } from '../import/support/models.ts'

const folder = temporaryFolder()
const shapes = forModels(() => ({ rows: 4, length: 50 }))

test('a deep model is measured by some of its layers, without its weights', async () => {
  const dims = { layers: 24, width: 96, heads: 6, hidden: 384 }
  const models = await writeRandomModels(folder.join('weights'), 1, {
    esm: dims,
    dnabert: { ...dims, layers: 4 },
  })
  for (const precision of ['fp32', 'int8'] as const) {
    const bundle = await importModels({ ...models, precision, output: folder.join(precision) })
    await Bun.file(bundle.pathOf(bundle.manifest.models.esm2.weights)).delete()
    await Bun.write(bundle.pathOf(bundle.manifest.models.esm2.weights), 'not there')
    // Six times the layers; something else may have had the processor during one of two short probes.
    let ratio = 0
    for (let probes = 0; probes < 5 && ratio < 1.5; probes++) {
      const { extrapolated, tokensPerSecond } = await probeModels(bundle, { shapes, seconds: 0.1 })
      expect(extrapolated).toBe(true)
      expect(tokensPerSecond.esm2).toBeGreaterThan(1)
      ratio = tokensPerSecond.dnabert_s / tokensPerSecond.esm2
    }
    expect(ratio).toBeGreaterThan(1.5)
  }
})

test('what set-up measures is kept', async () => {
  const models = await writeRandomModels(folder.join('small'))
  const bundle = await importModels({ ...models, output: folder.join('bundle') })
  const measured = await measureSpeed(bundle, { threads: 1 })
  const kept = (await readSpeeds()).filter(({ threads }) => threads === 1)
  expect(kept).toHaveLength(1)
  expect(kept[0]!.source).toBe('probe')
  expect(kept[0]!.tokensPerSecond.esm2 / measured.esm2).toBeCloseTo(1, 4)
})
