import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton } from '../../../scripts/support/triton.ts'
import { backbonesId } from '../../../src/bundle/index.ts'
import { changeHome, homePlace } from '../../../src/home/index.ts'
import { importModels } from '../../../src/import/index.ts'
import { writeRandomModels } from '../../integration/import/support/models.ts'
import { resultOf, virnucpro } from '../../support/cli.ts'
import { type StandIns, standInGpus } from '../../support/gpu/standins.ts'
import { spawnCli } from '../cli/support.ts'
import { processesWith } from '../serve/support.ts'

describe.skipIf(!hasTriton)('predict on a machine with GPUs', () => {
  const folder = temporaryFolder()
  const input = folder.join('reads.fasta')
  const bundle = folder.join('elsewhere')
  let machine: StandIns
  let env: Record<string, string>
  let embedded = ''
  let id = ''

  const words = (output: string, ...more: string[]) => [
    ...['predict', '--input', input, '--output-dir', folder.join(output), ...more],
  ]
  const run = (output: string, visible: string, ...more: string[]) =>
    virnucpro(words(output, ...more), undefined, { ...env, CUDA_VISIBLE_DEVICES: visible })
  const table = (output: string) =>
    readFile(folder.join(output, 'reads_merged/prediction_results.txt'), 'utf8')
  const rows = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => line.split('\t'))
      .slice(1)
  /** Servers of this machine: they run on a copy of the repository that lies beside them. */
  const served = () => processesWith(`--model-repository=${dirname(machine.path)}/`)

  /** The frames in their order, and the scores as near as FP16 is. */
  async function sameAsEmbedded(output: string) {
    const [here, there] = [rows(await table(output)), rows(embedded)]
    expect(here.map(([id]) => id)).toEqual(there.map(([id]) => id))
    const differences = here.map((row, i) => Math.abs(Number(row[2]) - Number(there[i]?.[2])))
    expect(Math.max(...differences)).toBeLessThan(2e-3)
    expect(served()).toEqual([])
  }

  beforeAll(async () => {
    machine = await standInGpus({
      gpus: ['h200', 'h200', 'h200', 'h200', 't4', 'h200', 'h200', 'l4'],
    })
    mkdirSync(folder.join('runtime'), { mode: 0o700 })
    env = {
      ...machine.env,
      VIRNUCPRO_HOME: folder.join('home'),
      XDG_RUNTIME_DIR: folder.join('runtime'),
      NO_COLOR: '1',
    }
    const weights = await writeRandomModels(folder.join('weights'))
    const { esm, dnabert, mlp } = weights
    const made = await importModels({ esm, dnabert, mlp: { 500: mlp }, output: bundle })
    id = backbonesId(made.manifest)
    await importModels({ esm, dnabert, mlp: { 500: mlp }, output: join(homePlace('bundles', env), id) })
    await changeHome((record) => ({ ...record, bundle: id, sources: { esm, dnabert } }), env)
    const reads = Array.from({ length: 40 }, (_, i) => `>r${i}\n${'ACGC'.repeat(30 + i)}${'GAC'.repeat(i)}\n`)
    await writeFile(input, reads.join(''))
  }, 60_000)
  afterAll(async () => {
    await machine[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  test('whose driver does not answer: this process computes, with a warning', async () => {
    await using broken = await standInGpus({ gpus: ['h200'], driver: null })
    const { code, stderr } = await virnucpro(words('broken'), undefined, { ...env, ...broken.env })
    expect(code).toBe(0)
    expect(stderr).toContain(
      'warning: computing in this process: the driver of the GPUs does not answer (nvidia-smi says: ',
    )
  })

  test('that are not set up: it stops with one sentence, unless this process is to compute', async () => {
    const stopped = await run('stopped', '0,1')
    expect(stopped.stderr).toMatch(
      /^error: the GPUs of this machine \(2 × NVIDIA H200\) are not set up\. Run virnucpro setup \(about \d+ (s|min)\), or compute on the processor with --backend onnx \(about \d+ s for this input\) \[gpus-not-set-up\]\n$/,
    )
    expect(stopped.code).toBe(69)
    expect(existsSync(folder.join('stopped/reads_merged'))).toBe(false)

    const onnx = await run('embedded', '0,1', '--backend', 'onnx')
    expect(onnx.stderr).toContain('the processor takes about ')
    expect(onnx.code).toBe(0)
    embedded = await table('embedded')
    const named = await run('named', '0,1', '--bundle', bundle)
    expect(named.stderr).toContain('computing in this process')
    expect(await table('named')).toBe(embedded)
    const config = folder.join('broad.yaml')
    await writeFile(config, 'device:\n  fallback_to_cpu: true\n')
    const fallback = await run('fallback', '0', '--config', config, '--gpus', '0')
    expect(fallback.stderr).toContain(
      'warning: computing in this process: the GPUs of this machine are not set up',
    )
    expect(await table('fallback')).toBe(embedded)
    const none = await run('none', '')
    expect(
      none.stderr.match(/computing in this process: CUDA_VISIBLE_DEVICES= leaves none of 8 GPUs/g),
    ).toHaveLength(1)
    expect(none.stderr.match(/the processor takes about /g)).toHaveLength(1)
    expect(await table('none')).toBe(embedded)
  }, 60_000)

  test('that are set up: what is missing is made once, and a server uses all of them', async () => {
    const [serverBin, python] = ['tritonserver', 'python3'].map((name) => join(machine.path, name))
    const found = { backend: 'python', attention: 'standard' } as const
    const server = { kind: 'program', serverBin: serverBin!, python: python!, ...found } as const
    const gpu = { precision: 'fp16', attention: 'standard', calibrate: 'none', server } as const
    await changeHome((record) => ({ ...record, gpu }), env)
    const first = await run('first', '0')
    expect(first.stderr.match(/is made now, once, which takes about/g)).toHaveLength(1)
    expect(first.stderr).toContain('instances: 1 of esm2, 1 of dnabert_s')
    expect(first.code).toBe(0)
    await sameAsEmbedded('first')
    const { models } = JSON.parse(await readFile(folder.join('first/reads_report/summary.json'), 'utf8'))
    expect(models.why).toBe('NVIDIA H200 is set up')

    const four = await run('four', '0,1,2,3')
    expect(four.stderr).not.toContain('is made now')
    expect(four.stderr).toContain('instances: 4 of esm2, 4 of dnabert_s')
    expect(four.code).toBe(0)
    await sameAsEmbedded('four')

    const words = ['embed', input, '--output', folder.join('frames.npz')]
    const embedding = await virnucpro(words, undefined, { ...env, CUDA_VISIBLE_DEVICES: '0,1' })
    expect(embedding.stderr).toContain('instances: 2 of esm2, 2 of dnabert_s')
    expect(embedding.code).toBe(0)
    expect(served()).toEqual([])

    const again = await run('four', '0,1,2,3')
    expect(again.stderr).toContain('this run has finished before')
    expect(again.stderr).not.toContain('starting a server')
  }, 120_000)

  test('of another kind: plans are made for it; --gpus takes some of them', async () => {
    const mixed = await run('mixed', '0,1,2,3,4,5,6', '--gpus', '1,4')
    expect(mixed.stderr).toContain('there is no plan of')
    expect(mixed.stderr).toContain('instances: 2 of esm2, 2 of dnabert_s')
    expect(mixed.stderr).toContain(`GPU ${machine.uuids[1]},${machine.uuids[4]}: `)
    expect(mixed.code).toBe(0)
    await sameAsEmbedded('mixed')
    const absent = await run('absent', '0,1', '--gpus', '2')
    expect(absent.stderr).toContain('there is no GPU 2 on this machine (0 to 1)')
    expect(absent.code).toBe(64)
  }, 120_000)

  test('that are gone: this process computes, with a warning', async () => {
    const gone = await run('gone', '')
    expect(gone.stderr).toContain(
      'warning: computing in this process: CUDA_VISIBLE_DEVICES= leaves none of 8',
    )
    expect(gone.code).toBe(0)
  })

  test('two runs at once have a server each, or share one that is kept', async () => {
    const both = await Promise.all(['one', 'two'].map((output) => run(output, '0')))
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    await sameAsEmbedded('one')
    await sameAsEmbedded('two')
    const kept = await run('kept', '0', '--keep-server', '10m')
    expect(kept.code).toBe(0)
    const found = await run('found', '0,1')
    expect(found.stderr).toContain('using the servers that you have started')
    expect(found.code).toBe(0)
    expect(served().length).toBe(1)
    await virnucpro(['serve', '--stop'], undefined, env)
    await sameAsEmbedded('found')
  }, 120_000)

  test('serve without a repository serves the home, and predict finds it', async () => {
    const serving = (visible: string, ...more: string[]) =>
      spawnCli(
        ['serve', '--http-port', '38480', '--grpc-port', '38481', '--metrics-port', '38482', ...more],
        {
          env: { ...env, CUDA_VISIBLE_DEVICES: visible },
        },
      )
    for (const [visible, more, says, instances] of [
      ['0,1,2', ['--gpus', '0,2'], 'GPU-', 2],
      ['', [], 'serving on the processor', 1],
    ] as const) {
      const server = serving(visible, ...more)
      const lines = server.stdout.getReader()
      expect(new TextDecoder().decode((await lines.read()).value)).toBe('grpc://127.0.0.1:38481\n')
      lines.releaseLock()
      const found = await run(`served-${instances}`, visible)
      expect(found.stderr).toContain('using the servers that you have started at grpc://127.0.0.1:38481')
      expect(found.stderr).toContain(`instances: ${instances} of esm2`)
      expect(found.code).toBe(0)
      server.kill('SIGTERM')
      expect(await new Response(server.stderr).text()).toContain(says)
      await sameAsEmbedded(`served-${instances}`)
    }
    const dry = await resultOf(serving('0,1', '--dry-run'))
    expect(dry.stdout).toMatch(/^\S+tritonserver --model-repository=\S+\/fp16\/10\.6\.0 /)
    const missing = await resultOf(serving('7', '--dry-run'))
    expect(missing.stderr).toContain('there is no plan of esm2 for NVIDIA L4. Run virnucpro setup')
    expect(missing.code).toBe(69)
  }, 120_000)

  test('stopped while plans are built or the server starts, it leaves nothing behind', async () => {
    for (const [output, moment] of [
      ['stopped-plans', 'is made now'],
      ['stopped-server', 'starting a server'],
    ] as const) {
      const log = folder.join(`${output}.log`)
      const child = spawnCli(words(output, '--log-file', log), {
        env: {
          ...env,
          CUDA_VISIBLE_DEVICES: output === 'stopped-plans' ? '7' : '0',
          STANDIN_BUILD_SECONDS: '2',
        },
      })
      const said = async () => (existsSync(log) ? await readFile(log, 'utf8') : '')
      while (!(await said()).includes(moment) && child.exitCode === null) await Bun.sleep(20)
      child.kill('SIGTERM')
      const { code } = await resultOf(child)
      expect({ output, code }).toEqual({ output, code: 143 })
      expect(served()).toEqual([])
    }
  }, 60_000)
})
