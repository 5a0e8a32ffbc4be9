import { expect, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { virnucpro } from '../../support/cli.ts'

/** No GPU, whatever the machine has. */
const NO_GPU = { CUDA_VISIBLE_DEVICES: '' }

test('a GPU that was asked for and cannot be used is an error, wherever it was asked for', async () => {
  await using folder = temporaryFolder()
  const input = folder.join('reads.fa')
  writeFileSync(input, randomFasta(1, 2))
  const config = folder.join('asks.yaml')
  writeFileSync(config, 'gpus: 0\n')
  let runs = 0
  const predict = async (words: readonly string[], env: Record<string, string> = {}) => {
    const output = folder.join(`out${++runs}`)
    const all = ['predict', input, '-o', output, '--bundle', 'demo', ...words]
    const result = await virnucpro(all, undefined, { ...NO_GPU, ...env })
    return { ...result, hasTables: existsSync(`${output}/reads_merged`) }
  }
  const server = 'grpc://127.0.0.1:9'
  for (const [words, env] of [
    [['--gpus', '0'], {}],
    [['--gpus', '0', '--backend', 'onnx'], {}],
    [['-d', 'cuda:0'], {}],
    [['--device', 'cuda'], {}],
    [['-d', '1', '--backend', 'onnx'], {}],
    [['--gpus', '0', '--triton', server], {}],
    [['--gpus', '0', '--triton', server, '--backend', 'triton'], {}],
    [[], { VIRNUCPRO_GPUS: '0' }],
    [[], { VIRNUCPRO_DEVICE: 'cuda:0' }],
    [['--config', config], {}],
  ] as const) {
    const { code, stderr, hasTables } = await predict(words, env)
    expect([words, env, code, hasTables]).toEqual([words, env, 64, false])
    expect(stderr).toMatch(/asks for a GPU|was asked for, and none will be used/)
  }
  // A stronger place rules out what a weaker one asks for; Broad's file may allow the processor.
  expect((await predict(['--backend', 'onnx'], { VIRNUCPRO_GPUS: '0' })).code).toBe(0)
  expect((await predict(['-d', 'cpu', '--config', config])).code).toBe(0)
  const broad = folder.join('broad.yaml')
  writeFileSync(broad, 'device:\n  fallback_to_cpu: true\n')
  const allowed = await predict(['-d', 'cuda', '--config', broad])
  expect(allowed.code).toBe(0)
  expect(allowed.stderr).toContain('warning: GPU 0 was asked for, and none will be used')
}, 60_000)

test('a repository named for a server is an error where no server can be started', async () => {
  await using folder = temporaryFolder()
  const input = folder.join('reads.fa')
  writeFileSync(input, randomFasta(1, 2))
  const repository = folder.join('repository')
  await buildRepository({ bundle: 'demo', backend: 'python', output: repository })
  const words = ['predict', input, '-o', folder.join('out'), '--bundle', 'demo', '--repository', repository]
  const withoutGpu = await virnucpro([...words, '--server-bin', process.execPath], undefined, NO_GPU)
  expect(withoutGpu).toMatchObject({ code: 64, stderr: expect.stringContaining('has no GPU for it') })
  const withoutServer = await virnucpro([...words, '--server-bin', '/no/server'], undefined, {
    CUDA_VISIBLE_DEVICES: '0',
  })
  expect(withoutServer).toMatchObject({ code: 69, stderr: expect.stringContaining('/no/server') })
  expect(existsSync(folder.join('out'))).toBe(false)
}, 60_000)
