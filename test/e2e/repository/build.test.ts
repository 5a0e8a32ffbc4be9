import { expect, test } from 'bun:test'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { demoBundle, writePlans } from '../../../scripts/support/plans.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { versionFolder } from '../../../scripts/support/triton.ts'
import { openBundle, sourceDigest } from '../../../src/bundle/index.ts'
import {
  type BuildOptions,
  buildRepository,
  PlanError,
  RepositoryError,
} from '../../../src/server/repository/index.ts'
import { resealBundle } from '../../support/bundle.ts'
import { hasPython, runPython } from '../../support/python.ts'
import { contractOf } from './model-config.ts'
import { digestOf } from './support.ts'

const { digest, manifest } = await openBundle(demoBundle)

const build = (output: string, options: Partial<BuildOptions> = {}) =>
  buildRepository({ bundle: demoBundle, backend: 'python', output, ...options })

const configOf = (repository: string, model: string) =>
  readFileSync(join(repository, model, 'config.pbtxt'), 'utf8')

test('all backends serve one contract', async () => {
  await using folder = temporaryFolder()
  writePlans(folder.join('plans'), digest)
  for (const backend of ['tensorrt', 'onnxruntime', 'python'] as const) {
    const output = folder.join(backend)
    const plans = backend === 'tensorrt' ? { plans: folder.join('plans') } : {}
    const { models } = await build(output, { backend, ...plans })
    expect(models).toEqual(['esm2', 'esm2_sequence', 'dnabert_s', 'dnabert_s_sequence'])
    for (const model of ['esm2', 'dnabert_s'] as const) {
      const { dimension } = manifest.models[model]
      expect(contractOf(configOf(output, model))).toEqual({
        name: model,
        backend,
        maxBatchSize: 0,
        inputs: [
          { name: 'input_ids', type: 'TYPE_INT32', dims: [-1, -1] },
          { name: 'lengths', type: 'TYPE_INT32', dims: [-1] },
        ],
        outputs: [{ name: 'embedding', type: 'TYPE_FP32', dims: [-1, dimension] }],
      })
      expect(contractOf(configOf(output, `${model}_sequence`))).toEqual({
        name: `${model}_sequence`,
        backend: 'python',
        maxBatchSize: 0,
        inputs: [{ name: 'sequences', type: 'TYPE_STRING', dims: [-1] }],
        outputs: [{ name: 'embedding', type: 'TYPE_FP32', dims: [-1, dimension] }],
      })
    }
  }
})

test('a configuration says what its rows are, for those who write clients', async () => {
  await using folder = temporaryFolder()
  const output = folder.join('repository')
  await build(output)
  const linesOf = (model: string) => configOf(output, model).split('\n').slice(0, 2).join('\n')
  expect(linesOf('esm2')).toMatch(/mean over residues.*<cls> and <eos> included/s)
  expect(linesOf('dnabert_s')).toMatch(/mean over tokens.*\[CLS\] and \[SEP\] included/s)
  expect(linesOf('esm2_sequence')).toContain(
    '# Proteins in, embeddings out: one-letter residues in upper case.',
  )
  expect(linesOf('dnabert_s_sequence')).toContain('# DNA in, embeddings out: upper case.')
})

test('the version of a model stands for its weights, graph and precision, whatever runs it', async () => {
  await using folder = temporaryFolder()
  writePlans(folder.join('plans'), digest)
  const versions = async (name: string, options: Partial<BuildOptions>) => {
    await build(folder.join(name), options)
    return ['esm2', 'esm2_sequence', 'dnabert_s', 'dnabert_s_sequence'].map((model) =>
      basename(versionFolder(folder.join(name), model)),
    )
  }
  const own = await versions('python', {})
  const [esm2 = '', , dnabert = ''] = own
  expect(own).toEqual([esm2, esm2, dnabert, dnabert])
  expect(esm2).not.toBe(dnabert)
  // Triton reads signed integers of 64 bits without leading zeros.
  for (const version of own) expect(BigInt.asIntN(64, BigInt(version)).toString()).toBe(version)
  expect(configOf(folder.join('python'), 'esm2_sequence')).toContain(
    `{ key: "version" value: { string_value: "${esm2}" } }`,
  )
  const plans = folder.join('plans')
  expect(await versions('plans-python', { plans })).toEqual(own)
  expect(await versions('tensorrt', { backend: 'tensorrt', plans })).toEqual(own)
  expect(await versions('onnxruntime', { backend: 'onnxruntime' })).toEqual(own)

  const changed = async (name: string, change: (path: string) => void) => {
    await Bun.$`cp -r ${demoBundle} ${folder.join(name)}`.quiet()
    change(folder.join(name))
    return (await versions(`${name}-served`, { bundle: folder.join(name) }))[0]
  }
  const flipped = (file: string) => (path: string) => {
    const bytes = readFileSync(join(path, file))
    bytes[bytes.length - 1]! ^= 1
    writeFileSync(join(path, file), bytes)
    resealBundle(path)
  }
  const others = [
    await changed('weights', flipped('esm2/weights.bin')),
    await changed('graph', flipped('esm2/model.onnx')),
    await changed('precision', (path) =>
      resealBundle(path, (bundle) => Object.assign(bundle, { precision: 'int8' })),
    ),
  ]
  expect(new Set([esm2, ...others]).size).toBe(4)
  // What the other model is makes no difference.
  expect(await changed('other', flipped('dnabert_s/weights.bin'))).toBe(esm2)
})

test('TensorRT: a plan for each kind of GPU, every profile, and a warm-up for each', async () => {
  await using folder = temporaryFolder()
  writePlans(folder.join('plans'), digest)
  const output = folder.join('out')
  await build(output, { backend: 'tensorrt', plans: folder.join('plans') })
  const config = configOf(output, 'esm2')
  expect(config).toContain('{ kind: KIND_GPU count: 1 profile: [ "0", "1" ] }')
  expect(config).toContain('{ key: "8.9" value: "model_sm89.plan" }')
  expect(config).toContain('{ key: "9.0" value: "model_sm90.plan" }')
  expect(config).toContain('dims: [ 320, 51 ] input_data_file: "320x51_input_ids"')
  expect(readdirSync(versionFolder(output, 'esm2')).sort()).toEqual(['model_sm89.plan', 'model_sm90.plan'])
  expect(statSync(join(output, 'esm2', 'warmup', '320x51_input_ids')).size).toBe(320 * 51 * 4)
  expect(statSync(join(output, 'dnabert_s', 'warmup', '96x168_lengths')).size).toBe(96 * 4)
  expect(configOf(output, 'esm2_sequence')).toContain('"1024x64,256x256"')
})

test('Python: plans on every GPU, and the code that runs them', async () => {
  await using folder = temporaryFolder()
  const plans = folder.join('plans')
  const instances = async (more: Partial<BuildOptions> = {}) => {
    writePlans(plans, digest, { gpuMemoryBytes: 141e9, plan: { bytes: 6e9 } })
    await build(folder.join('out'), { plans, force: true, ...more })
    return /kind: KIND_GPU count: (\d+)/.exec(configOf(folder.join('out'), 'esm2'))?.[1]
  }
  expect(await instances({ instances: 3 })).toBe('3')
  expect(await instances()).toBe('1')
  const output = folder.join('out')
  const plansAndModel = ['model.py', 'model_sm89.plan', 'model_sm90.plan']
  const plugins = ['attention.cu', 'attention_kernel.py', 'attention_plugin.py', 'plugins.py']
  const code = [
    'cublaslt.py',
    'cuda_runtime.py',
    'encoder_layer.cu',
    'encoder_layer.py',
    'encoder_plugin.py',
    'overlap.py',
    'plan_engine.py',
    'profiles.py',
    'tensorrt_api.py',
    'token_batch.py',
  ]
  const files = [...plansAndModel, ...plugins, ...code].sort()
  expect(readdirSync(versionFolder(output, 'esm2')).sort()).toEqual(files)
  expect(contractOf(configOf(output, 'esm2')).backend).toBe('python')
  for (const model of ['esm2', 'dnabert_s'] as const) {
    const text = configOf(output, model)
    expect(text).toContain(sourceDigest(manifest.models[model]))
    expect(text).toContain('{ key: "shapes" value: { string_value: "1024x64,256x256" } }')
    expect(text).toContain('{ key: "in_flight" value: { string_value: "3" } }')
    expect(text).toContain(`{ key: "precision" value: { string_value: "${manifest.precision}" } }`)
    expect(text).toContain('dims: [ 320, 51 ] input_data_file: "320x51_input_ids"')
  }
  expect(configOf(output, 'esm2_sequence')).toContain('"1024x64,256x256"')
  writePlans(plans, digestOf('another'))
  await expect(build(output, { plans, force: true })).rejects.toThrow('another bundle')
})

test.skipIf(!hasPython)(
  'Python: a batch goes to the profile of its length, or is refused with what goes',
  async () => {
    const program = `
import sys; sys.path.insert(0, sys.argv[1])
from profiles import ShapeError, largest, profile_for
plan = [((1, 2), (320, 51), (1024, 64)), ((1, 65), (96, 168), (372, 176))]
for batch in [(320, 51), (1, 2), (1024, 64), (1, 65), (372, 176)]: print(profile_for(plan, *batch))
for batch in [(1025, 64), (373, 65), (4, 177), (4, 1)]:
    try: profile_for(plan, *batch); print("taken")
    except ShapeError as error: print(error)
print(largest(plan))`
    const code = resolve(import.meta.dir, '../../../model_repository/python')
    expect((await runPython(program, code)).trim().split('\n')).toEqual([
      ...['0', '0', '0', '1', '1'],
      'a batch of 1025 rows of 64 tokens: the plan takes 1 to 1024 rows of 2 to 64 tokens',
      'a batch of 373 rows of 65 tokens: the plan takes 1 to 372 rows of 65 to 176 tokens',
      'a batch of 4 rows of 177 tokens: the plan takes rows of 2 to 64, 65 to 176 tokens',
      'a batch of 4 rows of 1 tokens: the plan takes rows of 2 to 64, 65 to 176 tokens',
      '(1024, 65536)',
    ])
  },
)

test('plans that are missing or do not fit are refused before anything is written', async () => {
  await using folder = temporaryFolder()
  const output = folder.join('out')
  const plans = folder.join('plans')
  const attempt = () => build(output, { backend: 'tensorrt', plans })
  await expect(build(output, { backend: 'tensorrt' })).rejects.toMatchObject({ code: 'plans-not-named' })
  const missing = { code: 'no-plans', message: expect.stringMatching(/^no TensorRT plan in .*esm2: /) }
  await expect(attempt()).rejects.toMatchObject(missing)
  const overlapping = [
    { min: [1, 1], opt: [8, 8], max: [64, 64] },
    { min: [1, 64], opt: [8, 80], max: [64, 128] },
  ]
  for (const [changes, message] of [
    [{ bundle: digestOf('another') }, /model_sm89.plan was built from another bundle/],
    [{ model: 'esm2' }, /dnabert_s.*is a plan of esm2, expected one of dnabert_s/],
    [{ computeCapability: '8.0' }, /is for compute capability 8.0: expected the name model_sm80.plan/],
    [{ profiles: overlapping }, /profiles overlap in length/],
    [{ profiles: [] }, /does not describe a plan/],
  ] as const) {
    writePlans(plans, digest, changes)
    const failure = await attempt().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(PlanError)
    expect((failure as Error).message).toMatch(message)
  }
  expect(readdirSync(folder.path)).toEqual(['plans'])
})

test('weights are linked, and copied on request', async () => {
  await using folder = temporaryFolder()
  // A bundle on the same file system as the repository.
  await Bun.$`cp -r ${demoBundle} ${folder.join('bundle')}`.quiet()
  const weights = (name: string) => statSync(join(versionFolder(folder.join(name), 'esm2'), 'weights.bin'))
  const bundle = folder.join('bundle')
  await build(folder.join('linked'), { bundle })
  await build(folder.join('copied'), { bundle, placement: 'copy' })
  const { ino } = statSync(folder.join('bundle', 'esm2', 'weights.bin'))
  expect(weights('linked').ino).toBe(ino)
  expect(weights('copied').ino).not.toBe(ino)
  expect(weights('copied').size).toBe(weights('linked').size)
})

test('only a repository of this program is replaced, and only on request', async () => {
  await using folder = temporaryFolder()
  const output = folder.join('out')
  await build(output)
  await expect(build(output)).rejects.toMatchObject({ code: 'place-taken' })
  for (const instances of [0, 1.5])
    await expect(build(folder.join('none'), { instances })).rejects.toThrow('expected a whole number from 1')
  await build(output, { force: true, instances: 3, threads: 2 })
  expect(configOf(output, 'esm2')).toContain('{ kind: KIND_CPU count: 3 }')
  expect(configOf(output, 'esm2')).toContain('{ key: "threads" value: { string_value: "2" } }')

  const foreign = folder.join('notes')
  await Bun.write(join(foreign, 'notes.txt'), 'mine')
  await expect(build(foreign, { force: true })).rejects.toThrow(RepositoryError)
  expect(readFileSync(join(foreign, 'notes.txt'), 'utf8')).toBe('mine')
  writeFileSync(folder.join('file'), '')
  await expect(build(folder.join('file'), { force: true })).rejects.toThrow('is a file')
  expect(readdirSync(folder.path).sort()).toEqual(['file', 'notes', 'out'])
})
