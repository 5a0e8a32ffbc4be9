import { expect, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import onnxruntime from 'onnxruntime-node/package.json' with { type: 'json' }
import manifest from '../../../package.json' with { type: 'json' }
import { commonOptions } from '../../../src/cli/command.ts'
import { spelledNames } from '../../../src/cli/command-line.ts'
import { COMMANDS, loadCommand } from '../../../src/cli/commands.ts'
import { optionsIn } from '../../../src/cli/errors.ts'
import { helpText } from '../../../src/cli/show-help.ts'
import { hasTerminal, openTerminal } from '../../support/terminal.ts'
import { repository, temporaryFolder, virnucpro } from './support.ts'

test.concurrent('the version is one line on standard output, before or after a command', async () => {
  const expected = { code: 0, out: `virnucpro ${manifest.version}\n`, err: '' }
  for (const args of [
    ['version'],
    ['--version'],
    ['-V'],
    ['predict', '--version'],
    ['-v', '--version'],
    ['models', '-V'],
  ]) {
    expect(await virnucpro(args)).toEqual(expected)
  }
  const { out } = await virnucpro(['version', '--json'])
  expect(JSON.parse(out)).toMatchObject({
    format: 'virnucpro-version',
    version: 1,
    virnucpro: manifest.version,
    bun: Bun.version,
    onnxruntime: onnxruntime.version,
    platform: process.platform,
  })
})

test.concurrent('help goes to standard output, even when the rest of the line is wrong', async () => {
  const [root, predict, wrong, models, sub, serve] = await Promise.all([
    virnucpro(['--help']),
    virnucpro(['predict', '--help']),
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
  expect(sub.out.replace(/\s+/g, ' ')).toContain('[default: a bundle of the home]')
  // The marks of the documentation are not for a terminal.
  for (const { out } of [root, predict, models, sub, serve]) expect(out).not.toMatch(/`|\]\(/)
})

test.concurrent('-h of predict is one screen with three examples, and --help has every option', async () => {
  const [short, together, whole] = await Promise.all([
    virnucpro(['predict', '-h']),
    virnucpro(['predict', 'in.fa', '-vh']),
    virnucpro(['predict', '--help']),
  ])
  const lines = short.out.trimEnd().split('\n')
  expect(lines.length).toBeLessThanOrEqual(40)
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  expect(lines.filter((line) => line.startsWith('    virnucpro predict '))).toHaveLength(3)
  expect(short.out).toContain('--output-dir DIR')
  expect(short.out).not.toContain('--pin-memory')
  expect(whole.out).toContain('--pin-memory')
  expect(together).toEqual(short)
})

test.each(Object.keys(COMMANDS))('-h of %s fits 40 lines of 80 columns', async (name) => {
  const text = helpText(await loadCommand(name), 'short', { columns: 80 })
  const rows = text
    .trimEnd()
    .split('\n')
    .map((line) => Math.max(1, Math.ceil(line.length / 80)))
  expect(rows.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(40)
})

test.each(Object.keys(COMMANDS))(
  'help of %s names its own options, and others with their command',
  async (name) => {
    const { about, usage, options, notes = [], examples = [] } = await loadCommand(name)
    const texts = Object.values(options).flatMap(({ help, brief, hint, otherwise, noEffect }) => [
      ...[help, brief, hint, otherwise, noEffect],
    ])
    const named = [about, ...usage, ...notes, ...examples.flat(), ...texts].flatMap((text = '') =>
      optionsIn(text).map((each) => ({ ...each, text })),
    )
    const own = spelledNames({ ...options, ...commonOptions })
    expect(named.filter(({ command, option }) => command === undefined && !own.has(option))).toEqual([])
    for (const { command = '', option } of named.filter((each) => each.command !== undefined)) {
      const other = Object.keys(COMMANDS).find((each) => `${command} `.startsWith(`${each} `)) ?? command
      expect([...spelledNames((await loadCommand(other)).options)]).toContain(option)
    }
  },
)

test.concurrent('help COMMAND is --help of it', async () => {
  for (const words of [['models', 'pull'], ['predict'], ['models'], []]) {
    const [help, option] = await Promise.all([virnucpro(['help', ...words]), virnucpro([...words, '--help'])])
    expect(help).toEqual(option)
    expect(help.code).toBe(0)
  }
  const { code, out, err } = await virnucpro(['help', 'models', 'pul'])
  expect(err).toContain('unknown command models pul. Did you mean pull?')
  expect({ code, out }).toEqual({ code: 64, out: '' })
})

test.concurrent('the short help of the program has a group on one line, the whole help its commands', async () => {
  const [short, whole] = await Promise.all([virnucpro(['-h']), virnucpro(['--help'])])
  expect(short.out).toContain('\n  models ...')
  expect(short.out).not.toContain('models pull')
  expect(short.out.split('\n').length).toBeLessThanOrEqual(45)
  expect(whole.out).toContain('\n  models pull')
})

test.concurrent('help is shown whatever the configuration is', async () => {
  const env = { VIRNUCPRO_THREADS: 'many', VIRNUCPRO_CONFIG: '/no/such/file' }
  for (const words of ['help', 'help predict', 'version', 'predict -h']) {
    expect(await virnucpro(words.split(' '), { env })).toMatchObject({ code: 0, err: '' })
  }
})

test('lines are as wide as the terminal, from 40 to 100 columns', async () => {
  const predict = await loadCommand('predict')
  const widest = (columns: number, length: 'short' | 'whole') => {
    const text = helpText(predict, length, { columns }).replace(
      /^(Usage:| {4}virnucpro| {7}virnucpro).*$/gm,
      '',
    )
    return Math.max(...text.split('\n').map((line) => line.length))
  }
  for (const length of ['short', 'whole'] as const) {
    expect(widest(60, length)).toBeLessThanOrEqual(60)
    expect(widest(90, length)).toBeLessThanOrEqual(90)
    expect(widest(300, length)).toBeLessThanOrEqual(100)
    expect(helpText(predict, length, { columns: 10 })).toBe(helpText(predict, length, { columns: 40 }))
  }
  expect(widest(300, 'whole')).toBeGreaterThan(90)
})

test.skipIf(!hasTerminal)('help fits a real narrow terminal', async () => {
  using terminal = openTerminal(50, 80)
  const program = `'${process.execPath}' ${repository}/src/cli/main.ts`
  terminal.type(`clear; ${program} predict -h`, 'Enter')
  const screen = await terminal.until((now) => now.includes('--help prints every option.'))
  // A name has a line of its own, and nothing was cut into two by the terminal.
  expect(screen).toContain('\n  -o, --output-dir DIR\n        folder of the results\n')
  expect(screen).toContain(
    "\n        folders and names of the files: the\n        original's or those of Broad's fork\n",
  )
})

test.concurrent('without a command the short help is on standard error and the exit code 64', async () => {
  for (const [args, usage] of [
    [[], 'Usage: virnucpro COMMAND'],
    [['-v'], 'Usage: virnucpro COMMAND'],
    [['models'], 'Usage: virnucpro models COMMAND'],
  ] as const) {
    const { code, out, err } = await virnucpro([...args])
    expect(err).toContain(usage)
    expect({ code, out }).toEqual({ code: 64, out: '' })
    expect((await virnucpro([...args, '-h'])).out).toBe(err)
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
