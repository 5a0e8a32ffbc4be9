import { afterAll, describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import type { GpuKind, GpuSurvey } from '../../../src/machine/index.ts'
import { standInGpus } from '../../support/gpu/standins.ts'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.asyncDispose]())

const MODULE = resolve(import.meta.dir, '../../../src/machine/index.ts')
const ASK = `const { gpuKinds, surveyGpus } = await import(${JSON.stringify(MODULE)})
const survey = await surveyGpus()
console.log(JSON.stringify({ ...survey, kinds: gpuKinds(survey.gpus) }))`

/** What a machine with this driver program and this environment says of its GPUs. */
async function survey(
  script: string | undefined,
  env: Record<string, string> = {},
): Promise<GpuSurvey & { kinds: GpuKind[]; words: string[] }> {
  const programs = folder.join(crypto.randomUUID())
  mkdirSync(programs)
  if (script !== undefined) {
    writeFileSync(`${programs}/nvidia-smi`, `#!/bin/sh\n${script}\n`)
    chmodSync(`${programs}/nvidia-smi`, 0o755)
  }
  const { CUDA_VISIBLE_DEVICES: _, ...inherited } = process.env
  const child = Bun.spawn([process.execPath, '-e', ASK], {
    env: { ...inherited, PATH: `${programs}:/usr/bin:/bin`, ...env },
    stderr: 'inherit',
  })
  const { gpus, ...rest } = JSON.parse(await child.stdout.text())
  return { gpus, words: gpus.map(({ uuid }: { uuid: string }) => uuid), ...rest }
}

const H100 = 'NVIDIA H100 80GB HBM3, 9.0, 81559, 570.124.06'

/** As the driver answers: `uuid, name, compute capability, memory, driver[, MIG]` for each GPU. */
function listing(
  gpus: readonly string[],
  instances: Readonly<Record<string, readonly string[]>> = {},
): string {
  const rows = gpus.map((gpu, i) => `${i}, ${gpu}${gpu.split(',').length < 6 ? ', Disabled' : ''}`)
  const list = gpus.flatMap((gpu, i) => {
    const [uuid = '', name] = gpu.split(', ')
    return [`GPU ${i}: ${name} (UUID: ${uuid})`, ...(instances[uuid] ?? [])]
  })
  return `if [ "$1" = -L ]; then cat <<'END'
${list.join('\n')}
END
else cat <<'END'
${rows.join('\n')}
END
fi`
}

const eight = Array.from({ length: 8 }, (_, i) => `GPU-${i}a2b3c4d-0000, ${H100}`)
const uuid = (number: number) => `GPU-${number}a2b3c4d-0000`

describe('GPUs of a machine', () => {
  test('none where there is no driver program, or it finds none', async () => {
    expect(await survey(undefined)).toMatchObject({ gpus: [], all: [] })
    const found = await survey("echo 'No devices were found'; exit 6")
    expect([found.all, found.problem]).toEqual([[], undefined])
  })

  test('one, with everything that the driver says of it', async () => {
    const found = await survey(listing(eight.slice(0, 1)))
    expect(found.problem).toBeUndefined()
    expect(found.gpus).toEqual([
      {
        uuid: uuid(0),
        name: 'NVIDIA H100 80GB HBM3',
        computeCapability: '9.0',
        memoryBytes: 81559 * 2 ** 20,
        driver: '570.124.06',
      },
    ])
  })

  test('kinds are told apart, each with the memory of its smallest', async () => {
    const mixed = [
      ...eight.slice(0, 2),
      'GPU-f, Tesla T4, 7.5, 15360, 570.124.06, [N/A]',
      'GPU-e, Tesla T4, 7.5, 15095, 570.124.06, [N/A]',
    ]
    const { kinds } = await survey(listing(mixed))
    expect(kinds.map(({ name, memoryBytes, gpus }) => [name, memoryBytes / 2 ** 20, gpus.length])).toEqual([
      ['NVIDIA H100 80GB HBM3', 81559, 2],
      ['Tesla T4', 15095, 2],
    ])
  })

  test.each([
    ['', []],
    ['-1', []],
    ['0', [0]],
    ['7,0', [7, 0]],
    [' 1 , 2', [1, 2]],
    // CUDA stops at the first that is none.
    ['3,-1,4', [3]],
    ['2,8,4', [2]],
    ['2,,4', [2]],
    ['NoDevFiles', []],
    ['1,1', []],
    [uuid(5), [5]],
    [`${uuid(5)},GPU-3a`, [5, 3]],
    [`${uuid(5)},3`, [5]],
    // Which one is meant cannot be known.
    ['GPU-', []],
  ] as const)('CUDA_VISIBLE_DEVICES=%j', async (value, numbers) => {
    const found = await survey(listing(eight), { CUDA_VISIBLE_DEVICES: value })
    expect(found.words).toEqual(numbers.map(uuid))
    expect(found.all).toHaveLength(8)
    expect(found.visible).toBe(value)
  })

  describe('divided into instances (MIG)', () => {
    const script = listing([`GPU-a, ${H100}, Enabled`, `GPU-b, ${H100}, Disabled`], {
      'GPU-a': [
        '  MIG 3g.40gb     Device  0: (UUID: MIG-11)',
        '  MIG 1g.10gb     Device  1: (UUID: MIG-22)',
        '  MIG 1c.2g.20gb  Device  2: (UUID: MIG-33)',
      ],
    })

    test('each counts by itself, with its own memory', async () => {
      const { gpus, kinds } = await survey(script)
      expect(gpus.map(({ uuid, mig, name }) => [uuid, mig, name])).toEqual([
        ['MIG-11', true, 'NVIDIA H100 80GB HBM3 MIG 3g.40gb'],
        ['MIG-22', true, 'NVIDIA H100 80GB HBM3 MIG 1g.10gb'],
        ['MIG-33', true, 'NVIDIA H100 80GB HBM3 MIG 1c.2g.20gb'],
        ['GPU-b', undefined, 'NVIDIA H100 80GB HBM3'],
      ])
      expect(kinds.map(({ memoryBytes }) => memoryBytes / 1e9)).toEqual([38, 9.5, 19, 85.520809984])
    })

    test('one without instances computes nothing', async () => {
      const found = await survey(listing([`GPU-a, ${H100}, Enabled`]))
      expect(found).toMatchObject({ gpus: [], all: [], undivided: 1 })
    })

    test.each([
      ['MIG-22,MIG-11', ['MIG-22', 'MIG-11']],
      ['MIG-3', ['MIG-33']],
      ['MIG-44', []],
      // A number, or the GPU itself, is its first instance.
      ['0,1', ['MIG-11', 'GPU-b']],
      ['GPU-a', ['MIG-11']],
    ])('CUDA_VISIBLE_DEVICES=%s', async (value, expected) => {
      expect((await survey(script, { CUDA_VISIBLE_DEVICES: value })).words).toEqual(expected)
    })
  })

  test('numbers are those of CUDA, which has the fastest first, unless the order is that of the bus', async () => {
    await using machine = await standInGpus({ gpus: ['t4', 'h200', 'l4'] })
    const [t4, h200, l4] = machine.uuids as [string, string, string]
    // What CUDA lists, in an order of its own.
    const { env } = machine
    const lines = readFileSync(env.STANDIN_GPUS ?? '', 'utf8')
      .trimEnd()
      .split('\n')
    writeFileSync(env.STANDIN_GPUS ?? '', `${[lines[1], lines[2], lines[0]].join('\n')}\n`)
    const chosen = { ...env, CUDA_VISIBLE_DEVICES: '0,2' }
    expect((await survey(undefined, chosen)).words).toEqual([h200, t4])
    const byBus = { ...chosen, CUDA_DEVICE_ORDER: 'PCI_BUS_ID' }
    expect((await survey(undefined, byBus)).words).toEqual([t4, l4])
    // Without the library, as nvidia-smi has it.
    expect((await survey(undefined, { ...chosen, LD_LIBRARY_PATH: '' })).words).toEqual([t4, l4])
  })

  test('a driver in trouble is quoted', async () => {
    const words = 'Failed to initialize NVML: Driver/library version mismatch'
    const found = await survey(`echo '${words}'; echo 'NVML library version: 570.124'; exit 18`)
    expect(found).toMatchObject({ gpus: [], all: [], problem: `says: ${words}` })
    expect(await survey('exit 3')).toMatchObject({ gpus: [], problem: 'ends with exit code 3' })
  })

  test('a driver that hangs is waited for once', async () => {
    const programs = folder.join('hanging')
    mkdirSync(programs)
    writeFileSync(`${programs}/nvidia-smi`, '#!/bin/sh\ntrap "" TERM\nsleep 30\n', { mode: 0o755 })
    const ask = `const { surveyGpus } = await import(${JSON.stringify(MODULE)})
      const problems = []
      for (const deadlineMs of [300, 600_000]) problems.push((await surveyGpus(undefined, deadlineMs)).problem)
      console.log(problems.join())`
    const started = performance.now()
    const child = Bun.spawn([process.execPath, '-e', ask], {
      env: { ...process.env, PATH: `${programs}:/usr/bin:/bin` },
    })
    expect((await child.stdout.text()).trim()).toBe(new Array(2).fill('gives no answer within 0.3 s').join())
    expect(await child.exited).toBe(0)
    expect(performance.now() - started).toBeLessThan(20_000)
  })
})
