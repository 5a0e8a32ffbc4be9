import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { writeRandomMlp } from '../../../scripts/support/random-models.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton, type TritonServer } from '../../../scripts/support/triton.ts'
import { padBatch } from '../../../src/batching/index.ts'
import {
  type Bundle,
  Classifier,
  openBundle,
  pairOf,
  readBounds,
  readTokenizers,
  recheckOf,
} from '../../../src/bundle/index.ts'
import { OnnxRuntimeBackend } from '../../../src/dispatch/index.ts'
import { framesToMeasure } from '../../../src/verify/frames.ts'
import { type ModelPaths, writeRandomModels } from '../../integration/import/support/models.ts'
import { virnucpro } from '../../support/cli.ts'

const silent = { info() {}, debug() {}, error() {}, warn() {} }
const folder = temporaryFolder()
let models: ModelPaths
let bundle: Bundle

const importInto = (output: string, ...more: string[]) =>
  virnucpro([
    ...['models', 'import', '--esm', models.esm, '--dnabert', models.dnabert, '--output', output],
    ...['--mlp', `500=${models.mlp}`, '--precision', 'int8', '--recheck', 'on', ...more],
  ])

beforeAll(async () => {
  models = await writeRandomModels(folder.path)
  const { code, stderr } = await importInto(folder.join('int8'))
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(
      /logits in int8 are at most so far from those in fp32, with mlp\.safetensors and 500 frames/,
    ),
  ])
  bundle = await openBundle(folder.join('int8'))
}, 60_000)
afterAll(() => folder[Symbol.asyncDispose]())

/** Largest difference of logits by class, one frame at a time: what the program should have found. */
async function largestByClass(input: string | undefined, count: number) {
  const { frames, ends } = await framesToMeasure({ count, chunkLengths: [500], input, seed: 1 })
  const tokenizers = await readTokenizers(bundle)
  const { mlp } = bundle.manifest.models
  await using classifier = await Classifier.open({ graph: await bundle.read(mlp.graph), width: mlp.input })
  await using backend = await OnnxRuntimeBackend.openBundle(bundle, { logger: silent }, undefined)
  const found = ends.map((upTo) => ({ upTo, frames: 0, largest: 0 }))
  for (const { protein, nucleotide } of frames) {
    const ids = tokenizers.esm2.encode(protein)
    const dna = await backend.embed('dnabert_s', padBatch([tokenizers.dnabert_s.encode(nucleotide)], 0))
    const logits: number[] = []
    for (const model of ['esm2', 'esm2_recheck'] as const) {
      const features = Float32Array.of(...dna, ...(await backend.embed(model, padBatch([ids], 1))))
      const [others, virus] = await classifier.classify(features)
      logits.push(Math.log(virus!) - Math.log(others!))
    }
    const own = found.find(({ upTo }) => ids.length <= upTo)!
    own.frames++
    own.largest = Math.max(own.largest, Math.abs(logits[0]! - logits[1]!))
  }
  return found
}

test('an import in INT8 measures how far each length class may be off', async () => {
  const [record, ...more] = await readBounds(bundle)
  expect(more).toEqual([])
  expect(record).toMatchObject({
    ...pairOf(bundle.manifest)!.digests,
    classifier: bundle.manifest.models.mlp.graph.sha256,
    frames: 500,
    factor: 1.25,
  })
  const expected = await largestByClass(undefined, 500)
  // Frames of chunks of 500 bases have 168 tokens at most.
  expect(record!.classes.map(({ upTo, frames }) => [upTo, frames])).toEqual([
    [32, 125],
    [64, 125],
    [128, 125],
    [176, 125],
  ])
  for (const [i, { largest, bound }] of record!.classes.entries()) {
    expect(largest).toBeGreaterThan(0)
    expect(largest).toBeCloseTo(expected[i]!.largest, 5)
    expect(bound).toBe(1.25 * largest)
  }
})

test('the command measures with what is new, with an input and again where it is asked to', async () => {
  const again = await virnucpro(['models', 'recheck', bundle.folder])
  expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('nothing to do')])
  await Bun.write(folder.join('reads.fa'), randomFasta(3, 40))
  const args = ['--input', folder.join('reads.fa'), '--frames', '60', '--force', '--json']
  const { code, stdout } = await virnucpro(['models', 'recheck', bundle.folder, ...args])
  const { format, measured, bounds } = JSON.parse(stdout)
  expect([code, format, measured]).toEqual([0, 'virnucpro-bounds', 1])
  expect(bounds[0]).toMatchObject({ frames: 60, input: { name: 'reads.fa', frames: 48 } })
  expect(await readBounds(bundle)).toEqual(bounds)
  // Fewer frames would say less; more are measured with.
  const fewer = await virnucpro(['models', 'recheck', bundle.folder, '--frames', '59'])
  expect([fewer.code, fewer.stderr]).toEqual([0, expect.stringContaining('nothing to do')])
  const more = await virnucpro(['models', 'recheck', bundle.folder, '--frames', '64'])
  expect([more.code, more.stderr]).toEqual([0, expect.stringContaining('measured with 1 of 1')])
  expect(await readBounds(bundle)).toMatchObject([{ frames: 64 }])
  // A classifier that is added later is measured then.
  const mlp = folder.join('short.safetensors')
  await writeRandomMlp(mlp, 9, bundle.manifest.models.mlp.input, 16)
  const added = await virnucpro(['models', 'import', '--mlp', `300=${mlp}`, '--bundle', bundle.folder])
  expect([added.code, added.stderr]).toEqual([0, expect.stringContaining('has 2 classifiers')])
  const grown = await openBundle(bundle.folder)
  const facts = await recheckOf(grown)
  const short = facts!.bounds(grown.manifest.models.classifiers![0]!.graph.sha256)!
  expect([short.frames, short.classes.at(-1)!.upTo]).toEqual([500, 128])
  expect(facts!.bounds(bundle.manifest.models.mlp.graph.sha256)!.frames).toBe(64)
}, 60_000)

test('verify compares the partner, too, and models info names it', async () => {
  const { code, stdout } = await virnucpro([
    'verify',
    '--bundle',
    bundle.folder,
    '--sequences',
    '4',
    '--json',
  ])
  const { models: found } = JSON.parse(stdout) as { models: { model: string; reference: string }[] }
  expect([code, found.map(({ model }) => model)]).toEqual([0, ['dnabert_s', 'esm2', 'esm2_recheck']])
  expect(found[2]!.reference).toContain('FP32 graph')
  const info = await virnucpro(['models', 'info', bundle.folder])
  expect(info.stdout).toMatch(/rechecked +ESM-2 in fp32; measured with/)
})

test('a bundle without a partner is refused', async () => {
  const { code, stderr } = await virnucpro(['models', 'recheck', 'demo'])
  expect([code, stderr]).toEqual([64, expect.stringContaining('has no partner of a quantized model')])
})

describe.skipIf(!hasTriton)('on a server', () => {
  let server: TritonServer
  beforeAll(async () => {
    const output = folder.join('repository')
    const built = [
      'repository',
      'build',
      '--bundle',
      bundle.folder,
      '--backend',
      'python',
      '--output',
      output,
    ]
    const { code, stderr } = await virnucpro(built)
    expect([code, stderr]).toEqual([0, expect.stringContaining('esm2_recheck')])
    server = await startTriton({ repository: output, models: ['esm2', 'dnabert_s', 'esm2_recheck'] })
  }, 60_000)
  afterAll(() => server?.[Symbol.asyncDispose]())

  test('gives the bounds of this process', async () => {
    const before = readFileSync(`${bundle.folder}/recheck.json`, 'utf8')
    const args = ['--triton', server.grpcUrl, '--frames', '100', '--force']
    const { code, stderr } = await virnucpro(['models', 'recheck', bundle.folder, ...args])
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect(readFileSync(`${bundle.folder}/recheck.json`, 'utf8')).not.toBe(before)
    // Also beside the graphs of another bundle of the same weights, which has no partner.
    const own = ['models', 'import', '--esm', models.esm, '--dnabert', models.dnabert, '--mlp', models.mlp]
    await virnucpro([...own, '--output', folder.join('fp32')])
    const compared = await virnucpro([
      ...['verify', '--bundle', folder.join('fp32'), '--triton', server.grpcUrl],
      ...['--sequences', '4', '--tolerance', '0.01'],
    ])
    expect([compared.code, compared.stdout]).toEqual([
      0,
      expect.stringContaining('esm2_recheck: 4 rows against FP32 graph'),
    ])
    const [record] = await readBounds(bundle)
    expect(record!.backend).toContain('Triton at')
    const expected = await largestByClass(undefined, 100)
    for (const [i, { largest }] of record!.classes.entries())
      expect(largest).toBeCloseTo(expected[i]!.largest, 5)
  }, 60_000)
})
