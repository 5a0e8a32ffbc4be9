import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { padBatch } from '../../../src/batching/index.ts'
import {
  type Bundle,
  backbonesId,
  type HostedName,
  hostedNames,
  modelDigest,
  pairOf,
  recheckOf,
  verifyBundle,
  writeBounds,
} from '../../../src/bundle/index.ts'
import { OnnxRuntimeBackend } from '../../../src/dispatch/index.ts'
import { addClassifiers, importModels } from '../../../src/import/index.ts'
import { UsageError } from '../../../src/system/errors.ts'
import { EsmAlphabet } from '../../../src/tokenizers/index.ts'
import { virnucpro } from '../../support/cli.ts'
import { type ModelPaths, writeRandomModels } from './support/models.ts'
import { temporaryFolder } from './support/run.ts'

const CONTIGS = resolve(import.meta.dir, '../../../examples/contigs.fasta')
const folder = temporaryFolder()
const at = (...parts: string[]) => join(folder.path, ...parts)
let models: ModelPaths
let fp32: Bundle
let int8: Bundle

beforeAll(async () => {
  models = await writeRandomModels(folder.path)
  fp32 = await importModels({ ...models, chunkLength: 500, output: at('fp32') })
  int8 = await importModels({
    ...models,
    chunkLength: 500,
    output: at('int8'),
    precision: 'int8',
    recheck: 'on',
  })
})
afterAll(() => folder[Symbol.dispose]())

const batch = padBatch(
  ['MKTAYIAKQRQISFVKSHFSRQ', 'M', 'ACDEFGHIKLMNPQRSTVWY'].map((protein) =>
    new EsmAlphabet().encode(Buffer.from(protein)),
  ),
  1,
)

async function embed(bundle: Bundle, model: HostedName): Promise<Float32Array> {
  const silent = { info() {}, debug() {}, error() {}, warn() {} }
  await using backend = await OnnxRuntimeBackend.openBundle(bundle, { logger: silent }, undefined)
  return await backend.embed(model, batch)
}

describe('a bundle in INT8 with its partner', () => {
  test('computes in this process what the bundle in FP32 computes', async () => {
    expect(hostedNames(int8.manifest)).toEqual(['esm2', 'dnabert_s', 'esm2_recheck'])
    expect(modelDigest(int8.manifest, 'esm2_recheck')).toBe(modelDigest(fp32.manifest, 'esm2'))
    const exact = await embed(fp32, 'esm2')
    expect(await embed(int8, 'esm2_recheck')).toEqual(exact)
    expect(await embed(int8, 'esm2')).not.toEqual(exact)
  })

  test('is whole, and another than the one without', async () => {
    const alone = await importModels({
      ...models,
      chunkLength: 500,
      output: at('alone'),
      precision: 'int8',
    })
    expect([alone.manifest.version, int8.manifest.version]).toEqual([1, 3])
    expect(hostedNames(alone.manifest)).toEqual(['esm2', 'dnabert_s'])
    expect(await recheckOf(alone)).toBeUndefined()
    expect(backbonesId(alone.manifest)).not.toBe(backbonesId(int8.manifest))
    expect((await verifyBundle(int8.folder)).digest).toBe(int8.digest)
    const weights = int8.pathOf(int8.manifest.models.esm2.recheck!.weights)
    const bytes = await Bun.file(weights).bytes()
    writeFileSync(weights, bytes.with(0, bytes[0]! ^ 1))
    expect(verifyBundle(int8.folder)).rejects.toThrow('esm2_recheck/weights.bin')
    expect(embed(int8, 'esm2_recheck')).rejects.toThrow('esm2_recheck/weights.bin')
    writeFileSync(weights, bytes)
  })

  test('keeps partner and bounds when a classifier is added, and is replaced with them', async () => {
    const pair = pairOf(int8.manifest)!
    const classifier = int8.manifest.models.mlp.graph.sha256
    const measured = { backend: 'test', frames: 9, seed: 1, factor: 1.25, measured: new Date().toISOString() }
    const classes = [{ upTo: 32, frames: 9, largest: 0.08, bound: 0.1 }]
    await writeBounds(int8, [{ ...pair.digests, classifier, ...measured, classes }])
    const added = await addClassifiers({ bundle: int8.folder, mlp: { 300: models.mlp } })
    expect(added.manifest.version).toBe(3)
    expect((await recheckOf(added))!.bounds(classifier)).toEqual({
      frames: 9,
      factor: 1.25,
      classes: [{ upTo: 32, bound: 0.1 }],
    })
    const again = { ...models, chunkLength: 500, output: at('int8'), precision: 'int8', force: true } as const
    const without = await importModels(again)
    expect(existsSync(at('int8/recheck.json'))).toBe(false)
    expect(existsSync(at('int8/esm2_recheck'))).toBe(false)
    expect(without.manifest.version).toBe(1)
  })
})

test('FP8 has the ESM-2 of a bundle in BF16 beside it, or in FP16, or none', async () => {
  const bf16 = await importModels({
    ...models,
    output: at('bf16'),
    precision: 'bf16',
    calibrate: CONTIGS,
  })
  const fp8 = { ...models, precision: 'fp8', calibrate: CONTIGS } as const
  const usual = await importModels({ ...fp8, output: at('fp8') })
  expect(pairOf(usual.manifest)).toMatchObject({ quantized: 'fp8', partner: 'bf16' })
  expect(modelDigest(usual.manifest, 'esm2_recheck')).toBe(modelDigest(bf16.manifest, 'esm2'))
  expect(usual.manifest.models.dnabert_s.graph.sha256).toBe(bf16.manifest.models.dnabert_s.graph.sha256)
  const other = await importModels({ ...fp8, output: at('fp8-fp16'), recheck: 'fp16' })
  expect(pairOf(other.manifest)).toMatchObject({ quantized: 'fp8', partner: 'fp16' })
  const alone = await importModels({ ...fp8, output: at('fp8-alone'), recheck: 'off' })
  expect(pairOf(alone.manifest)).toBeUndefined()
  expect(modelDigest(alone.manifest, 'esm2')).toBe(modelDigest(usual.manifest, 'esm2'))
})

describe('a partner that a precision has not', () => {
  const refused = (options: object) =>
    importModels({ ...models, output: at('refused'), ...options }).catch((error: unknown) => error)

  test('is refused before anything is written', async () => {
    const plain = await refused({ recheck: 'on' })
    expect(plain).toBeInstanceOf(UsageError)
    expect(String(plain)).toContain('FP32 is not quantized')
    expect(String(await refused({ precision: 'int8', recheck: 'fp16' }))).toContain(
      'a model in INT8 is rechecked in FP32',
    )
    expect(existsSync(at('refused'))).toBe(false)
  })

  test('is a usage error of the command', async () => {
    const weights = ['--esm', models.esm, '--dnabert', models.dnabert, '--mlp', models.mlp]
    const cli = (...words: string[]) =>
      virnucpro(['models', 'import', ...weights, '-o', at('refused'), ...words])
    const plain = await cli('--precision', 'bf16', '--recheck', 'on')
    expect([plain.code, plain.stderr]).toEqual([
      64,
      expect.stringContaining('--recheck is for --precision int8 or fp8'),
    ])
    const other = await cli('--precision', 'int8', '--recheck', 'fp16')
    expect([other.code, other.stderr]).toEqual([
      64,
      expect.stringContaining('--recheck fp16 is for --precision fp8'),
    ])
  })
})
