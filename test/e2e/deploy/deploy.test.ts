import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton } from '../../../scripts/support/triton.ts'
import { type Bundle, backbonesId, openBundle } from '../../../src/bundle/index.ts'
import { OWNERS } from '../../../src/cli/home-files.ts'
import { doctor } from '../../../src/doctor/index.ts'
import {
  changeHome,
  cleanHome,
  type HomeRecord,
  homePlace,
  listBundles,
  readHome,
  removeBundle,
} from '../../../src/home/index.ts'
import { importModels } from '../../../src/import/index.ts'
import type { Gpu } from '../../../src/machine/index.ts'
import { DeployError, deploy, findDeployment } from '../../../src/server/deploy/index.ts'
import { readSidecar } from '../../../src/server/repository/index.ts'
import { findRuntime } from '../../../src/server/runtime/index.ts'
import type { Logger } from '../../../src/system/logger.ts'
import { writeRandomModels } from '../../integration/import/support/models.ts'
import { virnucpro } from '../../support/cli.ts'
import { KINDS, type StandIns, standInGpus } from '../../support/gpu/standins.ts'

describe.skipIf(!hasTriton)('what GPUs need beyond a bundle', () => {
  const folder = temporaryFolder()
  const before = { ...process.env }
  let machine: StandIns
  let gpus: Gpu[]
  let base: Bundle
  let home: HomeRecord
  let sources: { esm: string; dnabert: string }
  const said: string[] = []
  const logger: Logger = {
    debug() {},
    info: (message) => said.push(message),
    warn: (message) => said.push(message),
    error: (message) => said.push(String(message)),
  }

  /** What is started is started in the environment of this process. */
  beforeAll(async () => {
    const small = { name: 'NVIDIA L4', computeCapability: '8.9', memoryMiB: 24 }
    const kinds = [KINDS.h200, KINDS.t4, KINDS.h200, small]
    machine = await standInGpus({ gpus: kinds })
    Object.assign(process.env, machine.env, { VIRNUCPRO_HOME: folder.join('home') })
    gpus = kinds.map(({ name, computeCapability, memoryMiB }, i) => {
      return { uuid: machine.uuids[i]!, name, computeCapability, memoryBytes: memoryMiB * 2 ** 20 }
    })
    const { mlp, ...weights } = await writeRandomModels(folder.join('weights'))
    sources = weights
    const made = await importModels({ ...weights, mlp, output: folder.join('made') })
    const output = join(homePlace('bundles'), backbonesId(made.manifest))
    base = await importModels({ ...weights, mlp, output })
    const [serverBin, python] = ['tritonserver', 'python3'].map((name) => join(machine.path, name))
    const found = await findRuntime({ serverBin, python, gpus: [] })
    if (!('found' in found)) throw new Error(JSON.stringify(found))
    const server = found.found.choice
    home = {
      ...(await readHome()),
      sources,
      gpu: { precision: 'fp16', attention: 'standard', calibrate: 'none', server },
    }
  })
  afterAll(async () => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
    await machine[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  const request = (which: readonly number[]) => ({ base, home, gpus: which.map((i) => gpus[i]!), logger })
  const planOf = (sm: string, model = 'esm2', place = homePlace('plans')) =>
    join(place, backbonesId(base.manifest), 'fp16/10.6.0', model, `model_sm${sm}.plan`)

  test('nothing is there, then everything is, and nothing is made once more', async () => {
    const missing = ['models', 'plans', 'repository'] as const
    expect(await findDeployment(request([0]))).toMatchObject({ missing })
    const made = await deploy(request([0]))
    expect(made).toMatchObject({ precision: 'fp16', attention: 'standard' })
    expect((await openBundle(made.bundle)).manifest.precision).toBe('fp16')
    expect(await findDeployment(request([0, 2]))).toMatchObject({ ready: { repository: made.repository } })
    said.length = 0
    expect(await deploy(request([0]))).toMatchObject({ repository: made.repository })
    expect(said).toEqual([])
  })

  test('doctor says whether it is there for all GPUs', async () => {
    await changeHome((record) => ({ ...record, gpu: home.gpu! }))
    const finding = async (visible: string) => {
      process.env.CUDA_VISIBLE_DEVICES = visible
      try {
        return (await doctor()).find(({ id }) => id === 'deployment')
      } finally {
        delete process.env.CUDA_VISIBLE_DEVICES
      }
    }
    expect(await finding('0')).toMatchObject({ verdict: 'ok', text: 'FP16, for the GPU' })
    expect(await finding('0,2')).toMatchObject({ verdict: 'ok', text: 'FP16, for all 2 GPUs' })
    const mixed = await finding('0,1')
    expect(mixed).toMatchObject({ verdict: 'problem', remedy: 'virnucpro setup' })
    expect(mixed?.text).toStartWith('plans, repository missing: ')
  })

  test('another kind of GPU gets its plans, and those that are there stay', async () => {
    const built = statSync(planOf('90')).mtimeMs
    const found = await findDeployment(request([0, 1]))
    expect(found).toMatchObject({ missing: ['plans', 'repository'] })
    expect('why' in found && found.why).toContain('Tesla T4')
    await deploy(request([0, 1]))
    expect(statSync(planOf('90')).mtimeMs).toBe(built)
    expect((await readSidecar(planOf('75'))).gpu).toBe('Tesla T4')
    // Tuned for one wave of the H200, on which they were built first.
    expect((await readSidecar(planOf('75'))).profiles[1]?.opt).toEqual([(132 * 128) / 176, 176])
    const tuned = JSON.parse(readFileSync(join(planOf('90'), '../../tuning.json'), 'utf8')) as {
      entries: { gpu: string }[]
    }
    expect(new Set(tuned.entries.map(({ gpu }) => gpu))).toEqual(new Set([KINDS.h200.name, KINDS.t4.name]))
  })

  test('a plan that is cut off is built again', async () => {
    truncateSync(planOf('75', 'dnabert_s'), 10)
    expect(await findDeployment(request([0, 1]))).toMatchObject({ missing: ['plans', 'repository'] })
    await deploy(request([0, 1]))
    expect(await findDeployment(request([0, 1]))).toHaveProperty('ready')
  })

  test('GPUs with little memory make the batches of all smaller, also of those that come later', async () => {
    await deploy(request([0, 3]))
    const [large, small] = [await readSidecar(planOf('90')), await readSidecar(planOf('89'))]
    expect(small.profiles).toEqual(large.profiles)
    expect(small.profiles[0]?.opt[0]).toBeLessThan(16_384 / 64)
    await deploy(request([1]))
    expect((await readSidecar(planOf('75'))).profiles).toEqual(large.profiles)
  })

  test('weights that are gone or others are said', async () => {
    const other = await writeRandomModels(folder.join('others'), 7)
    const otherHome = { ...home, gpu: { ...home.gpu!, precision: 'bf16' as const }, sources: other }
    await expect(deploy({ ...request([0]), home: otherHome })).rejects.toThrow(DeployError)
    expect(existsSync(join(homePlace('derived'), backbonesId(base.manifest), 'bf16'))).toBe(false)
    const { sources: _, ...without } = otherHome
    await expect(deploy({ ...request([0]), home: without })).rejects.toThrow(DeployError)
  })

  test('a precision that a GPU does not have is said before anything is made', async () => {
    const bf16 = { ...home, gpu: { ...home.gpu!, precision: 'bf16' as const } }
    const problem = await deploy({ ...request([0, 1]), home: bf16 }).catch((error) => error)
    expect(problem.code).toBe('gpu-lacks-precision')
    expect(existsSync(join(homePlace('derived'), backbonesId(base.manifest), 'bf16'))).toBe(false)
  })

  test('nothing set up for GPUs is an error of its own', async () => {
    const { gpu: _, ...without } = home
    const problem = await findDeployment({ ...request([0]), home: without }).catch((error) => error)
    expect(problem).toBeInstanceOf(DeployError)
    expect(problem.code).toBe('gpus-not-set-up')
  })

  test('two at once make everything once', async () => {
    const bf16 = { ...request([0]), home: { ...home, gpu: { ...home.gpu!, precision: 'bf16' as const } } }
    said.length = 0
    const both = await Promise.all([deploy(bf16), deploy(bf16)])
    expect(both[0]?.repository).toBe(both[1]!.repository)
    expect(said.filter((message) => /: wrote .*plan/.test(message))).toHaveLength(2)
  })

  test('all of it is known as ours, and goes with the bundle', async () => {
    const id = backbonesId(base.manifest)
    const [listed] = await listBundles()
    expect(listed).toMatchObject({ id, derived: [{ form: 'bf16' }, { form: 'fp16' }] })
    expect(listed?.plans.map(({ form, capabilities }) => [form, capabilities])).toEqual([
      ['bf16', ['90']],
      ['fp16', ['75', '89', '90']],
    ])
    // All that the driver lists are in the machine, whatever this process may use.
    await changeHome(() => home)
    const env = {
      ...machine.env,
      VIRNUCPRO_HOME: folder.join('home'),
      CUDA_VISIBLE_DEVICES: machine.uuids[0]!,
    }
    const kept = await virnucpro(['home', 'clean', '--plans', '--dry-run'], folder.path, env)
    expect(kept.stderr).not.toContain('/plans/')
    expect(kept.code).toBe(0)
    const current = { tensorrt: '10.6.0', capabilities: ['90'] }
    const cleaned = await cleanHome({ owners: OWNERS, current, dryRun: false })
    expect(cleaned.kept).toEqual([])
    expect(cleaned.removed.map(({ path }) => path)).toContain(planOf('75'))
    expect(await findDeployment(request([0]))).toMatchObject({ ready: { precision: 'fp16' } })
    await removeBundle(id, { weights: false, owners: OWNERS })
    for (const place of ['bundles', 'derived', 'plans', 'repositories'] as const)
      expect(readdirSync(homePlace(place))).toEqual([])
  })
})
