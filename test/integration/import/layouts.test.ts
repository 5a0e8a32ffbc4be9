import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DimensionMismatchError, ModelNotFoundError, TensorMismatchError } from '../../../src/bundle/index.ts'
import { importModels, openMlp } from '../../../src/import/index.ts'
import { UnsafePickleError } from '../../../src/torchfile/index.ts'
import { hasPython, python } from '../../support/python.ts'
import { type ModelPaths, writeRandomModels } from './support/models.ts'
import { classify, maxDifference, openModel, temporaryFolder } from './support/run.ts'

/** Two bundles with one digest hold the same graphs and weights, byte for byte. */
describe.skipIf(!hasPython)('every layout of the same weights gives the same bundle', () => {
  const folder = temporaryFolder()
  const at = (...parts: string[]) => join(folder.path, ...parts)
  let models: ModelPaths
  let digest: string
  let expected: { features: number[]; eps: number[] }

  beforeAll(async () => {
    models = await writeRandomModels(folder.path)
    const program = resolve(import.meta.dir, 'support/layouts.py')
    const child = Bun.spawn([python, program, folder.path], { stdout: 'pipe', stderr: 'inherit' })
    expected = JSON.parse(await new Response(child.stdout).text())
    digest = await digestOf({})
  }, 120_000)
  afterAll(() => folder[Symbol.dispose]())

  async function digestOf(changed: Partial<ModelPaths>): Promise<string> {
    const bundle = await importModels({ ...models, ...changed, output: at('bundle'), force: true })
    return bundle.digest
  }

  test.each([
    'esm_fair/esm2_t2_tiny.pt',
    'esm_fair',
    'esm_args.pt',
    'esm_plain.pt',
    'esm_bin',
    'esm_bin/pytorch_model.bin',
    'esm_legacy',
    'esm_transformers5',
    'esm_sharded',
    'esm_sharded/pytorch_model.bin.index.json',
  ])('ESM-2: %s', async (file) => {
    expect(await digestOf({ esm: at(file) })).toBe(digest)
  })

  test.each(['half', 'bfloat16'])('ESM-2 stored in %s loses nothing', async (type) => {
    const found = await digestOf({ esm: at(`esm_${type}.pt`) })
    expect(found).toBe(await digestOf({ esm: at(`esm_${type}_widened.pt`) }))
    expect(found).not.toBe(digest)
  })

  test('DNABERT: .bin with the prefix and the head of masked language models', async () => {
    expect(await digestOf({ dnabert: at('dnabert_bin') })).toBe(digest)
    expect(await digestOf({ dnabert: at('dnabert_bin', 'pytorch_model.bin') })).toBe(digest)
  })

  test.each(['module', 'state', 'checkpoint', 'parallel', 'renamed', 'cuda'])(
    'classifier: %s',
    async (layout) => {
      expect(await digestOf({ mlp: at(`mlp_${layout}.pth`) })).toBe(digest)
    },
  )

  test("classifier: a pickled module's own epsilon is used", async () => {
    using output = temporaryFolder()
    await using opened = await openMlp(at('mlp_eps.pth'))
    const session = await openModel(opened, output.path)
    const { probabilities } = await classify(
      session,
      Float32Array.from(expected.features),
      opened.shape.input,
    )
    expect(maxDifference(probabilities!, expected.eps)).toBeLessThan(1e-6)
  })

  test('models that do not belong together are named with their three widths', async () => {
    const error = await failure({ mlp: at('mlp_other.pth') })
    expect(error).toBeInstanceOf(DimensionMismatchError)
    expect(error.message).toMatch(/24.*24.*48.*100/s)
  })

  test('missing tensors are listed', async () => {
    const error = await failure({ esm: at('esm_short') })
    expect(error).toBeInstanceOf(TensorMismatchError)
    expect((error as TensorMismatchError).missing).toEqual([
      'esm.encoder.layer.1.output.dense.weight',
      'esm.encoder.layer.1.output.dense.bias',
    ])
  })

  test('a model given as another one is refused', async () => {
    expect((await failure({ esm: models.dnabert })).message).toBe(
      `ESM-2: ${models.dnabert} holds the weights of DNABERT-S`,
    )
    for (const esm of [models.esm, at('esm_fair/esm2_t2_tiny.pt'), at('esm_bin')])
      expect((await failure({ dnabert: esm })).message).toBe(`DNABERT-S: ${esm} holds the weights of ESM-2`)
    expect((await failure({ mlp: at('esm_plain.pt') })).message).toContain("not VirNucPro's classifier")
    expect(await failure({ esm: at('nowhere') })).toBeInstanceOf(ModelNotFoundError)
  })

  test('a pickle that wants to run something is refused and not run', async () => {
    for (const option of ['esm', 'mlp']) {
      expect(await failure({ [option]: at('attack.pt') })).toBeInstanceOf(UnsafePickleError)
    }
    expect(existsSync(at('attacked'))).toBe(false)
  })

  /** The error of an import, which must leave nothing behind. */
  async function failure(changed: Partial<ModelPaths>): Promise<Error> {
    const output = at('refused')
    const error = await importModels({ ...models, ...changed, output }).then(
      () => undefined,
      (reason) => reason,
    )
    expect(existsSync(output)).toBe(false)
    expect(error).toBeInstanceOf(Error)
    return error
  }
})
