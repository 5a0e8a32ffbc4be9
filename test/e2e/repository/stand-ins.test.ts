import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton } from '../../../scripts/support/triton.ts'
import { importModels } from '../../../src/import/index.ts'
import { writeWiderModels } from '../../integration/import/support/models.ts'
import { type CliResult, virnucpro } from '../../support/cli.ts'
import { KINDS, type StandIns, standInGpus } from '../../support/gpu/standins.ts'

const TOLERANCE = 2e-5

/** Frames and their scores. */
async function scores(folder: string): Promise<[string, number][]> {
  const text = await readFile(`${folder}/reads_merged/prediction_results.txt`, 'utf8')
  const rows = text.trim().split('\n').slice(2)
  return rows.map((line) => line.split('\t')).map(([id = '', , , score]) => [id, Number(score)])
}

describe.skipIf(!hasTriton)('from weights to tables on stand-ins for GPUs', () => {
  const folder = temporaryFolder()
  const reads = folder.join('reads.fasta')

  beforeAll(async () => {
    const models = await writeWiderModels(folder.join('weights'), 1)
    await importModels({ ...models, output: folder.join('fp32') })
    for (const attention of ['standard', 'fused'] as const)
      await importModels({ ...models, output: folder.join(attention), precision: 'bf16', attention })
    const records = Array.from(
      { length: 60 },
      (_, i) => `>r${i}\n${'ACGC'.repeat(30 + i)}${'GAC'.repeat(i)}\n`,
    )
    await Bun.write(reads, records.join(''))
    await succeed({}, 'predict', reads, '--bundle', folder.join('fp32'), '--output-dir', folder.join('cpu'))
  }, 60_000)
  afterAll(() => folder[Symbol.asyncDispose]())

  async function succeed(env: Record<string, string>, ...words: string[]): Promise<CliResult> {
    const result = await virnucpro(words, folder.path, env)
    if (result.code !== 0) throw new Error(`${words.join(' ')}: ${result.code}\n${result.stderr}`)
    return result
  }

  /** The long way: each step by itself. */
  async function build({ env, uuids }: StandIns, bundle: string, backend: string): Promise<string> {
    const [plans, output] = [folder.join(`${backend}-plans`), folder.join(backend)]
    for (const uuid of uuids) {
      const here = { ...env, CUDA_VISIBLE_DEVICES: uuid }
      const builder = backend === 'python' ? 'python' : 'trtexec'
      await succeed(here, 'engines', 'build', '--builder', builder, '--bundle', bundle, '--output', plans)
      if (builder === 'python') await succeed(here, 'engines', 'tune', plans)
    }
    const words = ['--bundle', bundle, '--plans', plans, '--output', output]
    await succeed(env, 'repository', 'build', '--backend', backend, ...words)
    return output
  }

  test.each([
    ['python', 'fused', ['h200', 'a100']],
    ['tensorrt', 'standard', [{ ...KINDS.h100, mig: ['3g.40gb', '1g.10gb'] }]],
  ] as const)(
    'plans in the %s backend with %s attention give the tables of the CPU',
    async (backend, attention, gpus) => {
      await using machine = await standInGpus({
        gpus,
        ...(backend === 'tensorrt' && { tensorrtBackend: true, builder: 'trtexec' }),
      })
      const bundle = folder.join(attention)
      const models = await build(machine, bundle, backend)
      const output = folder.join(`${backend}-out`)
      const { stderr } = await succeed(
        machine.env,
        ...['predict', reads, '--bundle', bundle, '--repository', models, '--output-dir', output],
      )
      const instances = `${machine.uuids.length} of`
      expect(stderr).toContain(`instances: ${instances} esm2, ${instances} dnabert_s`)
      const [found, expected] = [await scores(output), await scores(folder.join('cpu'))]
      expect(found.map(([id]) => id)).toEqual(expected.map(([id]) => id))
      for (const [i, [, score]] of found.entries())
        expect(Math.abs(score - expected[i]![1])).toBeLessThan(TOLERANCE)
    },
  )

  test('a GPU without the instructions of the attention kernel is refused before anything is built', async () => {
    const models = { esm: folder.join('weights/esm'), dnabert: folder.join('weights/dnabert') }
    const bundle = folder.join('fp16')
    const mlp = folder.join('weights/mlp.safetensors')
    await importModels({
      ...models,
      mlp,
      output: bundle,
      precision: 'fp16',
      attention: 'fused',
      calibrate: false,
    })
    await using machine = await standInGpus({ gpus: ['t4'] })
    const words = ['engines', 'build', '--bundle', bundle, '--output', folder.join('refused')]
    const { code, stderr } = await virnucpro(words, folder.path, machine.env)
    expect(stderr).toContain(
      'fused attention, which needs a GPU of compute capability 8.0 or higher; Tesla T4 has 7.5',
    )
    expect(stderr).toContain('--attention standard')
    expect(code).toBe(64)
  })
})
