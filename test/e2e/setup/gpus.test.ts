import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { hasTriton } from '../../../scripts/support/triton.ts'
import { readRecord } from '../../../src/server/repository/index.ts'
import { KINDS, standInGpus } from '../../support/gpu/standins.ts'
import { open, PREDICT, user, WEIGHTS } from './support.ts'

type User = ReturnType<typeof user>

/** Folder of a part of the deployment. */
const place = (me: User, part: string, form: string, ...more: string[]) =>
  me.home(part, me.record().bundle, form, ...more)

const TENSORRT = '10.6.0'

const calls = (me: User, folder: string) =>
  readFileSync(me.join(`${folder}reads_merged/prediction_results_highestscore.csv`), 'utf8')

/** The second command of a user: all GPUs compute, and the tables are those of the CPU. */
async function predicts(me: User, gpus: number): Promise<void> {
  const input = ['predict', '--input', me.reads()]
  const { stderr } = await me.succeed(...input, '--output-dir', 'gpu')
  expect(stderr).toContain(`instances: ${gpus} of esm2, ${gpus} of dnabert_s`)
  await me.succeed(...input, '--output-dir', 'cpu', '--backend', 'onnx')
  expect(calls(me, 'gpu/')).toBe(calls(me, 'cpu/'))
}

describe.skipIf(!hasTriton)('a machine with GPUs', () => {
  test('has everything after one command, and nothing left to do', async () => {
    await using machine = await standInGpus({ gpus: ['h100'] })
    await using me = user(machine.env)
    const { stdout: plan } = await me.succeed('setup', ...WEIGHTS, '--dry-run')
    expect(plan).toContain(`1 GPU: 1 × ${KINDS.h100.name}, in bf16`)
    expect(open(plan)).toEqual([
      'the bundle in FP32',
      'the server',
      'the models in BF16',
      `TensorRT plans for ${KINDS.h100.name}`,
      'the sizes of batches that suit the GPUs',
      'the model repository',
      'a comparison of the server with the FP32 graphs',
    ])
    expect(existsSync(me.home())).toBe(false)

    const { stdout, stderr } = await me.succeed('setup', ...WEIGHTS, '--yes')
    expect(stdout).toBe(PREDICT)
    expect(stderr).toMatch(/esm2: cosine to the fp32 graph at least (1|0\.999)/)
    expect(me.record().gpu).toMatchObject({ precision: 'bf16', server: { kind: 'program' } })
    const files = (await readRecord(place(me, 'repositories', 'bf16', TENSORRT)))?.files ?? []
    expect(files.filter(({ path }) => path.endsWith('model_sm90.plan'))).toHaveLength(2)
    expect((await me.succeed('setup')).stderr).toContain('everything is set up')
    await predicts(me, 1)
    // The forms of the original and of Broad's fork need no other option either.
    const [reads, mlp] = [me.join('reads.fasta'), WEIGHTS[5]!]
    const original = await me.succeed(reads, '500', mlp)
    const broad = await me.succeed('predict', reads, '--model-type', '500', '-o', 'broad')
    for (const { stderr: said } of [original, broad]) expect(said).toContain('instances: 1 of esm2')
    for (const folder of ['', 'broad/']) expect(calls(me, folder)).toBe(calls(me, 'gpu/'))

    // Another precision is derived beside the first, from the same weights.
    const { stdout: other } = await me.succeed('setup', '--precision', 'fp16', '--dry-run')
    expect(open(other)).toContain('the models in FP16')
    expect(open(other)).not.toContain('the bundle in FP32')
    // Another classifier costs nothing.
    const short = me.join('300_model.pth')
    await Bun.write(short, Bun.file(WEIGHTS[5]!))
    const { stdout: more } = await me.succeed('setup', '--mlp', short, '--dry-run')
    expect(open(more)).toEqual([expect.stringContaining('for chunks of 300 bases')])
  })

  test('whose four GPUs are of two kinds has plans for both, in the precision that both have', async () => {
    await using machine = await standInGpus({ gpus: ['a100', 't4', 't4', 'a100'] })
    await using me = user(machine.env)
    await me.succeed('setup', ...WEIGHTS, '--yes', '--calibrate', 'none')
    expect(me.record().gpu).toMatchObject({ precision: 'fp16', calibrate: 'none' })
    const plans = place(me, 'plans', 'fp16', TENSORRT)
    const [a100, t4] = ['80', '75'].map((sm) =>
      JSON.parse(readFileSync(`${plans}/esm2/model_sm${sm}.json`, 'utf8')),
    )
    expect([a100.gpu, t4.gpu]).toEqual([KINDS.a100.name, KINDS.t4.name])
    expect(a100.profiles).toEqual(t4.profiles)
    await predicts(me, 4)
    const { code, stderr } = await me.run('setup', '--precision', 'bf16', '--yes')
    expect(code).toBe(64)
    expect(stderr).toContain(`bf16 needs GPUs of compute capability 8.0 or higher; ${KINDS.t4.name} has 7.5`)
    // The others alone have it.
    const { stdout } = await me.succeed('setup', '--gpus', '0,3', '--precision', 'bf16', '--dry-run')
    expect(stdout).toContain(`2 GPUs: 2 × ${KINDS.a100.name}, in bf16`)
  })

  test('with eight of one kind has one set of plans, and is checked on all of them', async () => {
    const count = 8
    await using machine = await standInGpus({ gpus: Array<'h200'>(count).fill('h200') })
    await using me = user(machine.env)
    const { stderr } = await me.succeed('setup', ...WEIGHTS, '--yes', '--calibrate', 'none')
    expect(stderr).toContain(`${count} GPUs: ${count} × ${KINDS.h200.name}, in bf16`)
    expect(stderr.match(/: building a plan/g)).toHaveLength(2)
    expect(stderr).toContain('calls agree')
    await predicts(me, count)
  })

  test('but without a server is told so before anything is made', async () => {
    await using machine = await standInGpus({ gpus: ['h200'] })
    await using me = user(machine.env)
    const { code, stderr } = await me.run(
      'setup',
      ...WEIGHTS,
      '--yes',
      '--server-bin',
      '/nowhere/tritonserver',
    )
    expect(code).toBe(69)
    expect(stderr).toContain('/nowhere/tritonserver')
    expect(existsSync(me.home('bundles'))).toBe(false)
  })

  test('whose driver does not answer is not taken for one without GPUs', async () => {
    await using machine = await standInGpus({ gpus: ['h200'], driver: null })
    await using me = user(machine.env)
    const { code, stderr } = await me.run('setup', ...WEIGHTS, '--yes')
    expect([code, stderr]).toEqual([69, expect.stringContaining('the GPUs of this machine cannot be used: ')])
    expect(stderr).toContain('--precision fp32')
    expect(existsSync(me.home('bundles'))).toBe(false)
  })

  test('that this process must not use says so', async () => {
    await using machine = await standInGpus({ gpus: ['h200'] })
    await using me = user({ ...machine.env, CUDA_VISIBLE_DEVICES: '' })
    const { stdout } = await me.succeed('setup', ...WEIGHTS, '--dry-run')
    expect(stdout).toContain('no GPU is set up (CUDA_VISIBLE_DEVICES= leaves none of 1 GPUs); the CPU')
  })

  test('may be set up for its CPU alone', async () => {
    await using machine = await standInGpus({ gpus: ['h200'] })
    await using me = user(machine.env)
    await me.succeed('setup', ...WEIGHTS, '--precision', 'fp32', '--yes')
    expect(me.record().gpu).toBeUndefined()
  })
})
