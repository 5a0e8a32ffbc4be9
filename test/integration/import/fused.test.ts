import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { type Bundle, openBundle, verifyBundle } from '../../../src/bundle/index.ts'
import { importModels } from '../../../src/import/index.ts'
import { ModelProtoSchema } from '../../../src/onnx/onnx_pb.ts'
import { buildEngines } from '../../../src/server/engines/index.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { virnucpro } from '../../support/cli.ts'
import { type ModelPaths, writeRandomModels } from './support/models.ts'
import { temporaryFolder } from './support/run.ts'

const folder = temporaryFolder()
const at = (...parts: string[]) => join(folder.path, ...parts)
let models: ModelPaths
let bundle: Bundle

beforeAll(async () => {
  models = await writeRandomModels(folder.path, 1, {
    esm: { layers: 3, width: 32, heads: 2, hidden: 64 },
    dnabert: { layers: 2, width: 32, heads: 2, hidden: 40 },
  })
  const read = (i: number) => `>read_${i}\n${'GCCACGGCAACC'.repeat(9).slice(i % 7)}\n`
  writeFileSync(at('reads.fa'), Array.from({ length: 60 }, (_, i) => read(i)).join(''))
  bundle = await importModels({ ...models, output: at('fused'), precision: 'bf16', attention: 'fused' })
})
afterAll(() => folder[Symbol.dispose]())

/** Nodes of an operator in a model's graph. */
function operators(from: Bundle, model: 'esm2' | 'dnabert_s', operator = 'VirnucproAttention'): number {
  const bytes = readFileSync(from.pathOf(from.manifest.models[model].graph))
  const { graph } = fromBinary(ModelProtoSchema, bytes)
  return graph!.node.filter(({ opType }) => opType === operator).length
}

test('a bundle with fused attention says so and has one operator for each layer', async () => {
  expect((await openBundle(bundle.folder)).manifest.attention).toBe('fused')
  expect((await verifyBundle(bundle.folder)).digest).toBe(bundle.digest)
  expect(operators(bundle, 'esm2')).toBe(3)
  expect(operators(bundle, 'dnabert_s')).toBe(2)
  const plain = await importModels({ ...models, output: at('plain'), precision: 'bf16' })
  expect(plain.manifest.attention).toBeUndefined()
  expect(operators(plain, 'esm2')).toBe(0)
  expect(plain.digest).not.toBe(bundle.digest)
})

test('in FP8 the one product of queries, keys and values is calibrated, and whole layers are operators', async () => {
  const made = await importModels({
    ...models,
    output: at('fp8'),
    precision: 'fp8',
    attention: 'fused',
    calibrate: at('reads.fa'),
    tolerance: 1,
  })
  expect(operators(made, 'esm2', 'VirnucproEncoderLayer')).toBe(3)
  expect(operators(made, 'dnabert_s')).toBe(2)
  const { calibration, products } = made.manifest.models.esm2.fp8!
  const found = JSON.parse(readFileSync(made.pathOf(calibration), 'utf8'))
  expect(Object.keys(found.products)).toContain('layers.0.query_key_value')
  expect(products).toEqual({ all: 12, bf16: 0 })
})

test('layers with a product in BF16 stay made of operators, and the import says so', async () => {
  const said: string[] = []
  const made = await importModels({
    ...models,
    output: at('mixed'),
    precision: 'fp8',
    attention: 'fused',
    calibrate: at('reads.fa'),
    tolerance: 0,
    recheck: 'off',
    onProgress: (message) => said.push(message),
  })
  expect(operators(made, 'esm2', 'VirnucproEncoderLayer')).toBe(0)
  expect(operators(made, 'esm2')).toBe(3)
  expect(said.join('\n')).toContain('esm2: 3 of 3 layers have a product in BF16')
})

test('what cannot compute it refuses it, and says what can', async () => {
  const common = { bundle: bundle.folder, output: at('repository') }
  for (const backend of ['tensorrt', 'onnxruntime', 'python'] as const) {
    await expect(buildRepository({ ...common, backend })).rejects.toMatchObject({
      code: 'attention-needs-plans',
    })
  }
  await expect(
    buildEngines({ bundle: bundle.folder, output: at('plans'), builder: 'trtexec' }),
  ).rejects.toMatchObject({ code: 'attention-needs-bindings' })
  const { code, stderr } = await virnucpro([
    ...['predict', '--input', 'examples/contigs.fasta', '--output-dir', at('out')],
    ...['--bundle', bundle.folder, '--backend', 'onnx'],
  ])
  expect(code).not.toBe(0)
  expect(stderr).toContain('bf16')
  expect(stderr).toContain('name a server with --triton that has its plans in the Python backend')
})

test('an import that cannot be fused writes nothing', async () => {
  const odd = await writeRandomModels(at())
  await expect(
    importModels({ ...odd, output: at('odd'), precision: 'bf16', attention: 'fused' }),
  ).rejects.toThrow('takes heads of 16, 32, 64, 128 numbers; those of esm2 have 8')
  await expect(openBundle(at('odd'))).rejects.toThrow()
  const files = ['--esm', models.esm, '--dnabert', models.dnabert, '--mlp', models.mlp, '--output', at('cpu')]
  for (const [args, words] of [
    [['--attention', 'fused'], '--attention fused is for --precision bf16, fp16 or fp8'],
    [['--precision', 'bf16', '--attention', 'flash'], 'expected one of standard, fused, got "flash"'],
  ] as const) {
    const { code, stderr } = await virnucpro(['models', 'import', ...files, ...args])
    expect(code).toBe(64)
    expect(stderr).toContain(words)
  }
})
