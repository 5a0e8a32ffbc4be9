import { expect, test } from 'bun:test'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import bun from '../../../src/doctor/checks/bun.ts'
import sharedMemory from '../../../src/doctor/checks/shared-memory.ts'
import type { Examination } from '../../../src/doctor/examination.ts'
import { type Finding, renderFindings, worst } from '../../../src/doctor/index.ts'
import { repository, virnucpro } from '../../support/cli.ts'
import { asOrdinaryUser, makeReadOnly } from '../../support/user.ts'
import { addClassifier, doctor, enlarge, homeWith, ID } from './support.ts'

/** A machine without GPUs, whatever this one has. */
const NO_GPU = { PATH: '/usr/bin:/bin', CUDA_VISIBLE_DEVICES: '' }

test('a machine that is set up for its processor has nothing but ok', async () => {
  using home = homeWith(addClassifier)
  using folder = temporaryFolder()
  const { code, report, by, verdicts } = await doctor(
    { ...NO_GPU, VIRNUCPRO_HOME: home.path },
    { cwd: folder.path },
  )
  // These depend on where the tests run.
  const { cores: _, ports: __, ...others } = verdicts
  expect(Object.entries(others).filter(([, verdict]) => verdict !== 'ok')).toEqual([])
  expect(Object.keys(others)).toEqual([
    'bun',
    'memory',
    'open-files',
    'home',
    'disk-home',
    'disk-output',
    'disk-temporary',
    'models',
    'classifiers',
    'gpus',
    'configuration',
  ])
  expect(code).toBe(0)
  expect([report.format, report.version]).toEqual(['virnucpro-doctor', 1])
  expect(by.models?.text).toStartWith(
    'ESM-2 (2 layers of 32, 193 kB) and DNABERT-S (2 layers of 32, 193 kB) in FP32, in /',
  )
  expect(by.classifiers?.text).toBe('for chunks of 500 and 300 bases')
  expect(by.gpus?.text).toBe('none: the processor computes')
  expect(by.home?.text).toBe(home.path)
})

test('people get aligned lines, each with what to do below it; a problem ends with 1, a warning with 0', async () => {
  using empty = temporaryFolder()
  const { code, stdout, stderr } = await virnucpro(['doctor'], empty.path, {
    ...NO_GPU,
    VIRNUCPRO_HOME: empty.path,
  })
  expect(code).toBe(1)
  expect(stderr).toBe('error: 1 problem found\n')
  const lines = stdout.trimEnd().split('\n')
  const at = lines.findIndex((line) => line.startsWith('problem  Models '))
  const column = lines[at]?.indexOf('no models are set up') ?? -1
  expect(column).toBeGreaterThan(0)
  expect(lines[at + 1]).toBe(`${' '.repeat(column)}→ virnucpro setup`)
  for (const line of lines) expect(line).toMatch(/^(ok {7}|warning {2}|problem {2}|\s+)\S/)

  using home = homeWith((manifest) => Object.assign(manifest, { demo: true }))
  const warned = await doctor({ ...NO_GPU, VIRNUCPRO_HOME: home.path })
  expect([warned.code, warned.report.verdict, warned.verdicts.models]).toEqual([0, 'warning', 'warning'])
})

test('colours are those of the rest, and long sentences are wrapped to the room there is', () => {
  const finding = { id: 'a', title: 'A title', verdict: 'warning', text: 'words '.repeat(30).trim() } as const
  const coloured = renderFindings([{ ...finding, remedy: 'do it' }], { columns: 60, colours: true })
  expect(coloured).toStartWith('\x1b[33mwarning  \x1b[0mA title')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with it
  const widths = coloured.split('\n').map((line) => Bun.stringWidth(line.replace(/\x1b\[\d+m/g, '')))
  expect(Math.max(...widths)).toBeLessThanOrEqual(60)
  expect(worst([])).toBe('ok')
})

test('models: missing, damaged, gone', async () => {
  using home = homeWith((manifest, folder) => enlarge(manifest, folder, 300_000))
  writeFileSync(home.join('bundles', ID, 'esm2/weights.bin'), 'short')
  const short = await doctor({ ...NO_GPU, VIRNUCPRO_HOME: home.path })
  expect(short.code).toBe(1)
  expect(short.by.models).toMatchObject({ verdict: 'problem', remedy: 'virnucpro setup' })
  expect(short.by.models?.text).toContain('weights.bin')
  rmSync(home.join('bundles', ID), { recursive: true })
  const gone = await doctor({ ...NO_GPU, VIRNUCPRO_HOME: home.path })
  expect(gone.by.models?.text).toContain('is not there')
  expect(gone.verdicts.home).toBe('ok')
})

test('classifiers: one of two, and one of which nobody has said what it is for', async () => {
  using one = homeWith()
  const { by } = await doctor({ ...NO_GPU, VIRNUCPRO_HOME: one.path })
  expect(by.classifiers).toMatchObject({
    verdict: 'warning',
    text: 'for chunks of 500 bases; none for 300',
    remedy: 'virnucpro setup --mlp 300=300_model.pth',
  })
  using unknown = homeWith(({ models }) => delete models.mlp.chunkLength)
  const other = await doctor({ ...NO_GPU, VIRNUCPRO_HOME: unknown.path })
  expect(other.by.classifiers?.remedy).toBe('virnucpro models import --mlp LENGTH=FILE')
})

test('memory: models that do not fit, and what takes less', async () => {
  using home = homeWith((manifest, folder) => enlarge(manifest, folder, 9e12))
  const fp32 = await doctor({ ...NO_GPU, VIRNUCPRO_HOME: home.path })
  expect(fp32.by.memory).toMatchObject({ verdict: 'problem', remedy: 'virnucpro setup --precision int8' })
  expect(fp32.by.memory?.text).toContain('the models in FP32 take about 9 TB')
  using small = homeWith((manifest, folder) => {
    enlarge(manifest, folder, 9e12)
    Object.assign(manifest, { precision: 'int8' })
  })
  const int8 = await doctor({ ...NO_GPU, VIRNUCPRO_HOME: small.path })
  expect(int8.by.memory?.remedy).toBe('use a machine with more memory, or with a GPU')
})

test('weight files that the models were made from', async () => {
  using folder = temporaryFolder()
  const [esm, dnabert] = [folder.join('esm.pt'), folder.join('dnabert')]
  writeFileSync(esm, '')
  mkdirSync(dnabert)
  using home = homeWith(undefined, { sources: { esm, dnabert } })
  const env = { ...NO_GPU, VIRNUCPRO_HOME: home.path }
  expect((await doctor(env)).by.weights).toMatchObject({
    verdict: 'ok',
    text: `all are there: ${esm}, ${dnabert}`,
  })
  rmSync(esm)
  expect((await doctor(env)).by.weights).toMatchObject({
    verdict: 'warning',
    remedy: 'virnucpro models pull',
  })
})

test('a home that is damaged, of a newer version, or a folder that cannot be one', async () => {
  using home = homeWith()
  const env = { ...NO_GPU, VIRNUCPRO_HOME: home.path }
  writeFileSync(home.join('home.json'), '{"format": "virnucpro-home", "version": 1, "bundle": 7}')
  const damaged = await doctor(env)
  expect(damaged.code).toBe(1)
  expect(damaged.by.home).toMatchObject({
    verdict: 'problem',
    remedy: 'move home.json away, and set up again',
  })
  // One problem, not one for each check that reads the record.
  expect(damaged.report.findings.filter(({ verdict }) => verdict === 'problem')).toHaveLength(1)
  writeFileSync(home.join('home.json'), '{"format": "virnucpro-home", "version": 2}')
  expect((await doctor(env)).by.home?.remedy).toBe('export VIRNUCPRO_HOME=DIR')
})

test.skipIf(process.platform !== 'linux')(
  'folders that cannot be written to, disks without room',
  async () => {
    // Nobody can write to this file system, not even root, and nothing is free on it.
    const at = '/proc/self'
    const full = await doctor(
      { ...NO_GPU, VIRNUCPRO_HOME: '/proc/virnucpro', XDG_CACHE_HOME: '/proc/cache', TMPDIR: at },
      { cwd: at },
    )
    expect(full.by['disk-home']).toMatchObject({ verdict: 'warning' })
    expect(full.by['disk-home']?.text).toContain('0 bytes are free')
    expect(full.by['disk-output']).toMatchObject({ verdict: 'warning' })
    expect(full.by['disk-output']?.remedy).toContain('--output-dir')
    expect(full.by['disk-temporary']).toMatchObject({ verdict: 'problem', remedy: 'export TMPDIR=DIR' })
  },
)

test('a home of somebody else, whole and empty', async () => {
  using home = homeWith()
  using empty = temporaryFolder()
  const homeFinding = async (folder: string) => {
    makeReadOnly(folder)
    const words = [process.execPath, 'src/cli/main.ts', 'doctor', '--json']
    const child = Bun.spawn([...asOrdinaryUser(), ...words], {
      env: { ...process.env, ...NO_GPU, VIRNUCPRO_HOME: folder, XDG_CACHE_HOME: '/tmp/of-nobody' },
      stderr: 'ignore',
    })
    const { findings } = JSON.parse(await child.stdout.text())
    chmodSync(folder, 0o755)
    return findings.find(({ id }: { id: string }) => id === 'home')
  }
  const whole = await homeFinding(home.path)
  expect(whole).toMatchObject({ verdict: 'ok' })
  expect(whole.text).toEndWith('read-only for you; your own files go to /tmp/of-nobody/virnucpro')
  expect(await homeFinding(empty.path)).toMatchObject({
    verdict: 'warning',
    remedy: 'export VIRNUCPRO_HOME=DIR',
  })
})

test.skipIf(process.platform !== 'linux')('too few open files, and what raises the limit', async () => {
  using home = homeWith()
  const child = Bun.spawn(
    ['sh', '-c', 'ulimit -n 200; exec "$0" src/cli/main.ts doctor --json', process.execPath],
    { env: { ...process.env, ...NO_GPU, VIRNUCPRO_HOME: home.path }, stderr: 'ignore' },
  )
  const { findings } = JSON.parse(await child.stdout.text())
  expect(findings.find(({ id }: { id: string }) => id === 'open-files')).toMatchObject({
    verdict: 'warning',
    remedy: 'ulimit -n 1024',
  })
})

test('ports that another program has', async () => {
  const server = createServer()
  const isOurs = await new Promise((settle) => {
    server.once('error', () => settle(false)).listen({ host: '127.0.0.1', port: 8001 }, () => settle(true))
  })
  const { by } = await doctor(NO_GPU)
  expect(by.ports).toMatchObject({ verdict: 'warning' })
  expect(by.ports?.text).toMatch(/another program listens at .*8001/)
  if (isOurs) server.close()
})

test('configuration: a file that cannot be parsed, unknown variables, wrong values', async () => {
  using home = homeWith()
  using folder = temporaryFolder()
  const env = { ...NO_GPU, VIRNUCPRO_HOME: home.path }
  const at = { cwd: folder.path }
  writeFileSync(folder.join('virnucpro.config.yaml'), 'threads: 2\n')
  expect((await doctor(env, at)).by.configuration).toMatchObject({
    verdict: 'ok',
    text: 'virnucpro.config.yaml, VIRNUCPRO_HOME',
  })
  const unknown = await doctor({ ...env, VIRNUCPRO_THREAD: '2' }, at)
  expect(unknown.by.configuration).toMatchObject({ verdict: 'warning', remedy: 'virnucpro config' })
  expect(unknown.by.configuration?.text).toContain('VIRNUCPRO_THREAD')
  expect(unknown.stderr).toBe('')
  const wrong = await doctor({ ...env, VIRNUCPRO_THREADS: 'two' }, at)
  expect(wrong.by.configuration).toMatchObject({ verdict: 'problem' })
  expect(wrong.by.configuration?.text).toContain('VIRNUCPRO_THREADS')
  writeFileSync(folder.join('virnucpro.config.yaml'), 'threads: [2\n')
  const broken = await doctor(env, at)
  expect(broken.code).toBe(1)
  expect(broken.by.configuration?.text).toContain('virnucpro.config.yaml')
  // The rest is examined all the same.
  expect(broken.verdicts.models).toBe('ok')
  const named = await doctor(env, { ...at, words: ['--config', 'elsewhere.yaml'] })
  expect(named.by.configuration?.text).toContain('elsewhere.yaml')
  // What is typed is as strict as for any command.
  expect((await virnucpro(['doctor', '--jsno'], folder.path, env)).code).toBe(64)
})

test('what hangs is given up, and the rest is there', async () => {
  using folder = temporaryFolder()
  using home = homeWith()
  writeFileSync(folder.join('nvidia-smi'), '#!/bin/sh\nexec sleep 30\n')
  chmodSync(folder.join('nvidia-smi'), 0o755)
  const module = JSON.stringify(resolve(repository, 'src/doctor/index.ts'))
  const script = `console.log(JSON.stringify(await (await import(${module})).doctor({ timeoutMs: 1000 })))`
  const child = Bun.spawn([process.execPath, '-e', script], {
    cwd: folder.path,
    env: { ...process.env, PATH: `${folder.path}:/usr/bin:/bin`, VIRNUCPRO_HOME: home.path },
  })
  const started = performance.now()
  const findings: Finding[] = JSON.parse(await child.stdout.text())
  const by = Object.fromEntries(findings.map((finding) => [finding.id, finding]))
  expect(by.gpus).toMatchObject({ verdict: 'warning', text: 'no answer within 1 s' })
  expect(by.models?.verdict).toBe('ok')
  expect(await child.exited).toBe(0)
  expect(performance.now() - started).toBeLessThan(20_000)
})

// This machine has neither by itself.
test('an older Bun, and little shared memory', async () => {
  const gpus = [{ uuid: 'GPU-1', name: 'NVIDIA H200', computeCapability: '9.0', memoryBytes: 1.5e11 }]
  const examination = {
    bunVersion: '1.2.21',
    sharedMemory: '/proc',
    facts: async () => ({
      os: 'linux',
      arch: 'x64',
      cores: 2,
      memoryBytes: 1e9,
      containers: [],
      slurm: false,
    }),
    gpus: async () => gpus,
    runtime: async () => undefined,
  } as unknown as Examination
  expect(await bun.examine(examination)).toMatchObject({ verdict: 'problem', remedy: 'bun upgrade' })
  expect(await sharedMemory.examine(examination)).toMatchObject({ verdict: 'warning' })
  expect(await sharedMemory.examine({ ...examination, sharedMemory: '/' })).toMatchObject({ verdict: 'ok' })
})
