import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join, resolve } from 'node:path'
import { demoBundle, writePlans } from '../../../scripts/support/plans.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton, type TritonServer } from '../../../scripts/support/triton.ts'
import { type Bundle, openBundle } from '../../../src/bundle/index.ts'
import { loadRuntime, openSession } from '../../../src/onnx/index.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { DnaTokenizer, EsmAlphabet } from '../../../src/tokenizers/index.ts'
import { byName, referenceBundle, referenceRuns } from '../../support/reference.ts'

const TOLERANCE = 2e-5
const examples = resolve(import.meta.dir, '../../../examples')

/** Of very different lengths, so that they come in several batches and not in the order given. */
const proteins = [
  'MKTAYIAKQRQISFVKSHFSRQ',
  'M',
  'ACDEFGHIKLMNPQRSTVWY',
  'X'.repeat(700),
  `M${'LAGV'.repeat(600)}`,
]
const genes = ['ACGTTGCANNNNACGTRYACGT', 'A', 'ATGC'.repeat(120), 'GATTACA'.repeat(300), 'TTTTTTTTTTTT']

type Model = 'esm2' | 'dnabert_s'

/** One row at a time, in this process. */
async function expectedRows(bundle: Bundle, model: Model, sequences: readonly string[]): Promise<number[][]> {
  const { Tensor } = await loadRuntime()
  const tokenizer =
    model === 'esm2'
      ? new EsmAlphabet()
      : await DnaTokenizer.fromFile(bundle.pathOf(bundle.manifest.models.dnabert_s.tokenizer!))
  const session = await openSession(bundle.pathOf(bundle.manifest.models[model].graph), { threads: 1 })
  const rows: number[][] = []
  for (const sequence of sequences) {
    const ids = tokenizer.encode(new TextEncoder().encode(sequence))
    const { embedding } = await session.run({
      input_ids: new Tensor('int32', ids, [1, ids.length]),
      lengths: new Tensor('int32', Int32Array.of(ids.length), [1]),
    })
    if (!(embedding?.data instanceof Float32Array)) throw new Error('no embedding')
    rows.push([...embedding.data])
  }
  await session.release()
  return rows
}

function expectClose(found: readonly number[][], expected: readonly number[][]): void {
  expect(found.map((row) => row.length)).toEqual(expected.map((row) => row.length))
  const differences = found.flatMap((row, i) => row.map((value, j) => Math.abs(value - expected[i]![j]!)))
  // NaN is larger than nothing: compare the other way round.
  expect(differences.every((difference) => difference <= TOLERANCE)).toBe(true)
}

interface Answer {
  ok: boolean
  error: string
  rows: number[][]
}

async function infer(server: TritonServer, model: string, inputs: unknown[]): Promise<Answer> {
  const response = await fetch(`${server.httpUrl}/v2/models/${model}/infer`, {
    method: 'POST',
    body: JSON.stringify({ inputs }),
  })
  const answer = (await response.json()) as {
    error?: string
    outputs?: { shape: number[]; data: number[] }[]
  }
  const { shape = [0, 0], data = [] } = answer.outputs?.[0] ?? {}
  const [rows = 0, width = 0] = shape
  return {
    ok: response.ok,
    error: answer.error ?? '',
    rows: Array.from({ length: rows }, (_, i) => data.slice(i * width, (i + 1) * width)),
  }
}

const strings = (data: readonly string[]) => [
  { name: 'sequences', datatype: 'BYTES', shape: [data.length], data },
]

const tokens = (shape: number[], ids: number[], lengths: number[]) => [
  { name: 'input_ids', datatype: 'INT32', shape, data: ids },
  { name: 'lengths', datatype: 'INT32', shape: [lengths.length], data: lengths },
]

describe.skipIf(!hasTriton).each(byName(referenceRuns))('a real server with %s', (_, run) => {
  let bundle: Bundle
  let server: TritonServer
  let folder: ReturnType<typeof temporaryFolder>

  beforeAll(async () => {
    folder = temporaryFolder()
    bundle = await openBundle(await referenceBundle(run, folder.join('bundle')))
    const output = folder.join('repository')
    await buildRepository({
      bundle: bundle.folder,
      backend: 'python',
      output,
      instances: 2,
      threads: 1,
      // Small, so that the sequences below come in several batches.
      tokenBudget: 1000,
    })
    server = await startTriton({ repository: output })
    // Hooks do not take the default of tests.
  }, 120_000)

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
    await folder?.[Symbol.asyncDispose]()
  }, 120_000)

  test('sequences in, the embeddings of this process out', async () => {
    for (const [model, sequences] of [
      ['esm2', proteins],
      ['dnabert_s', genes],
    ] as const) {
      const { rows, error } = await infer(server, `${model}_sequence`, strings(sequences))
      expect(error).toBe('')
      expectClose(rows, await expectedRows(bundle, model, sequences))
    }
  })

  test('token ids in, the embeddings of this process out, padding or not', async () => {
    const alphabet = new EsmAlphabet()
    const ids = proteins.slice(0, 3).map((text) => [...alphabet.encode(new TextEncoder().encode(text))])
    const width = Math.max(...ids.map((row) => row.length)) + 3
    const padded = ids.flatMap((row) => [...row, ...Array<number>(width - row.length).fill(1)])
    const lengths = ids.map((row) => row.length)
    const { rows } = await infer(server, 'esm2', tokens([3, width], padded, lengths))
    expectClose(rows, await expectedRows(bundle, 'esm2', proteins.slice(0, 3)))
  })

  test('both instances are there and answer', async () => {
    expect(server.log()).toContain('esm2_0_1 (CPU device 0)')
    const expected = await expectedRows(bundle, 'dnabert_s', genes)
    const answers = await Promise.all(
      Array.from({ length: 16 }, () => infer(server, 'dnabert_s_sequence', strings(genes))),
    )
    for (const { rows } of answers) expectClose(rows, expected)
  })

  test('a request that makes no sense is told why, and the next one is answered', async () => {
    const { vocabulary } = bundle.manifest.models.esm2
    for (const [model, inputs, message] of [
      ['esm2', tokens([1, 4], [0, 5, vocabulary, 2], [4]), `expected ids from 0 to ${vocabulary - 1}`],
      ['esm2', tokens([1, 4], [0, 5, -1, 2], [4]), 'expected ids from 0'],
      ['esm2', tokens([1, 4], [0, 5, 6, 2], [5]), 'lengths: expected 3 to 4 tokens, got 5 to 5'],
      ['esm2', tokens([1, 4], [0, 2, 1, 1], [2]), 'lengths: expected 3 to 4 tokens, got 2 to 2'],
      ['esm2', tokens([2, 2], [0, 2, 0, 2], [2]), 'lengths: expected [2]'],
      ['esm2_sequence', strings(['MK', 'MJ']), "sequence 2: ESM-2 has no token for 'J' at residue 2"],
      ['esm2_sequence', strings(['MK', '']), 'sequence 2 is empty'],
    ] as const) {
      const { ok, error } = await infer(server, model, [...inputs])
      expect(error).toContain(message)
      expect(ok).toBe(false)
    }
    expect((await infer(server, 'esm2_sequence', strings(['MK']))).ok).toBe(true)
  })

  test('the examples in Python, for curl and in TypeScript print the same embeddings', async () => {
    const two = proteins.slice(0, 2)
    const expected = await expectedRows(bundle, 'esm2', two)
    const lines = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => line.split(' ').map(Number))
    const run = async (...argv: string[]) => {
      const child = Bun.spawn(argv, { stdout: 'pipe', stderr: 'inherit' })
      const out = await new Response(child.stdout).text()
      expect(await child.exited).toBe(0)
      return out
    }
    expectClose(lines(await run('python3', join(examples, 'embed.py'), server.httpUrl, ...two)), expected)
    expectClose(
      lines(await run(process.execPath, join(examples, 'embed.ts'), server.grpcUrl, ...two)),
      expected,
    )
    const gene = genes[0]!
    const answer = JSON.parse(await run('sh', join(examples, 'embed.sh'), gene, server.httpUrl))
    expectClose([answer.outputs[0].data], await expectedRows(bundle, 'dnabert_s', [gene]))
  })
})

test.skipIf(!hasTriton)('the server reads the configurations of every backend', async () => {
  await using folder = temporaryFolder()
  const { digest } = await openBundle(demoBundle)
  writePlans(folder.join('plans'), digest)
  for (const backend of ['tensorrt', 'onnxruntime'] as const) {
    const plans = backend === 'tensorrt' ? { plans: folder.join('plans') } : {}
    const output = folder.join(backend)
    await buildRepository({ bundle: demoBundle, backend, output, ...plans })
    await using server = await startTriton({ repository: output, models: ['esm2_sequence'] })
    for (const model of ['esm2', 'dnabert_s']) {
      const url = `${server.httpUrl}/v2/repository/models/${model}/load`
      const answer = await (await fetch(url, { method: 'POST' })).text()
      // It gets as far as looking for the backend, which this server does not have; a text or a field that it cannot read
      // fails before.
      expect(answer).toContain(`unable to find backend library for backend '${backend}'`)
    }
    expect(server.log()).not.toContain('Error parsing text-format')
  }
  // Plans in the Python backend: the backend is there, and a GPU is what this server lacks.
  const output = folder.join('plans-in-python')
  await buildRepository({ bundle: demoBundle, backend: 'python', plans: folder.join('plans'), output })
  await using server = await startTriton({ repository: output, models: ['esm2_sequence'] })
  const load = async () => {
    const url = `${server.httpUrl}/v2/repository/models/esm2/load`
    return await (await fetch(url, { method: 'POST' })).text()
  }
  expect(await load()).toContain('has kind KIND_GPU but no GPUs are available')
  const config = join(output, 'esm2', 'config.pbtxt')
  await Bun.write(config, (await Bun.file(config).text()).replace('KIND_GPU', 'KIND_CPU'))
  expect(await load()).toContain('a TensorRT plan needs a GPU, and the server sees none')
})
