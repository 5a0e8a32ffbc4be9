import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { compilerPython } from '../../../scripts/support/compile.ts'
import { type TemporaryFolder, temporaryFolder } from '../../../scripts/support/temporary.ts'
import { freePorts, hasTriton } from '../../../scripts/support/triton.ts'
import { demoRepository, descendants } from '../serve/support.ts'
import { basePython, makePackages, packageIndex } from './packages.ts'

const NAME = 'triton-2.51-tensorrt-10.6.0'
const door = resolve(import.meta.dir, '../../../src/server/runtime/index.ts')
let shared: TemporaryFolder
let packages: string

beforeAll(async () => {
  shared = temporaryFolder()
  packages = shared.join('packages')
  if (hasTriton) await makePackages(packages)
})
afterAll(() => shared[Symbol.dispose]())

/** Installs a private server in a process of its own. */
function install(home: string, env: Record<string, string> = {}, wheels: string[] = []) {
  const child = Bun.spawn([process.execPath, resolve(import.meta.dir, 'install.ts'), basePython, ...wheels], {
    env: { ...process.env, PIP_INDEX_URL: 'http://127.0.0.1:9', ...env, VIRNUCPRO_HOME: home },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const said = Promise.all([child.stdout.text(), child.stderr.text()])
  return {
    child,
    async ended() {
      const [out, err] = await said
      return { code: await child.exited, out, err }
    },
  }
}

/** Runs a program with all that the room exports. */
async function run(program: string, home: string, env: Record<string, string> = {}): Promise<string> {
  const text = `const room = await import(${JSON.stringify(door)}); ${program}`
  const child = Bun.spawn([process.execPath, '-e', text], {
    env: { ...process.env, ...env, VIRNUCPRO_HOME: home },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()])
  if ((await child.exited) !== 0) throw new Error(err)
  return out.trim()
}

const servers = (home: string) =>
  existsSync(join(home, 'servers')) ? readdirSync(join(home, 'servers')).sort() : []

test.skipIf(!hasTriton)(
  'packages of an index become a server; what is missing or altered is said, and the next call goes on',
  async () => {
    using folder = temporaryFolder()
    using index = await packageIndex(packages)
    const home = folder.join('home')
    index.faults.set('tensorrt_cu12_libs', 'missing')
    const missing = await install(home, index.env).ended()
    expect(missing.code).not.toBe(0)
    expect(missing.err).toMatch(/downloading tensorrt-cu12-libs==10\.6\.0\.\* failed/)
    expect(servers(home)).toEqual([])

    const before = index.downloads.length
    index.faults.set('tensorrt_cu12_libs', 'other bytes')
    const altered = await install(home, index.env).ended()
    expect(altered.err).toMatch(/DO NOT MATCH THE HASHES/)
    expect(servers(home)).toEqual([])
    // What was downloaded before is not downloaded again.
    expect(new Set(index.downloads.slice(before)).size).toBe(1)

    index.faults.set('tensorrt_cu12_libs', 'cut once')
    const whole = await install(home, index.env).ended()
    expect(JSON.parse(whole.out)).toEqual({ label: join(home, 'servers', NAME), tensorrt: '10.6.0' })
    expect(servers(home)).toEqual([NAME])
    expect(existsSync(join(home, 'cache/packages', NAME))).toBe(false)

    const count = index.downloads.length
    expect(await install(home, index.env).ended()).toMatchObject({ code: 0, err: '' })
    expect(index.downloads).toHaveLength(count)
  },
  120_000,
)

test.skipIf(!hasTriton)(
  'a folder of packages needs no network; the server works wherever its home lies',
  async () => {
    using folder = temporaryFolder()
    const home = folder.join('home')
    const some = folder.join('some packages')
    cpSync(packages, some, { recursive: true })
    rmSync(join(some, 'numpy-1.26.4-py3-none-any.whl'))
    const incomplete = await install(home, {}, [some]).ended()
    expect(incomplete.err).toMatch(/numpy==1\.26\.4/)
    expect(servers(home)).toEqual([])
    expect(await install(home, {}, [packages]).ended()).toMatchObject({ code: 0 })
    expect(servers(home)).toEqual([NAME])

    // Its home may be moved, or be another path on another machine.
    const moved = folder.join('moved home')
    renameSync(home, moved)
    const repository = await demoRepository(folder.join('repository'))
    const ports = JSON.stringify(await freePorts())
    const started = await run(
      `const { startServer } = await import(${JSON.stringify(resolve(door, '../../serve/index.ts'))})
       const { launch, builder, attention } = await room.openRuntime({ kind: 'private', name: '${NAME}' })
       await using server = await startServer({ ...launch, repository: ${JSON.stringify(repository)}, ports: ${ports} })
       const python = Bun.spawnSync([builder.python, '-c', 'import tensorrt_bindings as t; print(t.__version__)'])
       const onT4 = await room.openRuntime({ kind: 'private', name: '${NAME}' }, { gpus: [{ computeCapability: '7.5' }] })
       console.log(server.endpoints.length, python.stdout.toString().trim(), attention, onT4.attention)`,
      moved,
    )
    expect(started).toBe('1 10.6.0 fused standard')

    // The Python that it was made from is gone after an upgrade of the system.
    rmSync(join(moved, 'servers', NAME, 'venv/bin/python3'))
    const gone = run(`await room.openRuntime({ kind: 'private', name: '${NAME}' })`, moved)
    await expect(gone).rejects.toThrow(/the Python that it was made from is gone/)
  },
  120_000,
)

test.skipIf(!hasTriton)(
  'two at once are one; killed at any moment, the next one ends right',
  async () => {
    using folder = temporaryFolder()
    using index = await packageIndex(packages)
    const home = folder.join('home')
    const kill = async ({ child }: ReturnType<typeof install>) => {
      const started = descendants(child.pid)
      child.kill('SIGKILL')
      await child.exited
      // What it has started ends with it.
      for (let waited = 0; waited < 10_000 && started.some(isAlive); waited += 50) await Bun.sleep(50)
      expect(started.filter(isAlive)).toEqual([])
    }
    // In the middle of a download, which would go on for ever.
    index.faults.set('nvidia_pytriton', 'hanging')
    const downloading = install(home, index.env)
    while (!index.downloads.some((name) => name.includes('pytriton'))) await Bun.sleep(20)
    await kill(downloading)
    index.faults.set('nvidia_pytriton', 'slow')
    for (const milliseconds of [300, 1500, 3000]) {
      const installation = install(home, index.env)
      await Bun.sleep(milliseconds)
      await kill(installation)
    }
    // The last one may have been faster.
    rmSync(join(home, 'servers', NAME), { recursive: true, force: true })
    const both = [install(home, index.env), install(home, index.env)]
    const results = await Promise.all(both.map(({ ended }) => ended()))
    expect(results.map(({ code }) => code)).toEqual([0, 0])
    expect(results.filter(({ err }) => err.includes('unpacking'))).toHaveLength(1)
    expect(servers(home)).toEqual([NAME])
  },
  180_000,
)

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const inNamespace = (script: string, env: Record<string, string>) =>
  Bun.spawn(['unshare', '--mount', '--map-root-user', 'sh', '-c', script], {
    env: { ...process.env, ...env },
    stdout: 'pipe',
    stderr: 'pipe',
  })
const mounts =
  Bun.which('unshare') !== null && (await inNamespace('mount -t tmpfs none /mnt', {}).exited) === 0

test.skipIf(!hasTriton || !mounts)(
  'a full disk is said, before anything is written where that is known',
  async () => {
    using folder = temporaryFolder()
    mkdirSync(folder.join('disk'))
    const large = folder.join('large')
    // 64 MB of zeros in a package of 64 kB.
    await makePackages(large, { filler: 64 << 20 })
    const script = `mount -t tmpfs -o size=32m none ${folder.join('disk')} && "$@"`
    const command = [process.execPath, resolve(import.meta.dir, 'install.ts'), basePython]
    const on = async (wheels: string[]) => {
      const words = [...command, ...wheels].map((word) => `'${word}'`).join(' ')
      const child = inNamespace(
        script.replace('"$@"', `VIRNUCPRO_HOME=${folder.join('disk/home')} ${words}`),
        {},
      )
      const [err, code] = await Promise.all([child.stderr.text(), child.exited])
      return { err, code }
    }
    expect((await on([])).err).toMatch(/needs about 3\.2 GB of disk in the meantime, and .* MB are free/)
    expect((await on([large])).err).toMatch(/unpacking .*: the disk is full/)
  },
  60_000,
)

test('GPUs that no TensorRT of ours supports are said, and so is a Python that will not do', async () => {
  using folder = temporaryFolder()
  const find = (options: string) =>
    run(`console.log(JSON.stringify(await room.findRuntime({ server: 'private', ${options} })))`, folder.path)
  expect(await find(`gpus: [{ computeCapability: '9.0' }, { computeCapability: '7.0' }]`)).toMatch(
    /does not support GPUs of compute capability 7\.0 \(Volta/,
  )
  const none = folder.join('python3')
  writeFileSync(none, '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  expect(await find(`gpus: [], python: ${JSON.stringify(none)}`)).toContain(`${none} does not run`)
  if (!hasTriton) return
  const python = JSON.stringify(compilerPython)
  expect(await find(`gpus: [{ computeCapability: '10.0' }], python: ${python}`)).toContain(
    'triton-2.51-tensorrt-10.13.3.9',
  )
})

test.skipIf(!hasTriton)(
  'a server that is gone is installed again with what fused layers in FP8 need',
  async () => {
    using folder = temporaryFolder()
    using index = await packageIndex(packages)
    const place = (name: string) => JSON.stringify(resolve(import.meta.dir, '../../../src', name, 'index.ts'))
    const gpu = {
      precision: 'fp8',
      attention: 'fused',
      recheck: true,
      server: { kind: 'private', name: NAME },
    }
    const program = `
const { planDeployment } = await import(${place('server/deploy')})
const { openBundle, resolveBundle } = await import(${place('bundle')})
const base = await openBundle(resolveBundle('demo'))
const home = { format: 'virnucpro-home', version: 1, gpu: ${JSON.stringify(gpu)} }
const gpus = [{ name: 'NVIDIA H200', computeCapability: '9.0', memoryBytes: 1e11, uuid: 'GPU-1', index: 0 }]
const { steps } = await planDeployment({ base, home, gpus, logger: {}, onProgress() {} })
await steps[0].work().catch(({ message }) => console.log(message))`
    const env = { ...index.env, PATH: `${dirname(basePython)}:${process.env.PATH}` }
    // The index lacks it.
    expect(await run(program, folder.join('home'), env)).toMatch(/downloading nvidia-cublas-cu12==\S+ failed/)
  },
  60_000,
)
