import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { randomSource } from '../../../scripts/support/random.ts'
import { type Bundle, openBundle, verifyBundle } from '../../../src/bundle/index.ts'
import { importModels } from '../../../src/import/index.ts'
import { readOrfs } from '../../../src/import/quantize/orfs.ts'
import { buildEngines } from '../../../src/server/engines/index.ts'
import { EsmAlphabet } from '../../../src/tokenizers/index.ts'
import { python } from '../../support/python.ts'
import { changeWeights, type ModelPaths, writeRandomModels } from './support/models.ts'
import { temporaryFolder } from './support/run.ts'

const SHAPE = { kind: 'esm2', layers: 2, width: 24, heads: 3, hidden: 96, layerNormEps: 1e-5 }
const folder = temporaryFolder()
const at = (...parts: string[]) => join(folder.path, ...parts)
const said: string[] = []
let models: ModelPaths
let bundle: Bundle

/** Reads of different lengths with a frame or more open: few codons begin with T. */
function writeReads(path: string, count: number): void {
  const random = randomSource(5)
  const base = () => 'ACGGCAT'[Math.floor(random() * 7)]
  const read = (length: number) =>
    Array.from({ length }, base)
      .join('')
      .replace(/T[AG][AG]/g, 'GCC')
  const records = Array.from({ length: count }, (_, i) => `>read_${i}\n${read(60 + 7 * (i % 20))}\n`)
  writeFileSync(path, records.join(''))
}

function importFp8(output: string, fp8: { calibrate: string; tolerance?: number }): Promise<Bundle> {
  return importModels({
    ...models,
    output: at(output),
    precision: 'fp8',
    ...fp8,
    onProgress: (m) => said.push(m),
  })
}

const recordOf = (from: Bundle) =>
  JSON.parse(readFileSync(from.pathOf(from.manifest.models.esm2.fp8!.calibration), 'utf8'))

beforeAll(async () => {
  models = await writeRandomModels(folder.path)
  writeReads(at('reads.fa'), 120)
  bundle = await importFp8('fp8', { calibrate: at('reads.fa') })
})
afterAll(() => folder[Symbol.dispose]())

describe('a bundle in FP8', () => {
  test('has the ranges, scales and accuracy that PyTorch finds for the same frames and its graph', async () => {
    const orfs = await readOrfs(at('reads.fa'))
    const alphabet = new EsmAlphabet()
    const ids = (frames: typeof orfs.heldOut) =>
      frames.map(({ protein }) => Array.from(alphabet.encode(protein)))
    writeFileSync(
      at('frames.json'),
      JSON.stringify({ calibration: ids(orfs.calibration), heldOut: ids(orfs.heldOut) }),
    )
    const script = resolve(import.meta.dir, 'support/fp8.py')
    const args = [join(models.esm, 'model.safetensors'), join(bundle.folder, 'esm2'), at('frames.json')]
    const child = Bun.spawnSync([python, script, ...args], {
      env: { ...process.env, SHAPE: JSON.stringify(SHAPE) },
      stderr: 'pipe',
    })
    if (child.exitCode !== 0) throw new Error(child.stderr.toString())
    const theirs = JSON.parse(child.stdout.toString())
    const { products } = recordOf(bundle)
    expect(Object.keys(products).sort()).toEqual(Object.keys(theirs.largest).sort())
    for (const [name, product] of Object.entries<Record<string, number>>(products)) {
      expect(product.inputMax! / theirs.largest[name]).toBeCloseTo(1, 5)
      expect([product.inputScale, product.weightScale]).toEqual(theirs.scales[name])
      // Twice the largest magnitude fits, and no more than another factor of two.
      expect((448 * product.inputScale!) / (2 * product.inputMax!)).toBeGreaterThanOrEqual(1)
      expect((448 * product.inputScale!) / (2 * product.inputMax!)).toBeLessThan(2)
    }
    const { accuracy } = bundle.manifest.models.esm2.fp8!
    expect(accuracy.sequences).toBe(theirs.rows)
    // The graph's biases are rounded to BF16 with what is added to them, the simulation's are not.
    expect(Math.abs(accuracy.cosineMean - theirs.cosine_mean)).toBeLessThan(5e-5)
    expect(Math.abs(accuracy.cosineMin - theirs.cosine_min)).toBeLessThan(3e-4)
    expect(Math.abs(accuracy.relativeErrorMax - theirs.relative_error_max)).toBeLessThan(0.01)
  })

  test('says its accuracy, and keeps it with what it was calibrated with', async () => {
    const { fp8 } = bundle.manifest.models.esm2
    const { accuracy } = fp8!
    expect(accuracy.cosineMean).toBeGreaterThan(0.999)
    expect(accuracy.cosineMin).toBeLessThan(0.99999)
    expect(said.join('\n')).toContain(
      `cosine min ${accuracy.cosineMin.toFixed(6)}, mean ${accuracy.cosineMean.toFixed(6)}`,
    )
    expect(said.join('\n')).toContain(`${accuracy.equalCalls} of ${accuracy.sequences} calls agree`)
    const record = recordOf(bundle)
    expect(record).toMatchObject({ accuracy, input: { name: 'reads.fa' } })
    const sha256 = new Bun.CryptoHasher('sha256').update(readFileSync(at('reads.fa'))).digest('hex')
    expect(record.input.sha256).toBe(sha256)
    expect(record.input.heldOut.sequences).toBe(accuracy.sequences)
    expect(readdirSync(bundle.folder).sort()).toEqual([
      'dnabert_s',
      'esm2',
      'esm2_recheck',
      'manifest.json',
      'mlp',
    ])
    await verifyBundle(bundle.folder)
    writeFileSync(bundle.pathOf(fp8!.calibration), JSON.stringify({ ...record, tolerance: 1 }, null, 2))
    await expect(openBundle(bundle.folder)).rejects.toThrow('esm2/calibration.json')
    writeFileSync(bundle.pathOf(fp8!.calibration), `${JSON.stringify(record, null, 2)}\n`)
  })

  test('judges what is added to the input of a layer by the sum', () => {
    const { products } = recordOf(bundle)
    // By themselves the results of random attention differ so little between tokens that half the digits would be lost.
    for (const layer of [0, 1]) {
      const error = (product: string) => products[`layers.${layer}.${product}`].error
      expect(error('attention_out')).toBeGreaterThan(0)
      expect(error('attention_out')).toBeLessThan(error('value') / 2)
      expect(error('ffn_out')).toBeLessThan(error('ffn_in') / 1.2)
    }
  })

  test('leaves in BF16 what is off by more than the tolerance', async () => {
    const errors = Object.values<{ error: number }>(recordOf(bundle).products).map(({ error }) => error)
    const tolerance = errors.sort((a, b) => a - b)[4]!
    const careful = await importFp8('careful', { calibrate: at('reads.fa'), tolerance })
    const fp8 = careful.manifest.models.esm2.fp8!
    expect(fp8.products).toEqual({ all: 10, bf16: 5 })
    expect(fp8.accuracy.cosineMean).toBeGreaterThan(bundle.manifest.models.esm2.fp8!.accuracy.cosineMean)
    const none = await importFp8('none', { calibrate: at('reads.fa'), tolerance: 0 })
    expect(none.manifest.models.esm2.fp8).toMatchObject({
      products: { bf16: 10 },
      accuracy: { cosineMin: expect.closeTo(1, 4), equalCalls: fp8.accuracy.sequences },
    })
  })
})

test('plans are built from it for GPUs that multiply in FP8, and refused for others', async () => {
  /** A Python with TensorRT, which writes a plan and says so. */
  const builder = (computeCapability: string) => {
    const gpu = JSON.stringify({
      event: 'gpu',
      name: 'Test GPU',
      computeCapability,
      memoryBytes: 80e9,
      tensorrt: '10.6.0',
    })
    const path = at(`python-${computeCapability}`)
    writeFileSync(
      path,
      `#!/bin/sh
echo '${gpu}'
[ "$2" = --probe ] && exit 0
echo plan > "$(sed 's/.*"plan":"\\([^"]*\\)".*/\\1/')"
echo '{"event":"done","seconds":1,"bytes":5}'
`,
      { mode: 0o755 },
    )
    return path
  }
  const build = (computeCapability: string) =>
    buildEngines({
      bundle: bundle.folder,
      output: at('plans', computeCapability),
      python: builder(computeCapability),
    })
  const [esm2, dnabert] = await build('8.9')
  expect(esm2!.sidecar).toMatchObject({
    precision: 'fp8',
    graph: { sha256: bundle.manifest.models.esm2.graph.sha256 },
  })
  expect(dnabert!.isNew).toBe(true)
  await expect(build('8.0')).rejects.toThrow(/compute capability 8\.9 or higher.*Test GPU has 8\.0/)
  expect(existsSync(at('plans', '8.0'))).toBe(false)
})

test('sequences without open frames, or with too few, are refused before anything is written', async () => {
  writeFileSync(at('closed.fa'), `>a\n${'TAACTAGCTGA'.repeat(40)}\n`)
  const closed = importFp8('refused', { calibrate: at('closed.fa') })
  await expect(closed).rejects.toThrow(`${at('closed.fa')} has no open reading frames`)
  writeReads(at('few.fa'), 1)
  await expect(importFp8('refused', { calibrate: at('few.fa') })).rejects.toThrow('FP8 needs 8 of them')
  writeFileSync(at('protein.fa'), '>p\nMKLVEEQWPPFLIERYHDS\n')
  await expect(importFp8('refused', { calibrate: at('protein.fa') })).rejects.toThrow('protein.fa')
  expect(existsSync(at('refused'))).toBe(false)
})

test('weights that give NaN are refused, with the place', async () => {
  const damaged = await writeRandomModels(at('damaged'))
  changeWeights(join(damaged.esm, 'model.safetensors'), /layer\.1\.intermediate\.dense\.bias$/, (value, i) =>
    i === 0 ? Number.NaN : value,
  )
  const refused = importModels({
    ...damaged,
    output: at('refused'),
    precision: 'fp8',
    calibrate: at('reads.fa'),
  })
  await expect(refused).rejects.toThrow('ESM-2 gives NaN or infinity in layer 2')
  expect(existsSync(at('refused'))).toBe(false)
})

test('the command asks for the sequences, and the CPU refuses to run the bundle', () => {
  const main = resolve(import.meta.dir, '../../../src/cli/main.ts')
  const cli = (...args: string[]) => {
    const child = Bun.spawnSync([process.execPath, main, ...args], { stderr: 'pipe', stdout: 'pipe' })
    return { code: child.exitCode, words: child.stderr.toString() }
  }
  const files = ['--esm', models.esm, '--dnabert', models.dnabert, '--mlp', models.mlp, '--output', at('cli')]
  const missing = cli('models', 'import', ...files, '--precision', 'fp8')
  expect([missing.code, missing.words]).toEqual([64, expect.stringContaining('--calibrate is missing')])
  const other = cli('models', 'import', ...files, '--calibrate', at('reads.fa'))
  expect([other.code, other.words]).toEqual([
    64,
    expect.stringContaining('--calibrate is for --precision int8, bf16, fp16 or fp8'),
  ])
  const made = cli('models', 'import', ...files, '--precision', 'fp8', '--calibrate', at('reads.fa'))
  expect([made.code, made.words]).toEqual([0, expect.stringContaining('simulated: cosine min')])
  const run = cli(
    'predict',
    at('reads.fa'),
    '--bundle',
    at('cli'),
    '--backend',
    'onnx',
    '--output-dir',
    at('out'),
  )
  expect([run.code, run.words]).toEqual([
    64,
    expect.stringContaining('is in fp8, which the CPU cannot compute'),
  ])
})
