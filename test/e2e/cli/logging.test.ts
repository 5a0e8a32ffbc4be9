import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository, temporaryFolder, virnucpro } from './support.ts'

test.concurrent('messages never reach standard output', async () => {
  const plain = await virnucpro(['config', '--json'])
  const noisy = await virnucpro(['config', '--json', '--parallel', '--v1-fallback'])
  expect(noisy.err).toContain('warning: --parallel')
  expect(noisy.out).toBe(plain.out)
})

test.concurrent('the log file gets every line with the time, after what was there', async () => {
  using folder = temporaryFolder()
  const log = folder.join('run.log')
  const first = await virnucpro(['config', '--parallel', '-l', log])
  const second = await virnucpro([
    '-q',
    'predict',
    'no.fa',
    '--bundle',
    'demo',
    '--log-file',
    log,
    '--v1-fallback',
  ])
  expect(first.code).toBe(0)
  expect(second).toEqual({ code: 66, out: '', err: 'error: no.fa: no such file; check the path\n' })
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
  expect(lines.map((line) => line.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /, 'TIME '))).toEqual([
    expect.stringMatching(/^TIME - WARNING - --parallel has no effect/),
    expect.stringMatching(/^TIME - WARNING - --v1-fallback has no effect/),
    'TIME - ERROR - no.fa: no such file; check the path',
  ])
})

test.concurrent('a message of several lines has the time on each', async () => {
  using folder = temporaryFolder()
  const log = folder.join('run.log')
  writeFileSync(folder.join('manifest.json'), '{"format": "virnucpro-bundle", "version": 1}')
  await virnucpro(['models', 'show', folder.path, '-l', log])
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
  expect(lines.length).toBeGreaterThan(3)
  for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - ERROR - /)
})

test.concurrent('a log file that cannot be written is one warning, and the work goes on', async () => {
  using folder = temporaryFolder()
  const plain = await virnucpro(['config', '--json'])
  const pipe = folder.join('nobody-reads')
  expect(Bun.spawnSync(['mkfifo', pipe]).exitCode).toBe(0)
  const places = [folder.join('no/such/run.log'), folder.path, '/dev/full', '/dev/full/run.log', pipe]
  for (const place of places) {
    const { code, out, err } = await virnucpro(['config', '--json', '--parallel', '-l', place])
    expect(err.match(/^warning: cannot write the log file .*; the work goes on without it$/gm)).toHaveLength(
      1,
    )
    expect(err).toContain('warning: --parallel has no effect')
    expect({ code, settings: Object.keys(JSON.parse(out).settings) }).toEqual({
      code: 0,
      settings: Object.keys(JSON.parse(plain.out).settings),
    })
  }
})

test.concurrent('colours: none on a pipe, on demand with FORCE_COLOR, never with NO_COLOR', async () => {
  const csi = '\u001b['
  const args = ['config', '--parallel']
  expect((await virnucpro(args)).err).not.toContain(csi)
  expect((await virnucpro(args, { env: { FORCE_COLOR: '1' } })).err).toContain(csi)
  expect((await virnucpro(args, { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).err).not.toContain(csi)
})

test.concurrent('messages are shown although the program is started from a test', async () => {
  const { err } = await virnucpro(['config', '--parallel'], {
    env: { NODE_ENV: 'test', TEST: '1', CI: 'true' },
  })
  expect(err).toContain('warning: --parallel')
})

test.concurrent('debug lines are shown only when asked for, and ids reach the reader as they are', async () => {
  const logger = JSON.stringify(join(repository, 'src/cli/logger.ts'))
  const program = `
    const { createLogger } = await import(${logger})
    const logger = createLogger({ verbose: process.argv.includes('verbose'), quiet: process.argv.includes('quiet') })
    logger.debug('detail')
    logger.note('kept')
    for (let i = 0; i < 8; i++) logger.info('NODE_1 _x_ \\\`id\\\`')
    logger.error('bad')`
  const shown = async (...args: string[]) => {
    const child = Bun.spawn([process.execPath, '-e', program, ...args], { stdout: 'pipe', stderr: 'pipe' })
    const [out, err] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ])
    expect(out).toBe('')
    return err
  }
  const lines = 'NODE_1 _x_ `id`\n'.repeat(8)
  expect(await shown()).toBe(`${lines}error: bad\n`)
  expect(await shown('verbose')).toBe(`debug: detail\ndebug: kept\n${lines}error: bad\n`)
  expect(await shown('quiet')).toBe('error: bad\n')
})
