import { expect, test } from 'bun:test'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { freePorts, hasTriton, tritonServer } from '../../../scripts/support/triton.ts'
import {
  type FindOptions,
  findRuntime,
  openRuntime,
  type Runtime,
  RuntimeError,
} from '../../../src/server/runtime/index.ts'
import { startServer } from '../../../src/server/serve/index.ts'
import { demoRepository } from '../serve/support.ts'
import { backendsWith, bindingsOf, libraries, serverWithBindings, trtexec } from './support.ts'

async function find(options: Partial<FindOptions>): Promise<Runtime> {
  const result = await findRuntime({ server: 'program', gpus: [], ...options })
  if ('found' in result) return result.found
  throw new Error(JSON.stringify(result))
}

async function reasons(options: Partial<FindOptions>): Promise<string> {
  const result = await findRuntime({ server: 'program', gpus: [], ...options })
  return 'none' in result ? result.none.join('\n') : 'found'
}

test.skipIf(!hasTriton)(
  'the Python of a server hosts what it builds, and what was found is opened again',
  async () => {
    using folder = temporaryFolder()
    const lib = await libraries(folder, 100_600)
    const { serverBin, python, bindings } = serverWithBindings(folder, '10.6.0', lib)
    // Which libraries they need is known to the server alone.
    const found = await find({ serverBin })
    expect(found).toMatchObject({
      kind: 'program',
      repositoryBackend: 'python',
      attention: 'fused',
      launch: { serverBin },
      builder: { builder: 'python', python },
    })
    expect(found.launch.libraryPath).toContain(lib)
    expect(found.builder.environment?.LD_LIBRARY_PATH).toContain(lib)

    const opened = await openRuntime(JSON.parse(JSON.stringify(found.choice)))
    expect(opened).toMatchObject({ repositoryBackend: 'python', attention: 'fused', builder: found.builder })
    expect(await opened.tensorrt()).toBe('10.6.0')
    writeFileSync(bindings, bindingsOf('10.9.0.34'))
    expect(await opened.tensorrt()).toBe('10.9.0.34')

    const repository = await demoRepository(folder.join('repository'))
    await using server = await startServer({ ...opened.launch, repository, ports: await freePorts() })
    expect(server.endpoints).toHaveLength(1)

    rmSync(serverBin)
    for (const stand of [() => {}, () => mkdirSync(serverBin)]) {
      stand()
      const error = await openRuntime(found.choice).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(RuntimeError)
      expect(String(error)).toContain(serverBin)
    }
  },
)

test.skipIf(!hasTriton)("the server's own backend for TensorRT takes plans of trtexec", async () => {
  using folder = temporaryFolder()
  const options = {
    serverBin: tritonServer,
    backendDirectory: backendsWith(folder, 'tensorrt'),
    libraryPath: await libraries(folder, 100_600),
    trtexec: trtexec(folder.join('trtexec'), 100_600),
  }
  const found = await find(options)
  expect(found).toMatchObject({
    repositoryBackend: 'tensorrt',
    attention: 'standard',
    launch: { backendDirectory: options.backendDirectory },
    builder: { builder: 'trtexec', trtexec: options.trtexec },
  })
  expect(await found.tensorrt()).toBe('10.6.0')

  const blackwell = await reasons({ ...options, gpus: [{ computeCapability: '10.0' }] })
  expect(blackwell).toContain(
    'TensorRT 10.6.0 of this machine builds no plans for GPUs of compute capability 10.0',
  )
  const other = await reasons({ ...options, trtexec: trtexec(folder.join('other'), 101_303) })
  expect(other).toMatch(/plans of TensorRT 10\.6\.0 only.*10\.13\.3/)
})

test.skipIf(!hasTriton)('a server that cannot host plans is found out before anything is built', async () => {
  expect(await reasons({ serverBin: tritonServer })).toMatch(/no TensorRT backend.*has no TensorRT/)
})

test('a server that does not run is said with its words; one that is not there, by its name', async () => {
  using folder = temporaryFolder()
  expect(await reasons({ serverBin: folder.join('none') })).toContain('none: there is no such program')
  expect(await reasons({ serverBin: '/bin/false' })).toMatch(
    /does not run as it is: .*ended with exit code 1/,
  )
})
