import { describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { compile } from '../../../scripts/support/compile.ts'
import { writeRandomMlp } from '../../../scripts/support/random-models.ts'
import { hasTriton } from '../../../scripts/support/triton.ts'
import { openBundle, pairOf, recheckOf } from '../../../src/bundle/index.ts'
import { readRecord, statedRecheck } from '../../../src/server/repository/index.ts'
import { writeWiderModels } from '../../integration/import/support/models.ts'
import { repository } from '../../support/cli.ts'
import { KINDS, standInGpus } from '../../support/gpu/standins.ts'
import { open, user, WEIGHTS } from './support.ts'

const CALIBRATE = ['--calibrate', join(repository, 'examples/contigs.fasta')]

describe.skipIf(!hasTriton)('a machine with GPUs that is set up in FP8', () => {
  test('has both precisions side by side, and knows how far they are apart', async () => {
    await using machine = await standInGpus({ gpus: ['h100'] })
    await using me = user(machine.env)
    const setup = ['setup', ...WEIGHTS, '--precision', 'fp8', ...CALIBRATE, '--recheck-frames', '40']
    const { stdout: plan } = await me.succeed(...setup, '--dry-run')
    expect(open(plan)).toEqual([
      'the bundle in FP32',
      'the server',
      'the models in FP8',
      `TensorRT plans for ${KINDS.h100.name}`,
      'the sizes of batches that suit the GPUs',
      'the model repository',
      'a comparison of the server with the FP32 graphs',
      'how far FP8 is from what rechecks it',
    ])
    const { stderr } = await me.succeed(...setup, '--yes')
    expect(stderr).toMatch(/esm2_recheck: cosine to the fp32 graph at least (1|0\.999)/)
    expect(stderr).toContain(
      'logits in fp8 are at most so far from those in bf16, with 500_model.pth and 40 frames',
    )
    expect(me.record().gpu).toMatchObject({ precision: 'fp8', recheck: true })
    const place = (part: string, ...more: string[]) => me.home(part, me.record().bundle, 'fp8', ...more)
    const derived = await openBundle(place('derived'))
    expect(pairOf(derived.manifest)).toMatchObject({ quantized: 'fp8', partner: 'bf16' })
    const served = place('repositories', '10.6.0')
    const files = (await readRecord(served))?.files ?? []
    expect(files.filter(({ path }) => path.endsWith('model_sm90.plan'))).toHaveLength(3)
    const { profiles } = JSON.parse(readFileSync(place('plans', '10.6.0', 'esm2/model_sm90.json'), 'utf8'))
    const ofPartner = JSON.parse(
      readFileSync(place('plans', '10.6.0', 'esm2_recheck/model_sm90.json'), 'utf8'),
    )
    expect(ofPartner).toMatchObject({ model: 'esm2_recheck', precision: 'bf16', profiles })
    const classifier = derived.manifest.models.mlp.graph.sha256
    const bounds = (await statedRecheck(served))!.bounds(classifier)
    expect(bounds).toEqual((await recheckOf(derived))!.bounds(classifier)!)
    expect(bounds!.frames).toBe(40)
    expect((await me.succeed('setup')).stderr).toContain('everything is set up')
    // More frames than before are measured; as many were.
    const withFrames = (frames: string) => [...setup.slice(0, -1), frames]
    expect(open((await me.succeed(...withFrames('40'), '--dry-run')).stdout)).toEqual([])
    expect(open((await me.succeed(...withFrames('60'), '--dry-run')).stdout)).toEqual([
      'how far FP8 is from what rechecks it',
    ])
    await me.succeed(...withFrames('60'), '--yes')
    expect((await statedRecheck(served))!.bounds(classifier)!.frames).toBe(60)
    expect(open((await me.succeed(...withFrames('40'), '--dry-run')).stdout)).toEqual([])
    const { stdout: findings } = await me.run('doctor')
    expect(findings).toContain('FP8 is rechecked in BF16')
    const { stderr: run } = await me.succeed('predict', '--input', me.reads(), '--output-dir', 'out')
    expect(run).toContain('instances: 1 of esm2, 1 of dnabert_s, 1 of esm2_recheck')

    // Plans that were built again are timed again.
    const tuning = place('plans', '10.6.0', 'tuning.json')
    const timed = readFileSync(tuning, 'utf8')
    writeFileSync(tuning, timed.replace(/"plan": "[0-9a-f]{64}"/, `"plan": "${'0'.repeat(64)}"`))
    expect(open((await me.succeed('setup', '--dry-run')).stdout)).toEqual([
      'the sizes of batches that suit the GPUs',
    ])
    writeFileSync(tuning, timed)

    // Another classifier is measured by the next set-up, and by nothing else.
    const mlp = me.join('other.safetensors')
    await writeRandomMlp(mlp, 5, derived.manifest.models.mlp.input, 16)
    await me.succeed('models', 'import', '--mlp', `300=${mlp}`)
    expect((await me.run('doctor')).stdout).toContain('is not known with other.safetensors')
    expect(open((await me.succeed('setup', '--dry-run')).stdout)).toEqual([
      'how far FP8 is from what rechecks it',
    ])

    // Models of a program that knew no partner serve until the machine is set up again.
    const { recheck: _, ...gpu } = me.record().gpu
    writeFileSync(me.home('home.json'), JSON.stringify({ ...me.record(), gpu }))
    await rm(place('derived'), { recursive: true })
    const { stderr: old } = await me.succeed('predict', '--input', me.reads(), '--output-dir', 'old')
    expect(old).not.toContain('of esm2_recheck')
    expect((await me.run('doctor')).stdout).toContain('calls are those of FP8')
    expect(open((await me.succeed('setup', '--dry-run')).stdout)).toContain('the models in FP8')
  }, 120_000)

  test('fuses layers once the cuBLASLt that was missing is there', async () => {
    await using machine = await standInGpus({ gpus: ['h100'] })
    await using me = user(machine.env)
    const { esm, dnabert, mlp } = await writeWiderModels(me.path, 1)
    const words = [
      '--esm',
      esm,
      '--dnabert',
      dnabert,
      '--mlp',
      `500=${mlp}`,
      '--precision',
      'fp8',
      ...CALIBRATE,
    ]
    const { stderr } = await me.succeed('setup', ...words, '--recheck-frames', '40', '--yes')
    expect(stderr).toContain('pip install nvidia-cublas-cu12')
    expect(me.record().gpu).toMatchObject({ attention: 'standard', server: { products: false } })
    expect(open((await me.succeed('setup', '--dry-run')).stdout)).toEqual([])

    const source = me.join('cublaslt.c')
    writeFileSync(source, 'void cublasLtGetVersion(void) {}\nvoid cublasLtGetStatusString(void) {}\n')
    await compile(source, join(machine.path, '../runtime/libcublasLt.so.13'), '-shared', '-fPIC')
    expect(open((await me.succeed('setup', '--dry-run')).stdout)).toContain('the server')
  }, 120_000)
})
