import { expect, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import manifest from '../../../package.json' with { type: 'json' }
import { temporaryFolder, virnucpro } from './support.ts'

test.concurrent('the version is one line on standard output, before or after a command', async () => {
  const expected = { code: 0, out: `virnucpro ${manifest.version}\n`, err: '' }
  for (const args of [
    ['--version'],
    ['predict', '--version'],
    ['-v', '--version'],
    ['models', '--version'],
  ]) {
    expect(await virnucpro(args)).toEqual(expected)
  }
})

test.concurrent('help goes to standard output, even when the rest of the line is wrong', async () => {
  const [root, predict, wrong, models, sub, serve] = await Promise.all([
    virnucpro(['--help']),
    virnucpro(['predict', '-h']),
    virnucpro(['predict', '--thread', '8', '--help']),
    virnucpro(['models', '--help']),
    virnucpro(['models', 'import', '--help']),
    virnucpro(['serve', '--help']),
  ])
  expect(root).toMatchObject({ code: 0, err: '' })
  expect(root.out).toContain('virnucpro COMMAND')
  expect(predict.out).toContain('Kept for old scripts:')
  expect(predict.out).toContain('--esm-batch-size N')
  expect(wrong).toEqual(predict)
  expect(models.out).toContain('verify')
  expect(sub.out).toContain('--dnabert DIR')
  // A link in a default.
  expect(sub.out).toContain('[default: a bundle of the home]')
  // The marks of the documentation are not for a terminal.
  for (const { out } of [root, predict, models, sub, serve]) expect(out).not.toMatch(/`|\]\(/)
})

test.concurrent('without a command the usage is on standard error and the exit code 64', async () => {
  for (const [args, usage] of [
    [[], 'Usage: virnucpro COMMAND'],
    [['-v'], 'Usage: virnucpro COMMAND'],
    [['models'], 'Usage: virnucpro models COMMAND'],
  ] as const) {
    const { code, out, err } = await virnucpro([...args])
    expect(err).toContain(usage)
    expect({ code, out }).toEqual({ code: 64, out: '' })
  }
})

test.concurrent.skipIf(!existsSync('/proc/self/maps'))(
  'help and configuration do not load ONNX Runtime',
  async () => {
    using folder = temporaryFolder()
    writeFileSync(
      folder.join('maps.ts'),
      `process.on('exit', () => {
      const maps = require('node:fs').readFileSync('/proc/self/maps', 'utf8')
      process.stderr.write(maps.includes('onnxruntime') ? 'LOADED' : 'absent')
    })`,
    )
    const runtime = ['--preload', folder.join('maps.ts')]
    for (const args of [['--help'], ['predict', '--help'], ['--version'], ['config']]) {
      expect((await virnucpro(args, { runtime })).err).toBe('absent')
    }
  },
)

test.concurrent('a reader that closes early is no failure', async () => {
  // More than a pipe holds, so that the reader is certain to be gone before everything is written.
  const inputs = Array.from({ length: 4000 }, (_, i) => `${'long-name-'.repeat(8)}${i}.fa`)
  const command = `"$@" | head -n 1; echo "\${PIPESTATUS[0]}"`
  const main = `${import.meta.dir}/../../../src/cli/main.ts`
  const child = Bun.spawn(['bash', '-c', command, 'bash', process.execPath, main, 'config', ...inputs], {
    cwd: tmpdir(),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  const expected = `# virnucpro ${manifest.version}, effective configuration\n0\n`
  expect({ out, err }).toEqual({ out: expected, err: '' })
})
