import { expect, test } from 'bun:test'
import { cpSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { freePorts, hasTriton, tritonServer, versionFolder } from '../../../scripts/support/triton.ts'
import { startServer } from '../../../src/server/serve/index.ts'
import { virnucpro } from '../cli/support.ts'
import { demoRepository, descendants, healthy, isAlive, portsInSteps, regionsOf, serve } from './support.ts'

const withServer = test.skipIf(!hasTriton)

withServer('SIGTERM ends the server and leaves no process and no shared memory', async () => {
  await using folder = temporaryFolder()
  const repository = await demoRepository(folder.join('repository'))
  const running = await serve(repository)
  await running.ready()
  const { child, ports, printed } = running
  expect(printed.out).toBe(`grpc://127.0.0.1:${ports.grpc}\n`)
  expect(printed.err).toMatch(/loading esm2\n[\s\S]*esm2 is ready \(\d/)
  expect(await healthy(ports.http)).toBe(true)
  const processes = descendants(child.pid)
  // The server and one Python process for each of four models.
  expect(processes.length).toBeGreaterThanOrEqual(5)
  expect(regionsOf(child.pid).length).toBe(4)

  child.kill('SIGTERM')
  const { code, err } = await running.ended()
  expect(err).toEndWith('error: stopped by SIGTERM\n')
  expect(code).toBe(143)
  expect(processes.filter(isAlive)).toEqual([])
  expect(regionsOf(child.pid)).toEqual([])
})

withServer('a second signal does not wait, and leaves as little behind', async () => {
  await using folder = temporaryFolder()
  const running = await serve(await demoRepository(folder.join('repository')))
  await running.ready()
  const { child } = running
  const processes = descendants(child.pid)
  child.kill('SIGINT')
  while (!running.printed.err.includes('SIGINT received')) await Bun.sleep(10)
  child.kill('SIGINT')
  expect((await running.ended()).code).toBe(130)
  // Killed, but not waited for: they are gone as soon as the system gets to it.
  while (processes.some(isAlive)) await Bun.sleep(10)
  expect(regionsOf(child.pid)).toEqual([])
})

withServer('a command that is killed outright takes its server and its shared memory with it', async () => {
  await using folder = temporaryFolder()
  const running = await serve(await demoRepository(folder.join('repository')))
  await running.ready()
  const { child } = running
  const processes = descendants(child.pid)
  expect(regionsOf(child.pid).length).toBe(4)
  child.kill('SIGKILL')
  while (processes.some(isAlive) || regionsOf(child.pid).length > 0) await Bun.sleep(100)
})

withServer('a broken model is named with the reason, and everything is stopped', async () => {
  await using folder = temporaryFolder()
  const repository = await demoRepository(folder.join('repository'))
  writeFileSync(
    join(versionFolder(repository, 'esm2'), 'model.py'),
    'raise ValueError("broken on purpose")\n',
  )
  writeFileSync(join(repository, 'dnabert_s', 'config.pbtxt'), 'name: "dnabert_s" bakend: "python"')
  const running = await serve(repository)
  const { code, out, err } = await running.ended()
  expect(err).toContain(`could not load 2 models of ${repository}`)
  expect(err).toMatch(/ {2}esm2, version \d+: [\s\S]*broken on purpose/)
  expect(err).toMatch(/ {2}dnabert_s: .*"inference.ModelConfig" has no field named "bakend"/)
  expect({ code, out }).toEqual({ code: 69, out: '' })
  expect(regionsOf(running.child.pid)).toEqual([])
})

withServer('a server that cannot start at all is told in its own words', async () => {
  await using folder = temporaryFolder()
  const repository = await demoRepository(folder.join('repository'))
  const unknown = await serve(repository, ['--', '--no-such-option'])
  expect(await unknown.ended()).toMatchObject({
    code: 69,
    err: expect.stringMatching(/The server said:\n.*unrecognized option '--no-such-option'\n$/),
  })

  const noBackends = await serve(repository, ['--backend-directory', folder.path])
  const { code, err } = await noBackends.ended()
  expect(err).toContain("unable to find backend library for backend 'python'")
  expect(code).toBe(69)
})

withServer('the time to start is limited', async () => {
  await using folder = temporaryFolder()
  const repository = await demoRepository(folder.join('repository'))
  const slow = join(repository, 'slow', '1')
  cpSync(versionFolder(repository, 'esm2'), slow, { recursive: true })
  writeFileSync(join(repository, 'slow', 'config.pbtxt'), 'name: "slow" backend: "python" max_batch_size: 0')
  writeFileSync(
    join(slow, 'model.py'),
    'import time\nclass TritonPythonModel:\n  def initialize(self, args): time.sleep(600)\n  def execute(self, r): pass\n',
  )
  const running = await serve(repository, ['--startup-timeout', '4', '--drain-timeout', '0'])
  // Stopping waits for a server that is still loading; the second signal does not.
  while (!running.printed.err.includes('esm2 is ready') && running.child.exitCode === null)
    await Bun.sleep(20)
  const { code, err } = await running.ended()
  expect(err).toMatch(/was not ready within 4 s \(still loading .*\bslow\b/)
  expect(code).toBe(69)
  expect(regionsOf(running.child.pid)).toEqual([])
})

withServer('one server for each GPU, each seeing its own, on ports in steps of three', async () => {
  await using folder = temporaryFolder()
  const repository = await demoRepository(folder.join('repository'))
  const ports = await portsInSteps()
  const first = ports.http
  await using server = await startServer({
    repository,
    serverBin: tritonServer,
    ports,
    gpus: ['0', '1'],
    drainTimeout: 5,
  })
  expect(server.endpoints.map(({ gpu, grpcUrl }) => [gpu, grpcUrl])).toEqual([
    ['0', `grpc://127.0.0.1:${first + 1}`],
    ['1', `grpc://127.0.0.1:${first + 4}`],
  ])
  for (const [i, { pid }] of server.endpoints.entries()) {
    expect(await healthy(first + 3 * i)).toBe(true)
    const environment = await Bun.file(`/proc/${pid}/environ`).text()
    expect(environment.split('\0')).toContain(`CUDA_VISIBLE_DEVICES=${i}`)
  }
  await server.stop()
  expect(server.endpoints.map(({ pid }) => isAlive(pid))).toEqual([false, false])
  await server.ended
})

test('a port that is taken is named with its option before anything is started', async () => {
  await using folder = temporaryFolder()
  const repository = await demoRepository(folder.join('repository'))
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((done) => other.once('listening', done))
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const args = ['serve', '--repository', repository, '--server-bin', process.execPath]
  for (const [name, purpose] of [
    ['http', 'HTTP'],
    ['grpc', 'gRPC'],
    ['metrics', 'metrics'],
  ]) {
    const free = await freePorts()
    const named = Object.entries({ ...free, [`${name}`]: port }).flatMap(([key, value]) => [
      `--${key}-port`,
      String(value),
    ])
    const { code, out, err } = await virnucpro([...args, ...named])
    expect(err).toContain(
      `port ${port} of 127.0.0.1, for ${purpose}, cannot be used: another program listens there`,
    )
    expect(err).toContain(`--${name}-port`)
    expect({ code, out }).toEqual({ code: 69, out: '' })
  }
  other.close()
})

test.concurrent('what cannot be served is said before anything is started', async () => {
  await using folder = temporaryFolder()
  const repository = await demoRepository(folder.join('repository'))
  const path = process.env.PATH ?? ''
  const free = String((await freePorts()).http)
  for (const [args, message, expected] of [
    [['--repository', folder.join('none')], 'no such folder', 66],
    [['--repository', folder.path], 'no model in it', 66],
    [[], 'no model bundle is set up, and none was named', 64],
    [['--repository', repository, '--server-bin', '/no/server'], 'there is no such program', 69],
    [
      ['--repository', repository, '--grpc-port', '0'],
      '--grpc-port: expected a whole number from 1 to 65535',
      64,
    ],
    [
      ['--repository', repository, '--http-port', free, '--grpc-port', free],
      `port ${free} is wanted twice`,
      64,
    ],
    [['--repository', repository, 'surplus'], 'unexpected argument surplus', 64],
    [['--repository', repository, '--address', '192.0.2.1'], 'this machine has no address 192.0.2.1', 69],
  ] as const) {
    // Any program will do where nothing is started.
    const bin = args.some((word) => word === '--server-bin') ? [] : ['--server-bin', process.execPath]
    const { code, err } = await virnucpro(['serve', ...args, ...bin], { env: { PATH: path } })
    expect(err).toContain(message)
    expect(code).toBe(expected)
  }
})
