import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { hasTriton, startTriton } from '../../../scripts/support/triton.ts'
import { type Bundle, verifyBundle } from '../../../src/bundle/index.ts'
import { int8Product, roundTokens } from '../../../src/import/graphs/int8.ts'
import { importModels } from '../../../src/import/index.ts'
import { compareEmbeddings } from '../../../src/import/quantize/accuracy.ts'
import { readOrfs } from '../../../src/import/quantize/orfs.ts'
import { DataType, GraphBuilder, loadRuntime, openSession, writeModel } from '../../../src/onnx/index.ts'
import { buildEngines } from '../../../src/server/engines/index.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { EsmAlphabet } from '../../../src/tokenizers/index.ts'
import { changeWeights, type ModelPaths, WIDER, writeWiderModels } from './support/models.ts'
import { temporaryFolder } from './support/run.ts'

const ROOT = resolve(import.meta.dir, '../../..')
const READS = join(ROOT, 'examples/contigs.fasta')
const folder = temporaryFolder()
const at = (...parts: string[]) => join(folder.path, ...parts)
const said: string[] = []
let models: ModelPaths
let fp32: Bundle
let int8: Bundle

/** Makes a few channels of every layer norm 20 times as large as the others, as trained models have them. */
function enlarge(path: string, name: RegExp): void {
  const isLarge = (channel: number) => [5, 40, 71].includes(channel)
  const norms = changeWeights(path, name, (value, channel) => (isLarge(channel) ? 20 * value : value))
  expect(norms).toBeGreaterThan(3)
}

/** Embeddings of proteins by a bundle's ESM-2, one batch. */
async function embed(bundle: Bundle, proteins: readonly string[]): Promise<Float32Array> {
  const { Tensor } = await loadRuntime()
  const rows = proteins.map((protein) => new EsmAlphabet().encode(new TextEncoder().encode(protein)))
  const width = Math.max(...rows.map((row) => row.length))
  const ids = new Int32Array(rows.length * width).fill(1)
  for (const [i, row] of rows.entries()) ids.set(row, i * width)
  const session = await openSession(bundle.pathOf(bundle.manifest.models.esm2.graph))
  const { embedding } = await session.run({
    input_ids: new Tensor('int32', ids, [rows.length, width]),
    lengths: new Tensor(
      'int32',
      Int32Array.from(rows, (row) => row.length),
      [rows.length],
    ),
  })
  await session.release()
  return embedding!.data as Float32Array
}

const PROTEINS = [
  'MKLVEEQWPPFLIERYHDSAAAKLM',
  'GGSTWC',
  `${'ACDEFGHIKLMNPQRSTVWY'.repeat(4)}`,
  'M',
  'WWWWWWWWWWK',
]

beforeAll(async () => {
  models = await writeWiderModels(folder.path, 2)
  fp32 = await importModels({ ...models, output: at('fp32') })
  int8 = await importModels({
    ...models,
    output: at('int8'),
    precision: 'int8',
    onProgress: (message) => said.push(message),
  })
})
afterAll(() => folder[Symbol.dispose]())

describe('a bundle in INT8', () => {
  test('takes little more than a quarter of the room, and gives nearly the same embeddings', async () => {
    for (const model of ['esm2', 'dnabert_s'] as const) {
      const ratio = int8.manifest.models[model].weights.bytes / fp32.manifest.models[model].weights.bytes
      // Each tensor takes whole pages, which only matters in models as small as this one.
      expect(ratio).toBeLessThan(0.45)
    }
    const [ours, exact] = [await embed(int8, PROTEINS), await embed(fp32, PROTEINS)]
    const { cosineMin, cosineMean } = compareEmbeddings(ours, exact, WIDER)
    expect(cosineMin).toBeGreaterThan(0.999)
    expect(cosineMean).toBeGreaterThan(0.9995)
    expect(cosineMin).toBeLessThan(0.999999)
  })

  test('gives a sequence the same embedding whatever else is in its batch', async () => {
    const together = await embed(int8, PROTEINS)
    for (const [i, protein] of PROTEINS.entries()) {
      const alone = await embed(int8, [protein])
      const { cosineMin } = compareEmbeddings(together.subarray(i * WIDER, (i + 1) * WIDER), alone, WIDER)
      expect(cosineMin).toBeGreaterThan(0.99999)
    }
  })

  test('says its accuracy and keeps it with what it was measured on', async () => {
    const { input, accuracy } = int8.manifest.int8!
    const sha256 = new Bun.CryptoHasher('sha256').update(readFileSync(READS)).digest('hex')
    expect(input).toEqual({ name: 'contigs.fasta', bytes: Bun.file(READS).size, sha256 })
    for (const model of ['esm2', 'dnabert_s'] as const) {
      const { cosineMin, cosineMean } = accuracy[model]
      expect(cosineMin).toBeGreaterThan(0.999)
      expect(cosineMin).toBeLessThan(0.999999)
      expect(said.join('\n')).toContain(
        `${model}: INT8 against FP32 on ${accuracy.sequences} other frames: cosine min ${cosineMin.toFixed(6)}, ` +
          `mean ${cosineMean.toFixed(6)}`,
      )
    }
    expect(said.join('\n')).toContain(`${accuracy.equalCalls} of ${accuracy.sequences} calls agree`)
    // It is that of the graph in the bundle, with what it gives embeddings back.
    const { heldOut } = await readOrfs(READS)
    const proteins = heldOut.map(({ protein }) => Buffer.from(protein).toString('latin1'))
    const found = compareEmbeddings(await embed(int8, proteins), await embed(fp32, proteins), WIDER)
    expect(found.sequences).toBe(accuracy.sequences)
    expect(found.relativeErrorMax / accuracy.esm2.relativeErrorMax).toBeCloseTo(1, 1)
    expect(int8.manifest.precision).toBe('int8')
    expect((await verifyBundle(int8.folder)).digest).not.toBe(fp32.digest)
  })

  test('keeps its accuracy where a few channels are 20 times as large as the others', async () => {
    const large = await writeWiderModels(at('large'), 2)
    enlarge(join(large.esm, 'model.safetensors'), /layer\.\d+\.(attention\.)?LayerNorm\.(weight|bias)$/)
    enlarge(join(large.dnabert, 'model.safetensors'), /LayerNorm\.weight$|layernorm\.weight$/)
    const made = await importModels({ ...large, output: at('large-int8'), precision: 'int8' })
    const { esm2, dnabert_s } = made.manifest.int8!.accuracy
    expect(esm2.cosineMin).toBeGreaterThan(0.9985)
    expect(dnabert_s.cosineMin).toBeGreaterThan(0.9985)
  })
})

test('products of the largest numbers are exact on processors that add in 16 bits', async () => {
  const [inputs, outputs] = [256, 48]
  const b = new GraphBuilder('largest')
  const x = b.input('x', DataType.float, ['B', 'T', inputs])
  const weight = {
    name: 'w',
    inputs,
    outputs,
    source: () => [new Float32Array(inputs * outputs).fill(-3)],
  }
  b.output(
    b.node('Identity', [int8Product(b, roundTokens(b, x, inputs), weight)], {}, 'both'),
    DataType.float,
    ['B', 'T', outputs],
  )
  const above = int8Product(b, roundTokens(b, x, inputs, -0.17), { ...weight, name: 'v' })
  b.output(b.node('Identity', [above], {}, 'above'), DataType.float, ['B', 'T', outputs])
  await Bun.write(at('largest', 'empty'), '')
  await writeModel(b, { folder: at('largest'), producer: { name: 'virnucpro', version: 'test' } })
  const session = await openSession(at('largest', 'model.onnx'))
  const { Tensor } = await loadRuntime()
  // Rows of 2 and of 500, one beside the other, and one of zeros.
  const values = new Float32Array(3 * inputs).fill(2, 0, inputs).fill(500, inputs, 2 * inputs)
  const { both, above: positive } = await session.run({ x: new Tensor('float32', values, [1, 3, inputs]) })
  await session.release()
  for (const found of [both, positive]) {
    const rows = found!.data as Float32Array
    for (const [row, value] of [2, 500, 0].entries()) {
      for (let i = 0; i < outputs; i++) expect(rows[row * outputs + i]).toBeCloseTo(-3 * value * inputs, 0)
    }
  }
})

describe('the command', () => {
  const cli = (...args: string[]) => {
    const child = Bun.spawnSync([process.execPath, join(ROOT, 'src/cli/main.ts'), ...args], {
      cwd: folder.path,
      stderr: 'pipe',
      stdout: 'pipe',
    })
    return { code: child.exitCode, words: child.stderr.toString(), out: child.stdout.toString() }
  }
  const predict = (bundle: string) =>
    cli('predict', READS, '--bundle', at(bundle), '--backend', 'onnx', '--output-dir', at('out'))

  test('imports with sequences of its own or the user’s, and refuses those that are no use', () => {
    const files = ['--esm', models.esm, '--dnabert', models.dnabert, '--mlp', models.mlp]
    const args = ['models', 'import', ...files, '--precision', 'int8', '--output', at('cli')]
    writeFileSync(at('closed.fa'), `>a\n${'TAACTAGCTGA'.repeat(40)}\n`)
    const closed = cli(...args, '--calibrate', at('closed.fa'))
    expect(closed.words).toContain(`${at('closed.fa')} has no open reading frames`)
    expect(closed.words).toContain('INT8 needs 8')
    expect(existsSync(at('cli'))).toBe(false)
    const missing = cli(...args, '--calibrate', at('nowhere.fa'))
    expect([missing.code, missing.words]).toEqual([66, expect.stringContaining('nowhere.fa')])
    const made = cli(...args, '--calibrate', READS)
    expect([made.code, made.words]).toEqual([0, expect.stringContaining('INT8 against FP32')])
    // What a pipe gives comes once, and is needed for each model.
    const piped = Bun.spawnSync(
      [
        'bash',
        '-c',
        `exec "$@" --output ${at('piped')} --calibrate <(cat ${READS})`,
        'bash',
        process.execPath,
      ].concat([join(ROOT, 'src/cli/main.ts'), 'models', 'import', ...files, '--precision', 'int8']),
      { stderr: 'pipe' },
    )
    expect([piped.exitCode, piped.stderr.toString()]).toEqual([
      0,
      expect.stringContaining('INT8 against FP32'),
    ])
    expect(cli('models', 'verify', at('piped')).code).toBe(0)
    const digests = (name: string) => {
      const { models: made } = JSON.parse(readFileSync(at(`${name}/manifest.json`), 'utf8'))
      return JSON.stringify(made).match(/"sha256":"\w+"/g)
    }
    expect(digests('piped')).toEqual(digests('cli'))
    const device = cli(...args, '--calibrate', '/dev/zero', '--force')
    expect([device.code, device.words]).toEqual([66, expect.stringContaining('this is a device')])
    const tolerance = cli(...args, '--fp8-tolerance', '0.1', '--force')
    expect([tolerance.code, tolerance.words]).toEqual([64, expect.stringContaining('is for --precision fp8')])
  })

  test('computes with it, says so, and does not mix its embeddings with those in FP32', () => {
    const run = predict('int8')
    expect([run.code, run.words]).toEqual([
      0,
      expect.stringContaining('ONNX Runtime in this process in int8'),
    ])
    const mixed = predict('fp32')
    expect(mixed.code).not.toBe(0)
    expect(mixed.words).toMatch(/models|bundle/)
  })

  test('checks the graphs against themselves, sequence by sequence', () => {
    const checked = cli('verify', '--bundle', at('int8'), '--sequences', '8')
    expect([checked.code, checked.out]).toEqual([0, expect.stringContaining('8 rows against INT8 graph')])
  })

  test.skipIf(!hasTriton)('serves it with the Python backend of a server', async () => {
    await buildRepository({ bundle: int8.folder, backend: 'python', output: at('repository') })
    await using server = await startTriton({ repository: at('repository') })
    const checked = cli('verify', '--bundle', at('int8'), '--sequences', '8', '--triton', server.grpcUrl)
    expect([checked.code, checked.out]).toEqual([0, expect.stringContaining('8 of 8 agree')])
    const run = (bundle: string) =>
      cli('predict', READS, '--bundle', at(bundle), '-o', at(`served-${bundle}`), '--triton', server.grpcUrl)
    const other = run('fp32')
    expect([other.code, other.words]).toEqual([64, expect.stringContaining('computes in int8 there')])
    expect(run('int8').code).toBe(0)
  })

  test('builds no plan from it', async () => {
    const refused = buildEngines({ bundle: int8.folder, output: at('plans') })
    await expect(refused).rejects.toThrow(/is in int8, but TensorRT plans are built from one of bf16/)
    expect(existsSync(at('plans'))).toBe(false)
  })
})
