import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../../scripts/support/temporary.ts'
import { hasTriton, startTriton, tritonServer, versionFolder } from '../../scripts/support/triton.ts'
import { buildRepository } from '../../src/repository/index.ts'
import { virnucpro } from '../support/cli.ts'

/** Where `virnucpro serve` has its first server. */
const DEFAULT_PORTS = { http: 8000, grpc: 8001, metrics: 8002 }

describe.skipIf(!hasTriton)('what computes when no server is named', () => {
  const folder = temporaryFolder()
  const repository = folder.join('repository')
  let input = ''
  let embedded = ''

  const words = (output: string, ...more: string[]) => [
    ...['predict', input, '--output-dir', folder.join(output), '--bundle', 'demo', ...more],
  ]
  const tables = (output: string) =>
    readFile(folder.join(output, 'reads_merged/prediction_results.txt'), 'utf8')
  const frames = (text: string) =>
    text
      .trim()
      .split('\n')
      .slice(2)
      .map((line) => line.split('\t'))

  /** The frames in their order, and the scores within 2e-5. */
  async function sameAsEmbedded(output: string) {
    const [here, there] = [frames(await tables(output)), frames(embedded)]
    expect(here.map(([id]) => id)).toEqual(there.map(([id]) => id))
    expect(Math.max(...here.map((row, i) => Math.abs(Number(row[3]) - Number(there[i]?.[3]))))).toBeLessThan(
      2e-5,
    )
  }

  beforeAll(async () => {
    await buildRepository({ bundle: 'demo', backend: 'python', output: repository, threads: 1 })
    input = folder.join('reads.fasta')
    // Without T there is no stop codon on one strand.
    const reads = Array.from({ length: 80 }, (_, i) => `>r${i}\n${'ACGC'.repeat(30 + i)}${'GAC'.repeat(i)}\n`)
    await writeFile(input, reads.join(''))
    const { code, stderr } = await virnucpro(words('embedded', '--backend', 'onnx'))
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    embedded = await tables('embedded')
    expect(frames(embedded).length).toBeGreaterThan(20)
  })

  afterAll(() => folder[Symbol.asyncDispose]())

  test('this process where there is no server and no GPU, said once', async () => {
    const { code, stderr } = await virnucpro(words('alone', '--server-bin', tritonServer), undefined, {
      CUDA_VISIBLE_DEVICES: '',
    })
    expect(code).toBe(0)
    expect(stderr.match(/computing in this process: no inference server runs/g)).toHaveLength(1)
    expect(await tables('alone')).toBe(embedded)
  })

  test('a server of this machine with the same models', async () => {
    await using server = await startTriton({ repository, ports: DEFAULT_PORTS })
    const { code, stderr } = await virnucpro(words('found'))
    expect(stderr).toContain(`using the server found at ${server.grpcUrl}`)
    expect(code).toBe(0)
    await sameAsEmbedded('found')
  })

  test('not a server whose models were made from other weights, or from who knows which', async () => {
    for (const [name, change, reason] of [
      ['other', (text: string) => text.replace(/[0-9a-f]{64}/, 'f'.repeat(64)), 'made from other weights'],
      [
        'silent',
        (text: string) => text.replace('key: "source"', 'key: "origin"'),
        'does not say which model it hosts',
      ],
    ] as const) {
      const path = folder.join(`repository-${name}`)
      await buildRepository({ bundle: 'demo', backend: 'python', output: path, threads: 1 })
      const config = join(path, 'esm2/config.pbtxt')
      const text = await readFile(config, 'utf8')
      expect(change(text)).not.toBe(text)
      await writeFile(config, change(text))
      await using server = await startTriton({ repository: path, ports: DEFAULT_PORTS })
      const { code, stderr } = await virnucpro(words(name), undefined, { CUDA_VISIBLE_DEVICES: '' })
      expect(stderr).toContain(`not using what listens at ${server.grpcUrl}`)
      expect(stderr).toContain(reason)
      expect(code).toBe(0)
      expect(await tables(name)).toBe(embedded)
    }
  })

  test('a server started for the run where a GPU is said to be there; nothing of it is left', async () => {
    const { code, stderr } = await virnucpro(
      words('started', '--repository', repository, '--server-bin', tritonServer, '--gpus', '1'),
      undefined,
      { CUDA_VISIBLE_DEVICES: '5,7' },
    )
    expect(stderr).toContain(`starting a server with the models of ${repository}`)
    expect(stderr).toContain('GPU 7: ')
    expect(code).toBe(0)
    await sameAsEmbedded('started')
    expect(processesOf(repository)).toEqual([])
    expect(readdirSync('/dev/shm').filter((name) => /^virnucpro_\d/.test(name))).toEqual([])
  })

  test('a GPU that is not there is named', async () => {
    const { code, stderr } = await virnucpro(
      words('absent', '--repository', repository, '--server-bin', tritonServer, '--gpus', '4'),
      undefined,
      { CUDA_VISIBLE_DEVICES: '0,1' },
    )
    expect(stderr).toContain('--gpus: there is no GPU 4 on this machine (0 to 1)')
    expect(code).toBe(64)
  })

  test('a server that dies under its run ends it, and the next one goes on', async () => {
    const path = folder.join('repository-slow')
    await buildRepository({ bundle: 'demo', backend: 'python', output: path, threads: 1 })
    for (const model of ['esm2', 'dnabert_s']) {
      const file = join(versionFolder(path, model), 'model.py')
      const text = await readFile(file, 'utf8')
      const slow = 'def respond(self, request):\n        import time; time.sleep(0.2)'
      expect(text).toContain('def respond(self, request):')
      await writeFile(file, text.replace('def respond(self, request):', slow))
    }
    const log = folder.join('dies.log')
    const start = ['--backend', 'triton', '--repository', path, '--server-bin', tritonServer]
    const run = virnucpro(words('dies', ...start, '--token-budget', '300', '--verbose', '--log-file', log))
    while (!(await readFile(log, 'utf8').catch(() => '')).includes('computed esm2')) await Bun.sleep(50)
    for (const pid of processesOf(path)) process.kill(pid, 'SIGKILL')
    const { code, stderr } = await run
    expect(stderr).toMatch(/the server at grpc:\/\/127\.0\.0\.1:\d+ was killed|ended/)
    expect(stderr).toContain('the same command continues from there')
    expect(code).toBe(75)
    const resumed = await virnucpro(words('dies', '--backend', 'onnx', '--token-budget', '300'))
    expect(resumed.stderr).toContain('continuing the unfinished run')
    expect(resumed.code).toBe(0)
    await sameAsEmbedded('dies')
  })
})

/** Servers with a model repository. */
function processesOf(repository: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`--model-repository=${repository}\0`)
      } catch {
        return false
      }
    })
    .map(Number)
}
