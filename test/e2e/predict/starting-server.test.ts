import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, tritonServer, versionFolder } from '../../../scripts/support/triton.ts'
import { buildRepository } from '../../../src/server/repository/index.ts'
import { resultOf, virnucpro } from '../../support/cli.ts'
import { spawnCli } from '../cli/support.ts'
import { processesOf } from '../serve/support.ts'

describe.skipIf(!hasTriton)('a run whose server is starting', () => {
  const folder = temporaryFolder()
  const repository = folder.join('repository')
  const input = folder.join('reads.fasta')
  const programs = {
    real: tritonServer,
    // The real one some time later.
    slow: `#!/bin/sh\nsleep 2\nexec '${tritonServer}' "$@"\n`,
    // One that never is ready.
    mute: '#!/bin/sh\nsleep 1000 & wait\n',
    broken: '#!/bin/sh\necho "error: no such thing as a model" >&2\nexit 3\n',
  }

  const words = (output: string, program: keyof typeof programs, ...more: string[]) => [
    ...['predict', input, '--output-dir', folder.join(output), '--bundle', 'demo'],
    ...['--backend', 'triton', '--repository', repository, '--log-file', folder.join(`${output}.log`)],
    ...['--server-bin', program === 'real' ? tritonServer : folder.join(program), ...more],
  ]
  const logOf = (output: string) => readFile(folder.join(`${output}.log`), 'utf8').catch(() => '')
  const filesOf = async (output: string) => {
    const entries = await readdir(folder.join(output), { recursive: true, withFileTypes: true }).catch(
      () => [],
    )
    return entries
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
      .sort()
  }
  const table = (output: string) =>
    readFile(folder.join(output, 'reads_merged/prediction_results.txt'), 'utf8')

  beforeAll(async () => {
    await buildRepository({
      bundle: 'demo',
      backend: 'python',
      output: repository,
      threads: 1,
      placement: 'copy',
    })
    // Without T there is no stop codon on one strand.
    const reads = Array.from({ length: 30 }, (_, i) => `>r${i}\n${'ACGC'.repeat(30 + i)}${'GAC'.repeat(i)}\n`)
    await writeFile(input, reads.join(''))
    for (const [name, script] of Object.entries(programs)) {
      if (name === 'real') continue
      await writeFile(folder.join(name), script)
      await chmod(folder.join(name), 0o755)
    }
  })

  afterAll(() => folder[Symbol.asyncDispose]())

  test('reads and prepares meanwhile; a run that has finished starts none', async () => {
    const { code, stderr } = await virnucpro(words('overlap', 'slow'))
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    const log = await logOf('overlap')
    const order = ['starting a server', 'frames prepared', 'esm2 is ready', 'models: ', 'part 1: ']
    expect(order.map((words) => log.indexOf(words))).not.toContain(-1)
    expect([...order].sort((a, b) => log.indexOf(a) - log.indexOf(b))).toEqual(order)
    expect(processesOf(repository)).toEqual([])

    const again = await virnucpro(words('overlap', 'broken'))
    expect(again.stderr).toContain('this run has finished before')
    expect(again.stderr).not.toContain('starting a server')
    expect(again.code).toBe(0)
  })

  test('says why it does not start, and leaves the output folder as it was', async () => {
    const { code, stderr } = await virnucpro(words('refused', 'broken'))
    expect(stderr).toContain('the server ended with exit code 3 before it was ready')
    expect(stderr).toContain('no such thing as a model')
    expect(stderr).not.toContain('continues from there')
    expect(code).toBe(69)
    expect(await filesOf('refused')).toEqual([])

    await writeFile(folder.join('more.fasta'), await readFile(input))
    const samples = [folder.join('more.fasta'), '--per-input']
    const several = await virnucpro(words('several', 'broken', ...samples))
    expect(several.stderr).toContain('the server ended with exit code 3 before it was ready')
    expect(several.stderr).not.toContain('the same command continues')
    expect(several.code).toBe(69)
    expect(await filesOf('several')).toEqual([])

    const first = await virnucpro(words('kept', 'real'))
    expect(first.code).toBe(0)
    const [before, files] = [await table('kept'), await filesOf('kept')]
    const forced = await virnucpro(words('kept', 'broken', '--force'))
    expect(forced.code).toBe(69)
    expect(await table('kept')).toBe(before)
    expect(await filesOf('kept')).toEqual(files)
  })

  test('is stopped within seconds, with its server', async () => {
    const run = spawnCli(words('stopped', 'mute'))
    while (!(await logOf('stopped')).includes('frames prepared')) await Bun.sleep(20)
    const since = performance.now()
    run.kill('SIGTERM')
    const { code } = await resultOf(run)
    expect(code).toBe(143)
    expect(performance.now() - since).toBeLessThan(5000)
    expect(processesOf(repository)).toEqual([])
    expect(await filesOf('stopped')).toEqual([])
  })

  test('killed outright, it takes its server with it, and the same command goes on', async () => {
    const run = spawnCli(words('killed', 'mute'))
    while (!(await logOf('killed')).includes('frames prepared')) await Bun.sleep(20)
    run.kill('SIGKILL')
    while (processesOf(repository).length > 0) await Bun.sleep(20)
    expect((await virnucpro(words('killed', 'real'))).code).toBe(0)
    expect(await table('killed')).toBe(await table('overlap'))
  })

  test('ends it when what it was to compute with is damaged, or the input is', async () => {
    const path = `${versionFolder(repository, 'esm2')}/model.onnx`
    const content = await readFile(path)
    await writeFile(path, Buffer.from(content).fill(7, 100, 110))
    const damaged = await virnucpro(words('damaged', 'mute'))
    await writeFile(path, content)
    expect(damaged.stderr).toContain('is not what was put there')
    expect(damaged.code).toBe(65)
    await writeFile(folder.join('none.fasta'), 'no sequence\n')
    const bad = await virnucpro(words('bad', 'mute').with(1, folder.join('none.fasta')))
    expect(bad.stderr).toContain('none.fasta')
    expect(bad.code).toBe(65)
    expect(processesOf(repository)).toEqual([])
  })
})
