import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { type Bundle, openBundle } from '../../../src/bundle/index.ts'
import { type ImportOptions, importModels, openDnabert, openEsm2 } from '../../../src/import/index.ts'
import { compareEmbeddings } from '../../../src/import/quantize/accuracy.ts'
import { readOrfs } from '../../../src/import/quantize/orfs.ts'
import { ModelProtoSchema } from '../../../src/onnx/onnx_pb.ts'
import { DnaTokenizer, EsmAlphabet } from '../../../src/tokenizers/index.ts'
import { repository, virnucpro } from '../../support/cli.ts'
import { hasPython } from '../../support/python.ts'
import { evaluated, inFp32, type Name } from './support/embeddings.ts'
import { largestInside } from './support/magnitudes.ts'
import { changeWeights, type ModelPaths, WIDER, writeWiderModels } from './support/models.ts'
import { distance, embed, openGraph, temporaryFolder } from './support/run.ts'

const LAYERS = 2
const END = 65_504
const READS = join(repository, 'examples/contigs.fasta')
const folder = temporaryFolder()
const at = (...parts: string[]) => join(folder.path, ...parts)
const said: string[] = []
let models: ModelPaths
let bundle: Bundle
let bf16: Bundle
let fp32: Bundle

/** What a model is called by messages, and in a bundle. */
const CALLED = {
  esm: { model: 'ESM-2', name: 'esm2' },
  dnabert: { model: 'DNABERT-S', name: 'dnabert_s' },
} as const

type Change = { from: 'esm' | 'dnabert'; tensor: RegExp; to: (value: number, i: number) => number }

/** The random models with other numbers in a tensor or more. */
async function writeChanged(to: string, { from, tensor, to: change }: Change): Promise<ModelPaths> {
  const changed = await writeWiderModels(at(to), LAYERS)
  changeWeights(join(changed[from], 'model.safetensors'), tensor, change)
  return changed
}

/** Frames of the example that an import in FP16 takes, as token ids. */
async function framesFor(from: ModelPaths, name: Name): Promise<Int32Array[]> {
  const { calibration, heldOut } = await readOrfs(READS, undefined, 'FP16', {
    calibration: 2048,
    heldOut: 1024,
  })
  const alphabet = new EsmAlphabet()
  const tokenizer = await DnaTokenizer.fromFile(join(from.dnabert, 'tokenizer.json'))
  return [...calibration, ...heldOut].map(({ protein, nucleotide }) =>
    name === 'esm2' ? alphabet.encode(protein) : tokenizer.encode(nucleotide),
  )
}

/** The largest number inside one of the models in FP32, of those frames. */
async function largestIn(from: ModelPaths, name: Name): Promise<number> {
  await using model = await (name === 'esm2' ? openEsm2(from.esm) : openDnabert(from.dnabert))
  return await largestInside(model, await framesFor(from, name))
}

/** Embeddings by a bundle's own graph in ONNX Runtime, every frame alone. */
async function embedEach(from: Bundle, name: Name, frames: readonly Int32Array[]): Promise<Float32Array> {
  const session = await openGraph(from.pathOf(from.manifest.models[name].graph))
  const rows: number[] = []
  for (const ids of frames) rows.push(...(await embed(session, [[...ids]])).embedding!)
  await session.release()
  return Float32Array.from(rows)
}

beforeAll(async () => {
  models = await writeWiderModels(folder.path, LAYERS)
  const onProgress = (message: string) => said.push(message)
  bundle = await importModels({ ...models, output: at('fp16'), precision: 'fp16', onProgress })
  bf16 = await importModels({ ...models, output: at('bf16'), precision: 'bf16', calibrate: false })
  fp32 = await importModels({ ...models, output: at('fp32') })
})
afterAll(() => folder[Symbol.dispose]())

describe.skipIf(!hasPython)('a bundle in FP16', () => {
  test.each(['esm2', 'dnabert_s'] as const)('gives embeddings of %s far nearer than BF16', async (name) => {
    const exact = await inFp32(models, name)
    const off = async (from: Bundle) =>
      distance(Float32Array.from((await evaluated(models, name, from)).flat()), exact)
    const own = await off(bundle)
    expect(own).toBeGreaterThan(0)
    // Three binary digits more are a factor of 8.
    expect(4 * own).toBeLessThan(await off(bf16))
  })
})

test('a bundle in FP16 says its accuracy and keeps it with what it was measured on', async () => {
  const { input, accuracy } = bundle.manifest.fp16!
  const sha256 = new Bun.CryptoHasher('sha256').update(readFileSync(READS)).digest('hex')
  expect(input).toEqual({ name: 'contigs.fasta', bytes: Bun.file(READS).size, sha256 })
  const words = said.join('\n')
  for (const model of ['esm2', 'dnabert_s'] as const) {
    const { cosineMin, cosineMean, relativeErrorMax } = accuracy[model]
    // Equal embeddings have 1 up to the rounding of sums; those in BF16 would be some 64 times as far from it.
    expect(cosineMin).toBeGreaterThan(0.999999)
    expect(cosineMin).toBeLessThan(1 - 1e-9)
    expect(words).toContain(
      `${model}: FP16 against FP32 on ${accuracy.sequences} frames: cosine min ${cosineMin.toFixed(6)}, ` +
        `mean ${cosineMean.toFixed(6)}, largest relative error ${(100 * relativeErrorMax).toFixed(1)} %`,
    )
    // It is that of the bundle's graph, which ONNX Runtime rounds nearly as it does one layer after the other.
    const frames = await framesFor(models, model)
    const [ours, exact] = [await embedEach(bundle, model, frames), await embedEach(fp32, model, frames)]
    const found = compareEmbeddings(ours, exact, WIDER)
    expect(found.sequences).toBe(accuracy.sequences)
    const ratio = found.relativeErrorMax / relativeErrorMax
    expect(ratio).toBeGreaterThan(0.7)
    expect(ratio).toBeLessThan(1.4)
  }
  expect(accuracy.equalCalls).toBeLessThanOrEqual(accuracy.sequences)
  expect(words).toContain(`${accuracy.equalCalls} of ${accuracy.sequences} calls agree`)
})

test('the largest number is that of all inside both models, and is said', async () => {
  // The largest of the random models is in DNABERT-S, of the others in ESM-2.
  const other = await writeChanged('other', {
    from: 'esm',
    tensor: /layer\.0\.output\.dense\.bias$/,
    to: (value, i) => (i === 0 ? 1234 : value),
  })
  const heard: string[] = []
  const second = await importModels({
    ...other,
    output: at('other-fp16'),
    precision: 'fp16',
    onProgress: (message) => heard.push(message),
  })
  for (const [from, { manifest }, words] of [
    [models, bundle, said],
    [other, second, heard],
  ] as const) {
    const { largest } = manifest.fp16!
    const expected = Math.max(await largestIn(from, 'esm2'), await largestIn(from, 'dnabert_s'))
    expect(largest! / expected).toBeCloseTo(1, 4)
    const shown = largest!.toLocaleString('en-US', { maximumFractionDigits: 0 })
    expect(words).toContain(`largest number inside the models ${shown}, of 65,504 that FP16 has`)
  }
})

describe('models whose numbers leave FP16 too little room are refused:', () => {
  test.each<Change & { what: string }>([
    {
      what: 'what a product gives',
      from: 'esm',
      tensor: /layer\.0\.output\.dense\.weight$/,
      to: (value) => 2e4 * value,
    },
    {
      what: 'what layers add up to',
      from: 'esm',
      tensor: /layer\.\d\.output\.dense\.bias$/,
      to: (value, i) => (i === 0 ? 2e4 : value),
    },
    {
      what: 'what GELU makes nothing of',
      from: 'esm',
      tensor: /layer\.1\.intermediate\.dense\.bias$/,
      to: (value, i) => (i === 0 ? -4e4 : value),
    },
    {
      what: 'what tokens begin with',
      from: 'dnabert',
      tensor: /word_embeddings\.weight$/,
      to: (value, i) => (i % WIDER === 0 ? 4e4 : value),
    },
    {
      what: 'what a product gives',
      from: 'dnabert',
      tensor: /layer\.1\.mlp\.wo\.weight$/,
      to: (value) => 1.5e4 * value,
    },
    {
      what: 'what the last norm gives',
      from: 'esm',
      tensor: /emb_layer_norm_after\.weight$/,
      to: (value) => 1.3e4 * value,
    },
    {
      what: 'what the last norm gives',
      from: 'dnabert',
      tensor: /layer\.1\.mlp\.layernorm\.weight$/,
      to: (value) => 1.3e4 * value,
    },
    {
      what: 'scores of attention',
      from: 'esm',
      tensor: /layer\.1\.attention\.self\.(query|key)\.(weight|bias)$/,
      to: (value) => 90 * value,
    },
    {
      what: 'scores of attention',
      from: 'dnabert',
      // Queries and keys are the first two thirds.
      tensor: /layer\.1\.attention\.self\.Wqkv\.weight$/,
      to: (value, i) => (i < 2 * WIDER * WIDER ? 90 * value : value),
    },
  ])('$what in $from', async ({ what, ...change }) => {
    const { model, name } = CALLED[change.from]
    const large = await writeChanged(`${what} in ${model}`, change)
    // FP16 has all of them: it is other sequences that need the room.
    const largest = await largestIn(large, name)
    expect(largest).toBeGreaterThan(END / 2)
    expect(largest).toBeLessThan(END)
    const output = at(`FP16 of ${what} in ${model}`)
    const error: Error = await importModels({ ...large, output, precision: 'fp16' }).then(
      () => expect.unreachable(),
      (reason) => reason,
    )
    const [, number] = /^numbers inside (?:ESM-2|DNABERT-S) reach ([\d,]+) /.exec(error.message)!
    expect(Number(number!.replaceAll(',', '')) / largest).toBeCloseTo(1, 3)
    for (const words of [`inside ${model} reach`, 'FP16 ends at 65,504'])
      expect(error.message).toContain(words)
    expect(error).toMatchObject({ code: 'beyond-fp16' })
    // Where, in words.
    expect(error.message).toMatch(/\([^:()]+\)/)
    expect(existsSync(output)).toBe(false)
  })
})

test.each<Change & { name: string }>([
  {
    name: 'esm2: layers.1.ffn_out.bias',
    from: 'esm',
    tensor: /layer\.1\.output\.dense\.bias$/,
    to: (value, i) => (i === 5 ? -7e4 : value),
  },
  {
    // That of one token: sequences that are tried need not have it.
    name: 'dnabert_s: embed.weight',
    from: 'dnabert',
    tensor: /word_embeddings\.weight$/,
    to: (value, i) => (i === 0 ? 7e4 : value),
  },
])('a weight that FP16 does not have is refused without trying too: $name', async ({ name, ...change }) => {
  const changed = await writeChanged(name, change)
  const output = at(`FP16 of ${name}`)
  const refused = importModels({ ...changed, output, precision: 'fp16', calibrate: false })
  await expect(refused).rejects.toThrow(
    new RegExp(`^${name} has .*(70,000|69,999\\.9).*FP16 ends at 65,504$`),
  )
  expect(existsSync(output)).toBe(false)
  // What the message advises.
  await importModels({ ...changed, output: at(`BF16 of ${name}`), precision: 'bf16', calibrate: false })
})

test('an import that is stopped between two layers leaves nothing', async () => {
  using place = temporaryFolder()
  const stop = new AbortController()
  const onProgress = (message: string) => {
    if (message.includes(`tried layer ${LAYERS} of`)) stop.abort(new Error('enough'))
  }
  const stopped = importModels({
    ...models,
    output: join(place.path, 'bundle'),
    precision: 'fp16',
    onProgress,
    signal: stop.signal,
  })
  await expect(stopped).rejects.toThrow('enough')
  expect(readdirSync(place.path)).toEqual([])
})

describe('the command', () => {
  const cli = async (from: ModelPaths, output: string, ...more: string[]) => {
    const files = ['--esm', from.esm, '--dnabert', from.dnabert, '--mlp', from.mlp, '--output', at(output)]
    const { code, stderr } = await virnucpro(['models', 'import', ...files, ...more])
    return { code, words: stderr }
  }

  test('tries the user’s sequences, or none, and the models are the same', async () => {
    const precision = ['--precision', 'fp16']
    writeFileSync(at('closed.fa'), `>a\n${'TAACTAGCTGA'.repeat(40)}\n`)
    const closed = await cli(models, 'cli', ...precision, '--calibrate', at('closed.fa'))
    expect([closed.code, closed.words]).toEqual([65, expect.stringContaining('FP16 needs 8')])
    expect(existsSync(at('cli'))).toBe(false)
    cpSync(READS, at('own.fa'))
    const given = await cli(models, 'cli', ...precision, '--calibrate', at('own.fa'))
    expect([given.code, given.words]).toEqual([
      0,
      expect.stringContaining('open reading frames of own.fa: do all numbers fit'),
    ])
    const tried = await openBundle(at('cli'))
    expect(tried.manifest.fp16).toMatchObject({ input: { ...bundle.manifest.fp16!.input, name: 'own.fa' } })
    const none = await cli(models, 'cli', ...precision, '--calibrate', 'none', '--force')
    expect([none.code, none.words]).toEqual([0, expect.not.stringContaining('trying')])
    const untried = await openBundle(at('cli'))
    expect(untried.manifest).toMatchObject({ precision: 'fp16', models: bundle.manifest.models })
    expect(untried.manifest.fp16).toBeUndefined()
    expect([untried.digest, tried.digest]).toEqual([bundle.digest, bundle.digest])
  })

  test('imports numbers that need too much room where it is told to try nothing', async () => {
    const large = await writeChanged('large', {
      from: 'esm',
      tensor: /layer\.0\.output\.dense\.weight$/,
      to: (value) => 2e4 * value,
    })
    const none = await cli(large, 'trusted', '--precision', 'fp16', '--calibrate', 'none')
    expect(none.code).toBe(0)
    const tried = await cli(large, 'distrusted', '--precision', 'fp16')
    expect([tried.code, tried.words]).toEqual([65, expect.stringContaining('numbers inside ESM-2 reach')])
    expect(existsSync(at('distrusted'))).toBe(false)
  })

  test('imports with attention as one operator, and the CPU refuses to run either bundle', async () => {
    const made = await cli(models, 'fused', '--precision', 'fp16', '--attention', 'fused')
    expect([made.code, made.words]).toEqual([0, expect.stringContaining('FP16 against FP32')])
    const fused = await openBundle(at('fused'))
    expect(fused.manifest).toMatchObject({ precision: 'fp16', attention: 'fused' })
    for (const model of ['esm2', 'dnabert_s'] as const) {
      const bytes = readFileSync(fused.pathOf(fused.manifest.models[model].graph))
      const operators = fromBinary(ModelProtoSchema, bytes).graph!.node.filter(
        ({ opType }) => opType === 'VirnucproAttention',
      )
      const half = operators.map(({ attribute }) => attribute.find(({ name }) => name === 'half')?.i)
      // What the kernel is compiled for: without it, for BF16.
      expect(half).toEqual(Array(LAYERS).fill(1n))
    }
    for (const { folder } of [bundle, fused]) {
      const { code, stderr } = await virnucpro([
        ...['predict', '--input', READS, '--output-dir', at('out')],
        ...['--bundle', folder, '--backend', 'onnx'],
      ])
      expect([code, stderr]).toEqual([
        64,
        expect.stringContaining('is in fp16, which the CPU cannot compute'),
      ])
    }
  })
})

test('what was tried belongs to a bundle in FP16 alone', async () => {
  const path = at('odd', 'manifest.json')
  cpSync(bundle.folder, at('odd'), { recursive: true })
  await openBundle(at('odd'))
  const text = readFileSync(path, 'utf8')
  for (const other of ['bf16', 'fp32', 'int8']) {
    writeFileSync(path, text.replace('"precision": "fp16"', `"precision": "${other}"`))
    await expect(openBundle(at('odd'))).rejects.toThrow('do not belong together')
  }
  const common = { ...models, output: at('mixed') }
  const untried = (precision: string) =>
    importModels({ ...common, precision, calibrate: false } as ImportOptions)
  await expect(untried('fp32')).rejects.toThrow('FP32 is not calibrated')
  await expect(untried('int8')).rejects.toThrow('INT8 cannot do without calibration')
  await expect(untried('fp8')).rejects.toThrow('FP8 needs sequences to calibrate with')
  expect(existsSync(at('mixed'))).toBe(false)
})
