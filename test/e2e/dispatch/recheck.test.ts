import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton, type TritonServer } from '../../../scripts/support/triton.ts'
import { padBatch } from '../../../src/batching/index.ts'
import { type Bundle, forModels, pairOf, sourceDigest, writeBounds } from '../../../src/bundle/index.ts'
import { contractsOf, OnnxRuntimeBackend, partnersOf, TritonBackend } from '../../../src/dispatch/index.ts'
import { importModels } from '../../../src/import/index.ts'
import { buildRepository, statedRecheck } from '../../../src/server/repository/index.ts'
import { EsmAlphabet } from '../../../src/tokenizers/index.ts'
import { type ModelPaths, writeRandomModels } from '../../integration/import/support/models.ts'

const warnings: string[] = []
const logger = { info() {}, debug() {}, error() {}, warn: (message: string) => void warnings.push(message) }

const batch = padBatch(
  ['MKTAYIAKQRQISFVKSHFSRQ', 'M', 'ACDEFGHIKLMNPQRSTVWY'].map((protein) =>
    new EsmAlphabet().encode(Buffer.from(protein)),
  ),
  1,
)

describe.skipIf(!hasTriton)('the partner of a quantized model on servers', () => {
  const folder = temporaryFolder()
  let models: ModelPaths
  let int8: Bundle
  let alone: Bundle
  let both: TritonServer
  let without: TritonServer
  const bounds = { frames: 9, factor: 1.25, classes: [{ upTo: 32, bound: 0.1 }] }

  beforeAll(async () => {
    models = await writeRandomModels(folder.path)
    const made = { ...models, precision: 'int8' } as const
    int8 = await importModels({ ...made, output: folder.join('int8'), recheck: 'on' })
    alone = await importModels({ ...made, output: folder.join('alone') })
    const { classes, ...measured } = bounds
    const record = {
      ...pairOf(int8.manifest)!.digests,
      ...measured,
      classifier: int8.manifest.models.mlp.graph.sha256,
      backend: 'test',
      seed: 1,
      classes: classes.map((each) => ({ ...each, frames: 9, largest: 0.08 })),
      measured: new Date().toISOString(),
    }
    await writeBounds(int8, [record])
    const repository = async (bundle: Bundle, name: string) => {
      const output = folder.join(name)
      await buildRepository({ bundle: bundle.folder, backend: 'python', output, threads: 1 })
      return output
    }
    const names = ['esm2', 'dnabert_s']
    ;[both, without] = await Promise.all([
      startTriton({
        repository: await repository(int8, 'repository'),
        models: [...names, 'esm2_recheck'],
      }),
      startTriton({ repository: await repository(alone, 'repository-alone'), models: names }),
    ])
  }, 60_000)
  afterAll(async () => {
    await both?.[Symbol.asyncDispose]()
    await without?.[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  const open = (...servers: TritonServer[]) =>
    TritonBackend.open({
      endpoints: servers.map(({ grpcUrl }) => grpcUrl),
      access: {},
      models: contractsOf(int8),
      partners: partnersOf(int8),
      serverTimeout: 20,
      logger,
    })

  test('computes as in this process, and states what was measured', async () => {
    await using backend = await open(both)
    await using here = await OnnxRuntimeBackend.openBundle(int8, { logger }, undefined)
    const { recheck } = backend
    expect(recheck).toMatchObject({ model: 'esm2', name: 'esm2_recheck', quantized: 'int8', partner: 'fp32' })
    expect(recheck!.digests).toEqual(here.recheck!.digests)
    const classifier = int8.manifest.models.mlp.graph.sha256
    for (const facts of [recheck, here.recheck, await statedRecheck(folder.join('repository'))])
      expect(facts!.bounds(classifier)).toEqual(bounds)
    expect(recheck!.bounds('0'.repeat(64))).toBeUndefined()
    const [found, expected] = [
      await backend.embed('esm2_recheck', batch),
      await here.embed('esm2_recheck', batch),
    ]
    expect(found.every((value, i) => Math.abs(value - expected[i]!) < 2e-5)).toBe(true)
    expect(await backend.embed('esm2', batch)).not.toEqual(found)
    expect(backend.description).toContain('1 of esm2_recheck')
    expect(backend.activity().map(({ name }) => name.split(' ')[0])).toContain('esm2_recheck')
  })

  test('is not needed where servers host none, and is used on those that do', async () => {
    await using none = await open(without)
    expect(none.recheck).toBeUndefined()
    expect(await none.embed('esm2', batch)).toHaveLength(3 * int8.manifest.models.esm2.dimension)
    expect(none.embed('esm2_recheck', batch)).rejects.toThrow('no server hosts esm2_recheck')
    expect(await statedRecheck(folder.join('repository-alone'))).toBeUndefined()
    await using some = await open(without, both)
    expect(some.recheck).toBeDefined()
    const servers = new Set<string>()
    await some.embed('esm2_recheck', batch, undefined, (server) => servers.add(server))
    expect([...servers]).toEqual([both.grpcUrl.replace('grpc://', '')])
    expect(warnings).toEqual([])
  })

  test('of other weights is not used', async () => {
    await using backend = await TritonBackend.open({
      endpoints: [both.grpcUrl],
      access: {},
      models: forModels((name) => {
        const { dimension, source } = int8.manifest.models[name]
        return { dimension, source: sourceDigest({ source }) }
      }),
      partners: { esm2_recheck: { ...partnersOf(int8).esm2_recheck!, source: '0'.repeat(64) } },
      serverTimeout: 20,
      logger,
    })
    expect(backend.recheck).toBeUndefined()
    expect(warnings.splice(0).join()).toContain('was made from other weights')
  })

  test('has a model of its own in the repository, and no model that takes sequences', async () => {
    const index = await fetch(`${both.httpUrl}/v2/repository/index`, { method: 'POST' })
    const names = ((await index.json()) as { name: string }[]).map(({ name }) => name).sort()
    expect(names).toEqual(['dnabert_s', 'dnabert_s_sequence', 'esm2', 'esm2_recheck', 'esm2_sequence'])
    const text = await Bun.file(join(folder.join('repository'), 'esm2_recheck/config.pbtxt')).text()
    expect(text).toContain('ESM-2 in FP32')
    expect(text).toContain('value: { string_value: "fp32" }')
  })
})
