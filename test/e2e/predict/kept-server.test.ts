import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, tritonServer } from '../../../scripts/support/triton.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { resultOf, virnucpro } from '../../support/cli.ts'
import { spawnCli } from '../cli/support.ts'
import { processesOf } from '../serve/support.ts'

describe.skipIf(!hasTriton)('--keep-server', () => {
  const folder = temporaryFolder()
  const repository = folder.join('repository')
  const input = folder.join('reads.fasta')
  const runtime = folder.join('runtime')
  const env = { XDG_RUNTIME_DIR: runtime, CUDA_VISIBLE_DEVICES: '', NO_COLOR: '1' }

  const words = (output: string, ...more: string[]) => [
    ...['predict', input, '--output-dir', folder.join(output), '--bundle', 'demo', ...more],
  ]
  const start = ['--backend', 'triton', '--repository', repository, '--server-bin', tritonServer]
  const table = (output: string) =>
    readFile(folder.join(output, 'reads_merged/prediction_results.txt'), 'utf8')
  const serve = (...more: string[]) => virnucpro(['serve', ...more], undefined, env)

  beforeAll(async () => {
    mkdirSync(runtime, { mode: 0o700 })
    await buildRepository({ bundle: 'demo', backend: 'python', output: repository, threads: 1 })
    await writeFile(input, `>r1\n${'ACGC'.repeat(60)}\n>r2\n${'GAC'.repeat(90)}\n`)
  })

  afterAll(async () => {
    await serve('--stop')
    await folder[Symbol.asyncDispose]()
  })

  test('the server goes on, the next run uses it, and it ends when nobody does', async () => {
    const first = await virnucpro(words('first', ...start, '--keep-server', '4s'), undefined, env)
    expect(first.stderr).toContain('starting a server with the models of')
    expect(first.stderr).toContain(
      'keeps running after this run, and ends when nobody has used it for 4 s. virnucpro serve --stop',
    )
    expect(first.code).toBe(0)
    expect(processesOf(repository).length).toBe(1)
    const [pid] = processesOf(repository)

    const second = await virnucpro(words('second'), undefined, env)
    expect(second.stderr).toContain('using the servers that you have started at grpc://127.0.0.1:')
    expect(second.code).toBe(0)
    expect(await table('second')).toBe(await table('first'))
    expect(processesOf(repository)).toEqual([pid as number])
    while (processesOf(repository).length > 0) await Bun.sleep(50)
    while (readdirSync(join(runtime, 'virnucpro')).length > 0) await Bun.sleep(50)
  })

  test('of two runs at once one starts it; serve --list shows it and serve --stop ends it', async () => {
    const runs = ['one', 'two'].map((output) =>
      spawnCli(words(output, ...start, '--keep-server', '10m'), { env }),
    )
    for (const { code, stderr } of await Promise.all(runs.map(resultOf)))
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect(processesOf(repository).length).toBe(1)
    const { stdout } = await serve('--list')
    expect(stdout.split('\n').length).toBe(3)
    expect(stdout).toMatch(/^ADDRESS .*\ngrpc:\/\/127.0.0.1:\d+ +all +\S+ +600 s without use +/)
    expect(stdout).toContain(repository)
    const stopped = await serve('--stop')
    expect(stopped.stderr).toMatch(/the server at grpc:\S+ has ended/)
    expect(stopped.code).toBe(0)
    expect(processesOf(repository)).toEqual([])
    expect((await serve('--stop')).stderr).toContain('no kept server is running')
    expect((await serve('--list')).stdout).toBe('')
  })

  test('a server that ends is not found by runs that begin meanwhile', async () => {
    await virnucpro(words('ending', ...start, '--keep-server', '10m'), undefined, env)
    const records = () => readdirSync(join(runtime, 'virnucpro')).filter((name) => name.endsWith('.json'))
    const record = JSON.parse(await readFile(join(runtime, 'virnucpro', records()[0] ?? ''), 'utf8'))
    process.kill(record.starter.pid, 'SIGTERM')
    while (records().length > 0) await Bun.sleep(5)
    // It lets requests under way finish.
    expect(processesOf(repository).length).toBe(1)
    while (processesOf(repository).length > 0) await Bun.sleep(50)
  })

  test('a run that is stopped meanwhile leaves none, and one that does not start is explained', async () => {
    const slow = folder.join('slow')
    await writeFile(slow, `#!/bin/sh\nsleep 1000 & wait\n`, { mode: 0o755 })
    const log = folder.join('stopped.log')
    const late = [...start.slice(0, -1), slow, '--keep-server', '10m', '--log-file', log]
    const run = spawnCli(words('stopped', ...late), { env })
    while (!existsSync(log) || !(await readFile(log, 'utf8')).includes('starting a server'))
      await Bun.sleep(20)
    while (processesOf(repository).length === 0) await Bun.sleep(20)
    run.kill('SIGTERM')
    expect((await resultOf(run)).code).toBe(143)
    while (processesOf(repository).length > 0) await Bun.sleep(20)

    await writeFile(slow, '#!/bin/sh\necho "error: there are no models today" >&2\nexit 3\n', { mode: 0o755 })
    const { code, stderr } = await virnucpro(words('broken', ...late), undefined, env)
    expect(stderr).toContain('ended with exit code 3 before it was ready')
    expect(stderr).toContain('there are no models today')
    expect(code).toBe(69)
    expect(readdirSync(join(runtime, 'virnucpro'))).toEqual([])
  })

  test('serve ends by itself when nobody uses it', async () => {
    const { code, stdout, stderr } = await serve(
      ...['--repository', repository, '--server-bin', tritonServer, '--idle-timeout', '1s'],
      ...['--http-port', '38470', '--grpc-port', '38471', '--metrics-port', '38472'],
    )
    expect(stdout).toBe('grpc://127.0.0.1:38471\n')
    expect(stderr).toContain('nobody has used the server for 1 s: it ends')
    expect(code).toBe(0)
    expect((await serve('--idle-timeout', '1d')).stderr).toContain('expected a time such as 90s, 15m or 2h')
  })
})
