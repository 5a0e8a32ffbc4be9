import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { repository, spawnCli, temporaryFolder, virnucpro } from './support.ts'

const preload = resolve(import.meta.dir, '../../support/other-platform.ts')
/** The C library of the other system is not here. */
const NATIVE = { ORT_DISABLE_TELEMETRY: '1' }
const contigs = join(repository, 'examples/contigs.fasta')

/** Runs the command line as if the system were another one; its separators and calls are those of this one. */
function on(platform: 'darwin' | 'win32', words: string[], cwd: string, env: Record<string, string> = {}) {
  return virnucpro(words, {
    cwd,
    env: { TEST_PLATFORM: platform, ...NATIVE, ...env },
    runtime: ['--preload', preload],
  })
}

test('a run in this process gives the same tables on macOS and Windows', async () => {
  using folder = temporaryFolder()
  const words = (output: string) => ['predict', contigs, '--bundle', 'demo', '-o', output]
  const runs = await Promise.all([
    virnucpro([...words('linux'), '--backend', 'onnx'], { cwd: folder.path }),
    // The way is left to the program: it must not look for GPUs or start a server.
    on('darwin', words('darwin'), folder.path),
    on('win32', words('win32'), folder.path),
  ])
  for (const { code, err } of runs) expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' })
  for (const room of ['contigs_merged', 'contigs_results']) {
    for (const name of readdirSync(folder.join('linux', room))) {
      const [linux, ...others] = ['linux', 'darwin', 'win32'].map((system) =>
        readFileSync(folder.join(system, room, name)),
      )
      for (const other of others)
        expect({ name, isSame: other.equals(linux!) }).toEqual({ name, isSame: true })
    }
  }
  // It is finished there, too.
  const again = await on('win32', words('win32'), folder.path)
  expect(again).toMatchObject({ code: 0 })
  expect(again.err).toContain('finished')
})

test('a C library that is missing is named, with what to do without it', async () => {
  using folder = temporaryFolder()
  const words = ['predict', contigs, '--bundle', 'demo', '-o', 'out', '--backend', 'onnx']
  const env = { TEST_PLATFORM: 'darwin' }
  const { code, err } = await virnucpro(words, { cwd: folder.path, env, runtime: ['--preload', preload] })
  expect(err).toContain('error: cannot open libSystem.B.dylib to keep ONNX Runtime from reporting its use')
  expect(err).toContain('Set ORT_DISABLE_TELEMETRY=1')
  expect(code).toBe(69)
})

test.concurrent('what needs Linux is refused in words', async () => {
  using folder = temporaryFolder()
  const nvidia = folder.join('bin')
  await Bun.write(join(nvidia, 'nvidia-smi'), '#!/bin/sh\necho 0, GPU-1, H100, 9.0, 81559, 550.1, Disabled\n')
  Bun.spawnSync(['chmod', '+x', join(nvidia, 'nvidia-smi')])
  const env = { PATH: `${nvidia}:${process.env.PATH}`, VIRNUCPRO_HOME: folder.join('home') }
  const refused = async (platform: 'darwin' | 'win32', words: string[], message: string, code = 69) => {
    const result = await on(platform, words, folder.path, env)
    expect(result.err).toContain(message)
    expect(result.err).not.toContain('defect')
    expect(result.code).toBe(code)
  }
  await Promise.all([
    refused(
      'win32',
      ['serve', '--repository', '.', '--server-bin', process.execPath],
      'a server cannot be started on Windows: that needs Linux. Use WSL 2 or a Linux machine',
    ),
    refused(
      'win32',
      ['predict', contigs, '--bundle', 'demo', '-o', 'out', '--backend', 'triton', '--repository', '.'],
      'a server cannot be started on Windows',
    ),
    refused('win32', ['bench', '--quick'], 'the benches cannot run on Windows'),
    refused(
      'win32',
      ['engines', 'build', '--bundle', 'demo', '--output', 'plans'],
      'TensorRT plans cannot be built on Windows',
    ),
    refused(
      'darwin',
      ['engines', 'build', '--bundle', 'demo', '--output', 'plans'],
      'TensorRT plans cannot be built on macOS: that needs Linux. Use a Linux machine',
    ),
    refused(
      'win32',
      ['predict', contigs, '--bundle', 'demo', '-o', 'gpu', '--gpus', '0'],
      'GPUs are not used on Windows',
      64,
    ),
  ])
})

test.concurrent('a set-up prepares the processor alone, and the home is where the system keeps such things', async () => {
  using folder = temporaryFolder()
  const env = { HOME: folder.path, LOCALAPPDATA: folder.join('AppData/Local'), VIRNUCPRO_HOME: '' }
  const show = async (platform: 'darwin' | 'win32') =>
    JSON.parse((await on(platform, ['home', 'show', '--json'], folder.path, env)).out).home
  expect(await show('darwin')).toBe(folder.join('Library/Application Support/virnucpro'))
  expect(await show('win32')).toBe(folder.join('AppData/Local/virnucpro'))
  for (const platform of ['darwin', 'win32'] as const) {
    const { out } = await on(platform, ['doctor', '--json'], folder.path, env)
    const findings: { id: string; text: string }[] = JSON.parse(out).findings
    expect(JSON.stringify(findings.find(({ id }) => id === 'gpus'))).toContain('GPUs are not used on')
  }
})

test('Ctrl-C stops a run on another system, and the same command continues it', async () => {
  using folder = temporaryFolder()
  const reads = Array.from(
    { length: 3000 },
    (_, i) => `>r${i}\nATG${'GCTACG'.repeat(20)}${'ACGT'[i % 4]}AAC\n`,
  ).join('')
  await Bun.write(folder.join('reads.fa'), reads)
  const words = ['predict', 'reads.fa', '--bundle', 'demo', '-o', 'out', '--token-budget', '64', '-v']
  const options = { cwd: folder.path, env: { TEST_PLATFORM: 'win32' }, runtime: ['--preload', preload] }
  const child = spawnCli(words, options)
  let said = ''
  for await (const piece of child.stderr.pipeThrough(new TextDecoderStream())) {
    if (!said.includes('models: ') && (said + piece).includes('models: ')) child.kill('SIGINT')
    said += piece
  }
  expect(await child.exited).toBe(130)
  expect((await virnucpro(words, options)).code).toBe(0)
})
