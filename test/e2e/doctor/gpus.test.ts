import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { backbonesId } from '../../../src/bundle/index.ts'
import { KINDS, type StandInOptions, standInGpus } from '../../support/gpu/standins.ts'
import { doctor, homeWith, ID } from './support.ts'

const machines = new AsyncDisposableStack()
afterAll(() => machines.disposeAsync())

/** A machine with such GPUs. */
async function machine(gpus: StandInOptions['gpus'], more: Partial<StandInOptions> = {}) {
  return machines.use(await standInGpus({ gpus, ...more }))
}

const h200 = 'NVIDIA H200 (151 GB, compute capability 9.0)'

test.each([1, 4, 8])('%i GPUs of one kind', async (count) => {
  const { env } = await machine(new Array(count).fill('h200'))
  const { by, verdicts } = await doctor(env)
  expect(by.gpus).toMatchObject({ verdict: 'ok', text: `${count} × ${h200}` })
  expect(by.driver).toMatchObject({ verdict: 'ok', text: 'version 570.86.15' })
  expect(verdicts['gpu-kinds']).toBe(count === 1 ? undefined : 'ok')
  expect(verdicts['shared-memory']).toBeDefined()
  // Nothing is set up.
  expect(by.server).toMatchObject({ verdict: 'warning', remedy: 'virnucpro setup' })
  expect(by.server?.text).toContain('/bin/tritonserver')
})

describe('GPUs of several kinds', () => {
  test('need plans each where their architectures or memories differ', async () => {
    const { env } = await machine(['h200', 'h200', 't4'])
    const { by } = await doctor(env)
    expect(by.gpus?.text).toBe(`2 × ${h200}, 1 × Tesla T4 (16.1 GB, compute capability 7.5)`)
    expect(by['gpu-kinds']).toMatchObject({ verdict: 'warning', remedy: 'virnucpro predict --gpus 0,1' })
    expect(by['gpu-kinds']?.text).toStartWith('2 kinds: each needs plans of its own')
  })

  test('take the same plans where they do not', async () => {
    const { env } = await machine(['a100', { ...KINDS.a100, name: 'NVIDIA A100-PCIE-80GB' }])
    expect((await doctor(env)).by['gpu-kinds']).toMatchObject({ verdict: 'ok' })
  })
})

test('instances of a divided GPU', async () => {
  const { env, uuids } = await machine([{ ...KINDS.h100, mig: ['3g.40gb', '3g.40gb'] }, 'h100'])
  const { by } = await doctor(env)
  expect(by.gpus?.text).toBe(
    '2 × NVIDIA H100 80GB HBM3 MIG 3g.40gb (38 GB, compute capability 9.0), 1 × NVIDIA H100 80GB HBM3 (85.5 GB, compute capability 9.0)',
  )
  const chosen = await doctor({ ...env, CUDA_VISIBLE_DEVICES: uuids.slice(0, 2).join() })
  expect(chosen.by['gpu-kinds']).toMatchObject({ verdict: 'ok', text: '2 MIG instances, with a server each' })
})

test('CUDA_VISIBLE_DEVICES', async () => {
  const { env, uuids } = await machine(['h200', 'h200', 't4', 't4'])
  const some = await doctor({ ...env, CUDA_VISIBLE_DEVICES: '0,1' })
  expect(some.by.gpus?.text).toBe(`2 × ${h200}; CUDA_VISIBLE_DEVICES leaves out 2 others`)
  expect(some.verdicts['gpu-kinds']).toBe('ok')
  const last = await doctor({ ...env, CUDA_VISIBLE_DEVICES: `${uuids[3]}` })
  expect(last.by.gpus?.text).toStartWith('1 × Tesla T4')
  const none = await doctor({ ...env, CUDA_VISIBLE_DEVICES: '7' })
  expect(none.by.gpus).toMatchObject({
    verdict: 'warning',
    text: 'CUDA_VISIBLE_DEVICES=7 leaves none of 4 GPUs: the processor computes',
    remedy: 'unset CUDA_VISIBLE_DEVICES',
  })
  expect(none.verdicts.server).toBeUndefined()
})

test('GPUs that TensorRT does not know any more', async () => {
  const { env } = await machine([
    { name: 'Tesla V100-SXM2-32GB', computeCapability: '7.0', memoryMiB: 32_768 },
  ])
  const { by, verdicts } = await doctor(env)
  expect(verdicts.server).toBeUndefined()
  expect(by.gpus).toMatchObject({
    verdict: 'warning',
    text: 'Tesla V100-SXM2-32GB has compute capability 7.0, and TensorRT needs 7.5 or later',
    remedy: 'virnucpro predict --backend onnx',
  })
})

test('a driver that does not answer, and one that is too old', async () => {
  const broken = await machine(['h200'], { driver: null })
  const found = await doctor(broken.env)
  expect(found.code).toBe(1)
  expect(found.by.driver).toMatchObject({ verdict: 'problem' })
  expect(found.by.driver?.text).toStartWith('nvidia-smi says: NVIDIA-SMI has failed')
  expect(found.verdicts.gpus).toBeUndefined()
  const old = await machine(['h200'], { driver: '470.256.02' })
  expect((await doctor(old.env)).by.driver).toMatchObject({
    verdict: 'problem',
    text: 'version 470.256.02, and CUDA 12 needs 525 or later',
  })
})

test('the server that was set up, and plans of another TensorRT', async () => {
  const { env, path } = await machine(['h200'], { tensorrt: '10.6.0' })
  const server = {
    kind: 'program',
    serverBin: join(path, 'tritonserver'),
    python: join(path, 'python3'),
    backend: 'python',
    attention: 'standard',
  }
  const gpu = { precision: 'bf16', attention: 'standard', server }
  using home = homeWith(undefined, { gpu })
  const at = { ...env, VIRNUCPRO_HOME: home.path }
  const found = await doctor(at)
  expect(found.by.server).toMatchObject({ verdict: 'ok', text: `${server.serverBin} (program)` })
  expect(found.by.tensorrt).toMatchObject({ verdict: 'ok', text: '10.6.0 in the server' })
  expect(found.verdicts.memory).toBe('ok')
  expect(found.by.deployment).toMatchObject({ verdict: 'problem' })
  expect(found.by.deployment?.text).toStartWith('models, plans, repository missing: ')

  using bare = homeWith()
  const unset = await doctor({ ...env, VIRNUCPRO_HOME: bare.path })
  expect(unset.by.deployment?.text).toBe('nothing is set up for the GPUs')

  const manifest = JSON.parse(readFileSync(home.join('bundles', ID, 'manifest.json'), 'utf8'))
  mkdirSync(home.join('plans', backbonesId(manifest), 'bf16/10.3.0'), { recursive: true })
  expect((await doctor(at)).by.tensorrt).toMatchObject({
    verdict: 'warning',
    text: 'the server has 10.6.0, and the plans are of 10.3.0: they do not load',
    remedy: 'virnucpro setup',
  })

  using gone = homeWith(undefined, {
    gpu: { ...gpu, server: { ...server, serverBin: '/nowhere/tritonserver' } },
  })
  const lost = await doctor({ ...env, VIRNUCPRO_HOME: gone.path })
  expect(lost.code).toBe(1)
  expect(lost.by.server).toMatchObject({ verdict: 'problem', remedy: 'virnucpro setup' })
  expect(lost.by.server?.text).toContain('/nowhere/tritonserver')
  // A login node has neither GPUs nor their server, and the home of those that have.
  const login = await doctor({ ...env, VIRNUCPRO_HOME: gone.path, CUDA_VISIBLE_DEVICES: '' })
  expect(login.by.server).toBeUndefined()
})

test.each([
  [{ kind: 'private', name: 'triton-1-tensorrt-1' }, /private server .*triton-1-tensorrt-1/],
  [{ kind: 'container', engine: 'apptainer', image: 'image:tag' }, /apptainer/i],
])('a server of the kind %o that is gone', async (server, words) => {
  const { env, path } = await machine(['h200'])
  using home = homeWith(undefined, { gpu: { precision: 'bf16', attention: 'standard', server } })
  const { code, by } = await doctor({ ...env, PATH: `${path}:/usr/bin:/bin`, VIRNUCPRO_HOME: home.path })
  expect(code).toBe(1)
  expect(by.server).toMatchObject({ verdict: 'problem', remedy: 'virnucpro setup' })
  expect(by.server?.text).toMatch(words)
})

test('a machine whose GPUs no server is there for', async () => {
  await using folder = temporaryFolder()
  const { env, path } = await machine(['h200'])
  // The driver, and neither server nor Python.
  symlinkSync(join(path, 'nvidia-smi'), folder.join('nvidia-smi'))
  const bare = { ...env, PATH: folder.path }
  const none = await doctor(bare)
  expect(none.by.server).toMatchObject({
    verdict: 'problem',
    remedy: 'install Apptainer, then: virnucpro setup',
  })
  expect(none.by.server?.text).toStartWith('none is set up for the GPUs, and none can be: ')
  // Docker without its compose plugin, or without its daemon.
  writeFileSync(folder.join('docker'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  expect((await doctor(bare)).by.server).toMatchObject({ verdict: 'problem' })
  writeFileSync(folder.join('apptainer'), '#!/bin/sh\n', { mode: 0o755 })
  expect((await doctor(bare)).by.server).toMatchObject({
    verdict: 'warning',
    text: 'none is set up for the GPUs; apptainer can run one',
  })
})

test('fewer cores than the GPUs keep busy', async () => {
  const { env } = await machine(new Array(8).fill('h200'))
  const child = await doctor({ ...env })
  // Eight GPUs and one core to prepare: true of any machine with eight cores or fewer.
  const { cores } = child.by
  const have = Number(/^\d+/.exec(cores?.text ?? '')?.[0])
  expect(cores?.verdict).toBe(have >= 9 ? 'ok' : 'warning')
})
