import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { freePorts, hasTriton, tritonServer } from '../../../scripts/support/triton.ts'
import { backbonesId, forModels, openBundle } from '../../../src/bundle/index.ts'
import type { Estimate } from '../../../src/estimate/index.ts'
import { type MeasuredRun, modelsOf, processorName, rememberRun } from '../../../src/estimate/index.ts'
import { importModels } from '../../../src/import/index.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { startServer } from '../../../src/server/serve/index.ts'
import { writeRandomModels } from '../../integration/import/support/models.ts'
import { repository, resultOf, spawnCli, virnucpro } from '../../support/cli.ts'

const contigs = join(repository, 'examples/contigs.fasta')
const folder = temporaryFolder()

interface Answer {
  code: number
  said: string
  found: Estimate
}

async function estimate(
  home: string,
  words: readonly string[],
  env: Record<string, string> = {},
): Promise<Answer> {
  const { code, stdout, stderr } = await virnucpro(['estimate', contigs, '--json', ...words], folder.path, {
    VIRNUCPRO_HOME: folder.join(home),
    ...env,
  })
  return { code, said: stderr, found: code === 0 ? JSON.parse(stdout) : undefined }
}

describe('in this process', () => {
  const demo = ['--bundle', 'demo']

  test('some batches are run, once', async () => {
    const { found, said } = await estimate('once', demo)
    expect(said).toContain('running some batches')
    expect(found).toMatchObject({
      format: 'virnucpro-estimate',
      version: 1,
      inputs: [contigs],
      input: { basis: 'whole', share: 1, uncertainty: 0, bytes: statSync(contigs).size },
      figures: { records: 28, bases: 24_980, chunks: 62, chunksWithoutFrame: 31, frames: 31 },
      ways: [{ kind: 'process', precision: 'fp32', speedFrom: 'probe', devices: [{ count: 1 }] }],
    })
    const [way] = found.ways
    const { start, reading, computing, rechecking, finishing } = way!.parts!
    expect(way!.seconds!).toBeCloseTo(start + reading + computing + finishing, 5)
    expect(rechecking).toBe(0)
    expect(way!.range![0]).toBeLessThan(way!.seconds!)
    const again = await estimate('once', demo)
    expect(again.said).toBe('')
    expect((await estimate('once', [...demo, '--measure'])).said).toContain('running some batches')
  })

  test('the disk is about what a run takes', async () => {
    for (const layout of ['vanilla', 'broad']) {
      const words = ['--bundle', 'demo', '--layout', layout, '--keep-intermediate']
      const { found } = await estimate('once', words)
      const output = folder.join(layout)
      await virnucpro(['predict', contigs, ...words, '-o', output, '--backend', 'onnx'], folder.path)
      const files = readdirSync(output, { recursive: true, encoding: 'utf8' }).filter(
        (path) => !path.startsWith('.'),
      )
      const took = files.reduce(
        (sum, path) => sum + (statSync(join(output, path)).isFile() ? statSync(join(output, path)).size : 0),
        0,
      )
      expect(Math.abs((found.disk.results + found.disk.intermediates) / took - 1)).toBeLessThan(0.1)
    }
  })

  test('predict --dry-run says the same and writes nothing', async () => {
    const env = { VIRNUCPRO_HOME: folder.join('dry') }
    const words = ['predict', contigs, ...demo, '-o', folder.join('nothing'), '--dry-run']
    const { code, stdout } = await virnucpro(words, folder.path, env)
    expect(code).toBe(0)
    for (const line of ['records                  28', 'open frames              31', 'this process'])
      expect(stdout).toContain(line)
    expect(existsSync(folder.join('nothing'))).toBe(false)
    expect(existsSync(env.VIRNUCPRO_HOME)).toBe(false)
  })

  test('a stream is read to its end', async () => {
    const child = Bun.spawn(
      [process.execPath, join(repository, 'src/cli/main.ts'), 'estimate', '-', ...demo],
      {
        stdin: Bun.file(contigs),
        env: { ...process.env, VIRNUCPRO_HOME: folder.join('once') },
        stdout: 'pipe',
        stderr: 'pipe',
      },
    )
    expect(await child.stdout.text()).toContain('24,980')
    expect(await child.exited).toBe(0)
  })

  test('input that is missing or protein is an error', async () => {
    const protein = folder.join('protein.fa')
    writeFileSync(protein, `>a\n${'MEEPQSDPSVEPPLSQETFSDLWKLLPENN'.repeat(3)}\n`)
    const missing = await resultOf(spawnCli(['estimate', folder.join('none.fa'), ...demo]))
    expect([missing.code, missing.stderr]).toEqual([66, expect.stringContaining('no such file')])
    const wrong = await resultOf(spawnCli(['estimate', protein, ...demo]))
    expect([wrong.code, wrong.stderr]).toEqual([65, expect.stringContaining('looks like protein')])
    expect((await estimate('once', ['--bundle', folder.join('none')])).code).toBe(66)
  })

  test('runs before this one know best', async () => {
    const { manifest } = await openBundle('demo')
    const run: MeasuredRun = {
      of: { models: modelsOf(manifest), device: processorName(), threads: 1 },
      devices: 1,
      manifest,
      models: forModels(() => ({ sequences: 100_000, tokens: 5e6, paddedTokens: 5e6 })),
      seconds: 1000,
      programSeconds: 0,
    }
    const before = process.env.VIRNUCPRO_HOME
    process.env.VIRNUCPRO_HOME = folder.join('runs')
    try {
      for (const seconds of [1000, 100_000, 1000]) await rememberRun({ ...run, seconds })
    } finally {
      process.env.VIRNUCPRO_HOME = before
    }
    const { found, said } = await estimate('runs', [...demo, '-t', '1'])
    expect(said).toBe('')
    expect(found.ways[0]!.speedFrom).toBe('runs')
    // Ten million tokens in a thousand seconds, whatever one slow run says.
    const tokens = found.models.esm2.tokens + found.models.dnabert_s.tokens
    expect(found.ways[0]!.parts!.computing / (tokens / 10_000)).toBeWithin(0.9, 1.1)
  })

  test('a file of speeds that is damaged is one without any', async () => {
    mkdirSync(folder.join('damaged/cache'), { recursive: true })
    writeFileSync(folder.join('damaged/cache/speeds.json'), '{"format":')
    const { code, said } = await estimate('damaged', demo)
    expect([code, said]).toEqual([0, expect.stringContaining('running some batches')])
    expect(JSON.parse(readFileSync(folder.join('damaged/cache/speeds.json'), 'utf8')).speeds).toHaveLength(1)
  })
})

type Quantized = { precision: 'bf16'; calibrate: false } | { precision: 'fp8'; calibrate: string }

describe('on GPUs', () => {
  const home = folder.join('gpus')
  const base = folder.join('base')
  const programs = folder.join('programs')
  const listed = { gpus: '' }

  const gpus = (...names: string[]) => {
    const rows = names.map(
      (name, i) =>
        `${i}, GPU-${i}0000000-0000, ${name}, ${name.includes('H200') ? '9.0, 143771' : '8.9, 23034'}, 570.86.15, Disabled`,
    )
    listed.gpus = rows.join('\n')
    const script = `#!/bin/sh\n[ "$1" = -L ] && exit 0\ncat <<'END'\n${listed.gpus}\nEND\n`
    writeFileSync(join(programs, 'nvidia-smi'), script)
    chmodSync(join(programs, 'nvidia-smi'), 0o755)
  }
  const env = { PATH: `${programs}:${process.env.PATH}` }
  const words = ['--bundle', base]
  const ways = async (...more: string[]) => (await estimate('gpus', [...words, ...more], env)).found.ways

  /** What set-up leaves in a home, as far as an estimate looks at it: a bundle, and what tuning has measured. */
  const setUp = async (at: string, precision: Quantized) => {
    const models = await writeRandomModels(folder.join('weights'))
    if (!existsSync(base)) await importModels({ ...models, chunkLength: 500, output: base })
    const place = join(backbonesId((await openBundle(base)).manifest), precision.precision)
    await importModels({ ...models, ...precision, output: join(at, 'derived', place) })
    const plans = join(at, 'plans', place, '10.6.0')
    mkdirSync(plans, { recursive: true })
    const entry = (model: string, gpu: string, computeCapability: string, tokensPerSecond: number) => ({
      model,
      gpu,
      computeCapability,
      tensorrt: '10.6.0',
      plan: 'a'.repeat(64),
      tokenBudget: 16_384,
      ranges: [{ from: 2, to: 1088, tokenBudget: 16_384, tokensPerSecond }],
      tuned: '2026-11-29T00:00:00Z',
    })
    const entries = ['esm2', 'dnabert_s'].flatMap((model) => [
      entry(model, 'NVIDIA H200', '9.0', 500),
      entry(model, 'NVIDIA L4', '8.9', 100),
    ])
    writeFileSync(
      join(plans, 'tuning.json'),
      JSON.stringify({ format: 'virnucpro-tuning', version: 1, entries }),
    )
  }
  beforeAll(async () => {
    mkdirSync(programs)
    await setUp(home, { precision: 'bf16', calibrate: false })
  })
  afterAll(() => folder[Symbol.asyncDispose]())

  test('one is as fast as its plans were tuned', async () => {
    gpus('NVIDIA H200')
    const [first, second, ...others] = await ways()
    expect(others).toEqual([])
    expect(second).toMatchObject({ kind: 'process', precision: 'fp32' })
    expect(first).toMatchObject({
      kind: 'gpus',
      precision: 'bf16',
      speedFrom: 'tuning',
      devices: [{ name: 'NVIDIA H200', count: 1 }],
    })
    const padded = first!.batches.esm2.paddedTokens + first!.batches.dnabert_s.paddedTokens
    expect(first!.parts!.computing).toBeCloseTo(padded / (0.95 * 500), 3)
  })

  test('in FP8 the recheck counts, unless the run has none', async () => {
    gpus('NVIDIA H200', 'NVIDIA H200')
    await setUp(folder.join('eight'), { precision: 'fp8', calibrate: contigs })
    const inFp8 = async (...more: string[]) => (await estimate('eight', [...words, ...more], env)).found.ways
    const [two, one] = await inFp8()
    expect(two).toMatchObject({ precision: 'fp8', speedFrom: 'tuning', devices: [{ count: 2 }] })
    const { esm2, dnabert_s } = one!.batches
    const again = (0.05 * (1.85 * esm2.paddedTokens + dnabert_s.paddedTokens)) / (0.95 * 500)
    expect(one!.parts!.rechecking).toBeCloseTo(again, 3)
    expect(two!.parts!.rechecking).toBeCloseTo(again / 2, 3)
    const asked = ['estimate', contigs, ...words]
    const { stdout } = await virnucpro(asked, folder.path, { ...env, VIRNUCPRO_HOME: folder.join('eight') })
    expect(stdout).toMatch(/2 × NVIDIA H200 +FP8 .* tokens with padding, about 5 % of them twice/)
    expect((await inFp8('--recheck', 'off'))[0]!.parts!.rechecking).toBe(0)
  })

  test('four share the work, and two kinds by their speeds', async () => {
    gpus('NVIDIA H200', 'NVIDIA H200', 'NVIDIA H200', 'NVIDIA H200')
    const [four, one] = await ways()
    expect([four!.devices, one!.devices]).toMatchObject([[{ count: 4 }], [{ count: 1 }]])
    expect(one!.parts!.computing / four!.parts!.computing).toBeCloseTo(4, 3)
    gpus('NVIDIA H200', 'NVIDIA L4')
    const [both, h200, l4] = await ways()
    const rate = (way: typeof both) => 1 / way!.parts!.computing
    expect(rate(both)).toBeCloseTo(rate(h200) + rate(l4), 5)
    expect(rate(h200) / rate(l4)).toBeCloseTo(5, 3)
    // Those that a run would use.
    expect((await ways('--gpus', '1'))[0]!.devices).toMatchObject([{ name: 'NVIDIA L4', count: 1 }])
  })

  test('chunks that no classifier is for are named', async () => {
    gpus('NVIDIA H200')
    const wrong = await estimate('gpus', [...words, '-e', '400'], env)
    expect(wrong.said).toContain('for chunks of 500 bases: a run with chunks of 400 ends with an error')
    expect((await estimate('gpus', [...words, '-e', '400', '--any-length'], env)).said).toBe('')
  })

  test('that are not set up are named', async () => {
    gpus('NVIDIA H200', 'NVIDIA H200')
    const { found, said } = await estimate('once', words, env)
    expect(found.idleGpus).toBe(2)
    expect(said).toContain(
      '2 GPUs of this machine are not set up for this bundle. Set them up with: virnucpro setup',
    )
    expect((await estimate('gpus', words, env)).found.idleGpus).toBe(0)
  })

  test('of a kind that is not set up nothing is known', async () => {
    gpus('NVIDIA B200')
    const script = readFileSync(join(programs, 'nvidia-smi'), 'utf8').replace('8.9', '10.0')
    writeFileSync(join(programs, 'nvidia-smi'), script)
    const [b200] = await ways()
    expect(b200).toMatchObject({ kind: 'gpus', devices: [{ name: 'NVIDIA B200' }] })
    expect(b200!.seconds).toBeUndefined()
    const { stdout } = await virnucpro(['estimate', contigs, ...words], folder.path, {
      ...env,
      VIRNUCPRO_HOME: home,
    })
    expect(stdout).toMatch(/NVIDIA B200 +BF16 +unknown +no speed is known/)
  })
})

describe.skipIf(!hasTriton)('on a server', () => {
  const demo = ['--bundle', 'demo']

  test('of this user it is found', async () => {
    const repository = folder.join('repository')
    await buildRepository({ bundle: 'demo', backend: 'python', output: repository, threads: 1 })
    await using server = await startServer({
      repository,
      serverBin: tritonServer,
      ports: await freePorts(),
      announce: true,
    })
    const { grpcUrl } = server.endpoints[0]!
    const [own, here] = (await estimate('once', demo)).found.ways
    const address = new URL(grpcUrl).host
    expect(own).toMatchObject({ kind: 'server', precision: 'fp32', servers: [address] })
    expect(own!.seconds).toBeUndefined()
    expect(here!.kind).toBe('process')
    const { found } = await estimate('once', [...demo, '--triton', grpcUrl])
    expect(found.ways.map(({ kind }) => kind)).toEqual(['server'])
    expect(found.ways[0]!.batches).toEqual(own!.batches)
  }, 60_000)

  test('that is named and does not answer is an error', async () => {
    const { code, said } = await estimate('once', [...demo, '--triton', 'grpc://127.0.0.1:9'])
    expect([code, said]).toEqual([69, expect.stringContaining('127.0.0.1:9')])
  }, 30_000)
})
