import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { freePorts, hasTriton } from '../../../scripts/support/triton.ts'
import { importModels } from '../../../src/import/index.ts'
import { writeRandomModels } from '../../integration/import/support/models.ts'
import { type StandIns, standInGpus } from '../../support/gpu/standins.ts'
import { engines, script } from './support.ts'

const door = resolve(import.meta.dir, '../../../src/server/runtime/index.ts')
const ENGINES = ['docker', 'podman', 'apptainer'] as const

async function run(command: string[], env: Record<string, string>) {
  const child = Bun.spawn([process.execPath, ...command], {
    env: { ...process.env, CUDA_VISIBLE_DEVICES: undefined, ...env },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()])
  return { code: await child.exited, out, err }
}

const find = (options: string) => [
  '-e',
  `const room = await import(${JSON.stringify(door)}); console.log(JSON.stringify(await room.findRuntime(${options})))`,
]

describe.skipIf(!hasTriton)('plans are built and served in one image', () => {
  const folder = temporaryFolder()
  let machine: StandIns

  beforeAll(async () => {
    machine = await standInGpus({ gpus: ['h200'], tensorrtBackend: true, builder: 'trtexec' })
    const models = await writeRandomModels(folder.join('weights'))
    await importModels({ ...models, output: folder.join('bundles/fp32') })
    await importModels({
      ...models,
      output: folder.join('bundles/fp16'),
      precision: 'fp16',
      calibrate: false,
    })
  })
  afterAll(async () => {
    folder[Symbol.dispose]()
    await machine[Symbol.asyncDispose]()
  })

  test.each(ENGINES)(
    'by %s',
    async (engine) => {
      const own = folder.join(engine)
      const { PATH: inside = '', ...outside } = machine.env
      const env = { ...outside, ...engines(own, inside) }
      const ports = JSON.stringify(await freePorts())
      const words = [engine, folder.join('bundles/fp16'), own, ports]
      const { out, err } = await run([resolve(import.meta.dir, 'container-run.ts'), ...words], env)
      expect(err).toContain('fetching layers')
      const image =
        engine === 'apptainer'
          ? `${own}/home/servers/tritonserver-25.03-py3.sif`
          : 'nvcr.io/nvidia/tritonserver:25.03-py3'
      expect(JSON.parse(out)).toEqual({
        choice: { kind: 'container', engine, image },
        tensorrt: '10.6.0',
        built: ['10.6.0', '10.6.0'],
        servers: 1,
      })
      // The user's, whoever ran it.
      expect(statSync(`${own}/plans/esm2/model_sm90.plan`).uid).toBe(process.getuid?.() ?? -1)
      const log = readFileSync(`${own}/state/log`, 'utf8')
      expect(log).toMatch(engine === 'docker' ? /run .*--gpus all --user \d+:\d+/ : /gpu=all|--nv/)
      // Its version is asked once.
      expect(log.match(/trtexec --help/g)).toHaveLength(1)
    },
    60_000,
  )
})

test('an image that cannot be fetched is said in the words of the engine, and leaves nothing', async () => {
  using folder = temporaryFolder()
  const env = { ...engines(folder.path, '/usr/bin:/bin', ['apptainer']), ENGINE_PULLS: 'no' }
  const program = `const room = await import(${JSON.stringify(door)})
    const { install } = await room.findRuntime({ server: 'container', gpus: [] })
    await room.installRuntime(install)`
  const { code, err } = await run(['-e', program], env)
  expect(code).not.toBe(0)
  expect(err).toMatch(
    /tritonserver-26\.09-py3\.sif could not be fetched:\s+fetching layers\s+apptainer: unauthorized/,
  )
  const { out } = await run(find("{ server: 'container', gpus: [] }"), env)
  expect(JSON.parse(out).install.command.slice(0, 2)).toEqual(['apptainer', 'pull'])
})

test('an engine that cannot use GPUs is passed over for the next, and said', async () => {
  using folder = temporaryFolder()
  const env = engines(folder.path, '/usr/bin:/bin')
  script(folder.join('bin/docker'), 'echo "Cannot connect to the Docker daemon" >&2; exit 1')
  script(folder.join('bin/nvidia-ctk'), 'exit 0')
  const next = JSON.parse((await run(find("{ server: 'container', gpus: [] }"), env)).out)
  expect(next.install.engine).toBe('apptainer')
  const named = JSON.parse((await run(find("{ engine: 'docker', gpus: [] }"), env)).out)
  expect(named.none.join()).toContain('Cannot connect to the Docker daemon')
  const podman = JSON.parse((await run(find("{ engine: 'podman', gpus: [] }"), env)).out)
  expect(podman.none.join()).toMatch(/podman finds no GPUs: there is no CDI specification/)
})

test('a machine without any of them says so; a file that is there is used', async () => {
  using folder = temporaryFolder()
  const env = engines(folder.path, '/usr/bin:/bin', [])
  const none = JSON.parse((await run(find("{ server: 'container', gpus: [] }"), env)).out)
  expect(none.none.join()).toContain('no docker, podman or apptainer on PATH')
  engines(folder.path, '/usr/bin:/bin', ['apptainer'])
  const sif = folder.join('triton.sif')
  const options = `{ image: ${JSON.stringify(sif)}, gpus: [] }`
  expect(JSON.parse((await run(find(options), env)).out).none.join()).toContain(`${sif} is not there`)
  writeFileSync(sif, '')
  expect(JSON.parse((await run(find(options), env)).out).found.choice).toEqual({
    kind: 'container',
    engine: 'apptainer',
    image: sif,
  })
})
