import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { randomSource } from '../../../scripts/support/random.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton, type TritonServer } from '../../../scripts/support/triton.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { repository, resultOf, spawnCli } from '../../support/cli.ts'
import { type LinkFaults, type Network, SERVER, startNetwork } from '../../support/faults/network.ts'
import { SEED } from '../../support/faults/seed.ts'
import { hasFaultTools } from '../../support/faults/tools.ts'
import { openReads, slowRepository, someBatches } from '../dispatch/support/slow-repository.ts'

setDefaultTimeout(180_000)

/** What a batch takes, so that a run is long enough for everything that happens to it. */
const BATCH_MS = 50
const RECORDS = 130

/** What happens to the cable in a run, and for how many milliseconds. */
const EVENTS: readonly [LinkFaults, number][] = [
  [{ loss: 0.05, duplicate: 0.05, reorder: 0.05 }, 400],
  [{ delayMs: 100, jitterMs: 50 }, 400],
  [{ bitsPerSecond: 1e6 }, 400],
  [{ cut: 'both' }, 2000],
  [{ cut: 'down' }, 1000],
  [{ cut: 'up' }, 1000],
  [{ reset: true }, 500],
  [{ forget: true }, 500],
]

describe.skipIf(!hasTriton || !hasFaultTools)('between a run and its server', () => {
  const folder = temporaryFolder()
  const input = folder.join('in.fa')
  let network: Network
  let server: TritonServer
  let expected = ''

  beforeAll(async () => {
    const built = folder.join('repository')
    await buildRepository({ bundle: 'demo', backend: 'python', output: built, threads: 1 })
    const slow = await slowRepository(built, folder.join('slow'), BATCH_MS)
    await writeFile(input, openReads(RECORDS))
    network = await startNetwork()
    server = await startTriton({
      repository: slow,
      models: ['esm2', 'dnabert_s'],
      within: network.server,
    })
    // Over IPv6, so that this is seen as well.
    const { code, stderr } = await start('undisturbed', url(SERVER.v6))
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expected = await tables('undisturbed')
  })
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
    await network?.[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  const url = (host: string) => `grpc://${host}:${server.ports.grpc}`
  const words = (name: string, address: string, ...more: string[]) => [
    ...['--output-dir', folder.join(name), '--prefix', 'in', '--bundle', 'demo', '--token-budget', '600'],
    ...['--triton', address, '--no-progress', '--verbose', '--log-file', folder.join(`${name}.log`), ...more],
  ]
  /** Has the machine of the client find another file where it looks for one. */
  const inPlaceOf = async (path: string, content: string): Promise<AsyncDisposable> => {
    const own = folder.join(path.replaceAll('/', '_'))
    await writeFile(own, content)
    const call = async (...command: string[]) => {
      expect(await Bun.spawn([...network.client, ...command], { stderr: 'inherit' }).exited).toBe(0)
    }
    await call('mount', '--bind', own, path)
    return { [Symbol.asyncDispose]: () => call('umount', path) }
  }
  const start = (name: string, address = url(SERVER.v4), ...more: string[]) =>
    resultOf(
      spawnCli(['predict', input, ...words(name, address, ...more)], {
        within: network.client,
        env: { NO_COLOR: '1' },
      }),
    )
  const table = (name: string) => join(folder.join(name), 'in_merged/prediction_results.txt')
  const tables = async (name: string) =>
    (await readFile(table(name), 'utf8')) +
    (await readFile(table(name).replace('results.txt', 'results_highestscore.csv'), 'utf8'))
  const batches = async (name: string) => {
    const log = await readFile(folder.join(`${name}.log`), 'utf8').catch(() => '')
    return log.match(/computed (esm2|dnabert_s)/g)?.length ?? 0
  }

  test('a network may do anything for a while: the run goes on, and gives what an undisturbed one gives', async () => {
    console.log(`seed ${SEED}`)
    const random = randomSource(SEED)
    let isOver = false
    const run = start('disturbed').finally(() => {
      isOver = true
    })
    const events = EVENTS.map((event) => [random(), event] as const).sort(([a], [b]) => a - b)
    for (const [, [faults, ms]] of events) {
      const before = await batches('disturbed')
      while (!isOver && (await batches('disturbed')) < before + 3) await Bun.sleep(20)
      await Bun.sleep(random() * 100)
      expect({ faults, isOver }).toEqual({ faults, isOver: false })
      await network.link({ ...faults, seed: SEED })
      await Bun.sleep(ms)
      await network.link()
    }
    const { code, stderr } = await run
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect((await tables('disturbed')) === expected).toBe(true)
    expect(stderr).toContain('cannot be used now')
  })

  test('what lasts longer than --server-timeout ends the run in words, and the same command continues it', async () => {
    const lasting: LinkFaults[] = [{ cut: 'both' }, { largest: 300 }]
    for (const faults of lasting) {
      const before = await batches('lasting')
      const run = start('lasting', undefined, '--server-timeout', '2')
      await Promise.race([someBatches(folder.join('lasting.log'), before / 2 + 2), run])
      await network.link(faults)
      const { code, stderr } = await run
      await network.link()
      expect(stderr).toContain('no inference server has finished a batch for 2 s, though work was waiting')
      expect(stderr).toContain('What is done is kept. Look at the servers and give the same command again')
      expect({ faults, code, hasTable: existsSync(table('lasting')) }).toEqual({
        faults,
        code: 75,
        hasTable: false,
      })
    }
    await network.link({ cut: 'both' })
    const absent = await start('lasting', undefined, '--server-timeout', '1')
    await network.link()
    expect(absent.stderr).toContain('no inference server with every model has answered for 1 s')
    expect(absent.code).toBe(69)
    const { code, stderr } = await start('lasting')
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect(stderr).toContain('continuing the unfinished run')
    expect((await tables('lasting')) === expected).toBe(true)
  })

  test('a name that cannot be looked up is waited for, in mid-run as well', async () => {
    // Nobody answers at that address, and then at none.
    await using _ = await inPlaceOf(
      '/etc/resolv.conf',
      `nameserver ${SERVER.v4}\noptions timeout:1 attempts:1\n`,
    )
    const named = url('server.example')
    const unknown = await start('named', named, '--server-timeout', '1')
    expect(unknown.stderr).toMatch(
      /no inference server with every model has answered for 1 s \(.*[Nn]ame resolution/,
    )
    expect(unknown.code).toBe(69)
    const known = await inPlaceOf('/etc/hosts', `${SERVER.v4} server.example\n`)
    const run = start('named', named)
    await someBatches(folder.join('named.log'))
    await known[Symbol.asyncDispose]()
    await network.link({ reset: true })
    await Bun.sleep(1500)
    await network.link()
    await using _again = await inPlaceOf('/etc/hosts', `${SERVER.v4} server.example\n`)
    const { code, stderr } = await run
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect((await tables('named')) === expected).toBe(true)
  })

  test('an input that pauses for longer than a firewall remembers connections', async () => {
    await network.link({ idleSeconds: 2 })
    const child = Bun.spawn(
      [
        ...network.client,
        process.execPath,
        join(repository, 'src/cli/main.ts'),
        ...['predict', '--input', '-', ...words('paused', url(SERVER.v4))],
      ],
      { stdin: 'pipe', stdout: 'ignore', stderr: 'pipe', env: { ...process.env, NO_COLOR: '1' } },
    )
    const text = await readFile(input, 'utf8')
    child.stdin.write(text.slice(0, 3000))
    await child.stdin.flush()
    const log = () => readFile(folder.join('paused.log'), 'utf8').catch(() => '')
    while (child.exitCode === null && !(await log()).includes('instances: 1 of esm2')) await Bun.sleep(20)
    await Bun.sleep(6000)
    child.stdin.write(text.slice(3000))
    await child.stdin.end()
    const stderr = await new Response(child.stderr).text()
    const code = await child.exited
    await network.link()
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect(stderr).toMatch(/cannot be used now .*ModelReady/)
    expect((await tables('paused')) === expected).toBe(true)
  })
})
