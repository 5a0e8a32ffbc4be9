import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TritonClient } from 'tritonclient-ts'
import { makeAuthority } from '../../../packages/tritonclient-ts/test/certificates.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { freePorts, hasTriton, startTriton, type TritonServer } from '../../../scripts/support/triton.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { resealBundle } from '../../support/bundle.ts'
import { repository as checkout, resultOf, spawnCli, virnucpro } from '../../support/cli.ts'
import { openReads, slowRepository, someBatches } from './support/slow-repository.ts'

/** Time that a batch takes on these servers, so that a run is long enough to be disturbed. */
const BATCH_MS = 25

describe.skipIf(!hasTriton)('a run on real servers', () => {
  const folder = temporaryFolder()
  const explicit = { models: ['esm2', 'dnabert_s'] }
  let normal = ''
  let expected: Tables

  interface Tables {
    frames: string
    chunks: string
  }

  const tables = async (output: string): Promise<Tables> => ({
    frames: await readFile(join(output, 'in_merged/prediction_results.txt'), 'utf8'),
    chunks: await readFile(join(output, 'in_merged/prediction_results_highestscore.csv'), 'utf8'),
  })

  const words = (output: string, servers: string[], ...more: string[]) => [
    ...['predict', folder.join('in.fa'), '--output-dir', output, '--bundle', 'demo', '--token-budget', '600'],
    ...['--triton', servers.join(','), ...more],
  ]

  /** Starts a run; `disturb` happens when some batches are done. */
  async function disturbed(
    name: string,
    servers: TritonServer[],
    disturb: () => Promise<unknown>,
    ...more: string[]
  ) {
    const output = folder.join(name)
    const run = virnucpro(
      words(
        output,
        servers.map(({ grpcUrl }) => grpcUrl),
        ...['--verbose', '--log-file', `${output}.log`, ...more],
      ),
    )
    await Promise.race([someBatches(`${output}.log`), run])
    await disturb()
    const { code, stderr } = await run
    return { code, stderr, output }
  }

  beforeAll(async () => {
    const built = folder.join('repository')
    await buildRepository({ bundle: 'demo', backend: 'python', output: built, threads: 1 })
    normal = await slowRepository(built, folder.join('normal'), BATCH_MS)
    await Bun.write(folder.join('in.fa'), openReads(400))
    await using server = await startTriton({ repository: normal, ...explicit })
    const { code, stderr } = await virnucpro(words(folder.join('undisturbed'), [server.grpcUrl]))
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expected = await tables(folder.join('undisturbed'))
    // Long enough that a disturbance after some batches meets a run in full swing.
    expect(expected.frames.split('\n').length).toBeGreaterThan(500)
  }, 120_000)

  afterAll(() => folder[Symbol.asyncDispose]())

  test('gives what the embedded backend gives', async () => {
    const output = folder.join('embedded')
    const embedded = words(output, []).filter((word) => word !== '--triton' && word !== '')
    expect((await virnucpro(embedded)).code).toBe(0)
    const rows = (text: string) =>
      text
        .trim()
        .split('\n')
        .slice(2)
        .map((line) => line.split('\t'))
    const [here, there] = [rows((await tables(output)).frames), rows(expected.frames)]
    expect(here.map(([id]) => id)).toEqual(there.map(([id]) => id))
    const worst = Math.max(...here.map((row, i) => Math.abs(Number(row[3]) - Number(there[i]?.[3]))))
    expect(worst).toBeLessThan(2e-5)
  })

  test('survives a server that is killed and started again', async () => {
    const ports = await freePorts()
    const first = await startTriton({ repository: normal, ports, ...explicit })
    let second: TritonServer | undefined
    const { code, stderr, output } = await disturbed('killed', [first], async () => {
      await first.kill('SIGKILL')
      second = await startTriton({ repository: normal, ports, ...explicit })
    })
    await second?.kill('SIGKILL')
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect(stderr).toContain('cannot be used now')
    expect(await tables(output)).toEqual(expected)
  })

  test('goes on after it has stood still itself, for longer than it waits for servers', async () => {
    await using server = await startTriton({ repository: normal, ...explicit })
    const output = folder.join('stopped-itself')
    const limit = ['--server-timeout', '2', '--verbose', '--log-file', `${output}.log`]
    const run = spawnCli(words(output, [server.grpcUrl], ...limit))
    await someBatches(`${output}.log`)
    run.kill('SIGSTOP')
    await Bun.sleep(4000)
    run.kill('SIGCONT')
    const { code, stderr } = await resultOf(run)
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect(await tables(output)).toEqual(expected)
  })

  test('survives a server that stands still for a while', async () => {
    await using server = await startTriton({ repository: normal, ...explicit })
    const { code, output } = await disturbed('stopped', [server], async () => {
      // The server alone: stopped together with its Python processes it sometimes takes those for dead and crashes.
      process.kill(server.pid, 'SIGSTOP')
      await Bun.sleep(20_000)
      process.kill(server.pid, 'SIGCONT')
    })
    expect(code).toBe(0)
    expect(await tables(output)).toEqual(expected)
  })

  test('survives a model that is unloaded and loaded again', async () => {
    await using server = await startTriton({ repository: normal, ...explicit })
    const client = new TritonClient(server.grpcUrl)
    const { code, output } = await disturbed('unloaded', [server], async () => {
      await client.unloadModel('esm2')
      await Bun.sleep(1500)
      await client.loadModel('esm2')
    })
    client.close()
    expect(code).toBe(0)
    expect(await tables(output)).toEqual(expected)
  })

  test('survives a model whose process dies', async () => {
    await using server = await startTriton({ repository: normal, ...explicit })
    const { code, stderr, output } = await disturbed('stub', [server], async () => {
      const stubs = processesOf(server.pid).filter((line) => line.command.includes('esm2'))
      expect(stubs.length).toBeGreaterThan(0)
      for (const { pid } of stubs) process.kill(pid, 'SIGKILL')
    })
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect(await tables(output)).toEqual(expected)
  })

  test('goes on with the other of two servers when one is gone for good', async () => {
    await using staying = await startTriton({ repository: normal, ...explicit })
    const leaving = await startTriton({ repository: normal, ...explicit })
    const { code, output } = await disturbed('gone', [staying, leaving], () => leaving.kill('SIGKILL'))
    expect(code).toBe(0)
    expect(await tables(output)).toEqual(expected)
  })

  test('takes plain and encrypted servers together, the encrypted one with a certificate of our own', async () => {
    const authority = await makeAuthority(folder.path, 'authority')
    const server = await authority.sign('server', 'server', 'IP:127.0.0.1')
    const client = await authority.sign('client', 'client')
    await using plain = await startTriton({ repository: normal })
    await using encrypted = await startTriton({
      repository: normal,
      args: [
        '--grpc-use-ssl=true',
        '--grpc-use-ssl-mutual=true',
        `--grpc-server-cert=${server.path}.crt`,
        `--grpc-server-key=${server.path}.key`,
        `--grpc-root-cert=${authority.path}`,
      ],
    })
    const output = folder.join('encrypted')
    const urls = [plain.grpcUrl, encrypted.grpcUrl.replace('grpc:', 'grpcs:')]
    const access = ['--triton-ca', authority.path]
    const own = ['--triton-cert', `${client.path}.crt`, '--triton-key', `${client.path}.key`]
    const { code, stderr } = await virnucpro(words(output, urls, ...access, ...own))
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect(stderr).not.toContain('cannot be used now')
    expect(await tables(output)).toEqual(expected)
    for (const { metricsUrl } of [plain, encrypted]) {
      const metrics = await (await fetch(metricsUrl, { keepalive: false })).text()
      expect(
        Number(/nv_inference_request_success\{model="esm2".*\} (\d+)/.exec(metrics)?.[1]),
      ).toBeGreaterThan(5)
    }
    const refused = await virnucpro(words(folder.join('refused'), [urls[1] ?? ''], '--server-timeout', '2'))
    expect(refused.stderr).toContain('of an authority that is not trusted here')
    expect(refused.code).toBe(69)
  })

  test('is not held up by a server ten times slower', async () => {
    await using fast = await startTriton({ repository: normal, ...explicit })
    const slowed = await slowRepository(folder.join('repository'), folder.join('slow'), 10 * BATCH_MS)
    await using slow = await startTriton({ repository: slowed, ...explicit })
    const { code, output } = await disturbed('slow', [fast, slow], async () => {})
    expect(code).toBe(0)
    expect(await tables(output)).toEqual(expected)
    const done = await Promise.all([fast, slow].map(({ grpcUrl }) => batchesOf(grpcUrl)))
    expect((done[0] ?? 0) / (done[1] ?? 1)).toBeGreaterThan(3)
  })

  test('ends with a clear error when no server is left, and continues later', async () => {
    const first = await startTriton({ repository: normal, ...explicit })
    const kill = () => first.kill('SIGKILL')
    const { code, stderr, output } = await disturbed('left', [first], kill, '--server-timeout', '2')
    expect(code).toBe(75)
    expect(stderr).toContain('no inference server has finished a batch for 2 s')
    expect(existsSync(join(output, 'in_merged/prediction_results.txt'))).toBe(false)
    await using second = await startTriton({ repository: normal, ...explicit })
    expect((await virnucpro(words(output, [second.grpcUrl]))).code).toBe(0)
    expect(await tables(output)).toEqual(expected)
  })

  test('refuses a server with other models', async () => {
    await using server = await startTriton({ repository: normal, ...explicit })
    const other = await otherBundle(folder.join('other'))
    const run = words(folder.join('refused'), [server.grpcUrl]).map((word) =>
      word === 'demo' ? other : word,
    )
    const { code, stderr } = await virnucpro(run)
    expect(code).toBe(64)
    expect(stderr).toMatch(/embeddings of \d+ numbers, the bundle's model \d+|other weights/)
  })
})

/** Batches that a server has computed. */
async function batchesOf(url: string): Promise<number> {
  const client = new TritonClient(url)
  const statistics = await client.modelStatistics()
  client.close()
  return statistics.reduce((sum, { executionCount }) => sum + Number(executionCount), 0)
}

/** The processes that a server started. */
function processesOf(parent: number): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const ppid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return ppid === parent ? [{ pid: Number(name), command }] : []
      } catch {
        return []
      }
    })
}

/** The demonstration bundle with another origin of its ESM-2. */
async function otherBundle(path: string): Promise<string> {
  await cp(join(checkout, 'examples/demo-bundle'), path, { recursive: true })
  resealBundle(path, ({ models }) => {
    models.esm2.source.files[0]!.sha256 = 'f'.repeat(64)
  })
  return path
}
