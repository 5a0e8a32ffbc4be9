import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { compile, compilerPython } from '../../../scripts/support/compile.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { tritonServer } from '../../../scripts/support/triton.ts'

/** What stands in for one GPU. */
export interface StandInGpu {
  readonly name: string
  readonly computeCapability: string
  readonly memoryMiB: number
  /** Profiles of its MIG instances, such as `1g.10gb`. @default none: it is not split */
  readonly mig?: readonly string[]
}

/** GPUs as `nvidia-smi` describes them. */
export const KINDS = {
  t4: { name: 'Tesla T4', computeCapability: '7.5', memoryMiB: 15_360 },
  a100: { name: 'NVIDIA A100-SXM4-80GB', computeCapability: '8.0', memoryMiB: 81_920 },
  l4: { name: 'NVIDIA L4', computeCapability: '8.9', memoryMiB: 23_034 },
  h100: { name: 'NVIDIA H100 80GB HBM3', computeCapability: '9.0', memoryMiB: 81_559 },
  h200: { name: 'NVIDIA H200', computeCapability: '9.0', memoryMiB: 143_771 },
  b200: { name: 'NVIDIA B200', computeCapability: '10.0', memoryMiB: 183_359 },
} as const satisfies Record<string, StandInGpu>

export interface StandInOptions {
  readonly gpus: readonly (keyof typeof KINDS | StandInGpu)[]
  /** Version of the driver, null for one that does not answer. @default '570.86.15' */
  readonly driver?: string | null
  /** Version of TensorRT. @default '10.6.0' */
  readonly tensorrt?: string
  /** How long a plan takes to build. @default 0.1 */
  readonly buildSeconds?: number
  /** Whether the server has a TensorRT backend, as in NVIDIA's containers, or Python alone. @default false */
  readonly tensorrtBackend?: boolean
  /** What builds plans. Without `python` the server's Python has no TensorRT either. @default 'python' */
  readonly builder?: 'python' | 'trtexec'
}

/** A machine with GPUs that are not there: real programs run, and find what stands in for driver, CUDA and TensorRT. */
export interface StandIns extends AsyncDisposable {
  /** Folder with `nvidia-smi`, `python3` with TensorRT, and `tritonserver`. */
  readonly path: string
  /** UUIDs of the GPUs, and of the instances of those that are split, as CUDA_VISIBLE_DEVICES takes them. */
  readonly uuids: readonly string[]
  /** Variables for whatever runs on that machine; PATH begins with `path`. */
  readonly env: Record<string, string>
}

const here = (...parts: string[]) => resolve(import.meta.dir, ...parts)
const support = here('../../../scripts/support/gpu')

/**
 * A machine with such GPUs. `nvidia-smi` lists them. `python3` builds and times plans that hold the FP32 graph of the same
 * weights, which must be in a bundle of the home, beside the bundle that plans are built from, or in a folder of
 * STANDIN_TWINS. `tritonserver` is the real one of scripts/test-triton.sh, with one instance on each GPU that
 * CUDA_VISIBLE_DEVICES leaves; what it answers is computed by ONNX Runtime.
 */
export async function standInGpus(options: StandInOptions): Promise<StandIns> {
  const folder = temporaryFolder()
  const at = folder.join
  try {
    for (const name of ['bin', 'driver', 'runtime', 'python', 'repositories']) mkdirSync(at(name))
    const gpus = describe(options.gpus)
    const { driver = '570.86.15', tensorrt = '10.6.0', buildSeconds = 0.1 } = options
    writeFileSync(at('gpus.json'), JSON.stringify({ driver, gpus }))
    writeFileSync(at('gpus.txt'), driver === null ? '' : driverLines(gpus).join(''))
    await compile(join(support, 'cuda.c'), at('driver/libcuda.so.1'), '-shared', '-fPIC')
    await compile(join(support, 'cudart.c'), at('runtime/libcudart.so.12'), '-shared', '-fPIC', '-pthread')
    const { tensorrtBackend = false, builder = 'python' } = options
    if (tensorrtBackend)
      await compile(join(support, 'nvinfer.c'), at('runtime/libnvinfer.so.10'), '-shared', '-fPIC')
    placePython(folder.path, builder === 'python')
    placeServer(folder.path, tensorrtBackend)
    if (builder === 'trtexec')
      program(
        at('bin/trtexec'),
        `exec ${quoted([at('bin/python3'), here('stand-ins/trtexec.py'), at('python')])} "$@"`,
      )
    const listing = [at('bin/python3'), here('stand-ins/nvidia_smi.py'), at('gpus.json')]
    program(at('bin/nvidia-smi'), `exec ${quoted(listing)} "$@"`)
    return {
      path: at('bin'),
      uuids: gpus.flatMap(({ uuid, parts }) => (parts.length === 0 ? uuid : parts.map((part) => part.uuid))),
      env: {
        PATH: `${at('bin')}:${process.env.PATH}`,
        LD_LIBRARY_PATH: `${at('driver')}:${at('runtime')}`,
        STANDIN_GPUS: at('gpus.txt'),
        STANDIN_TENSORRT: tensorrt,
        STANDIN_BUILD_SECONDS: String(buildSeconds),
      },
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    }
  } catch (error) {
    await folder[Symbol.asyncDispose]()
    throw error
  }
}

interface Described {
  uuid: string
  name: string
  computeCapability: string
  memoryMiB: number
  canSplit: boolean
  parts: { uuid: string; profile: string; memoryMiB: number }[]
}

/** With UUIDs that are the same in every run. */
function describe(gpus: StandInOptions['gpus']): Described[] {
  return gpus.map((given, i) => {
    const {
      name,
      computeCapability,
      memoryMiB,
      mig = [],
    }: StandInGpu = typeof given === 'string' ? KINDS[given] : given
    const uuid = (kind: string, number: number) =>
      `${kind}-${`${i + 1}${number}`.padStart(8, '0')}-5a5a-4000-8000-00000000c0de`
    const parts = mig.map((profile, part) => ({
      uuid: uuid('MIG', part + 1),
      profile,
      memoryMiB: Number(/(\d+)gb/.exec(profile)?.[1]) * 953,
    }))
    const canSplit = Number(computeCapability) >= 8 && !/L4|L40/.test(name)
    return { uuid: uuid('GPU', 0), name, computeCapability, memoryMiB, canSplit, parts }
  })
}

/** See scripts/support/gpu/gpus.h. */
function driverLines(gpus: readonly Described[]): string[] {
  return gpus.flatMap(({ uuid, name, computeCapability, memoryMiB, parts }) => {
    const line = (...fields: string[]) => `${fields.join('|')}\n`
    const size = (mebibytes: number) => String(mebibytes * 2 ** 20)
    return [
      line(uuid, name, computeCapability, size(memoryMiB), parts.length === 0 ? '' : 'mig'),
      ...parts.map((part) =>
        line(part.uuid, `${name} MIG ${part.profile}`, computeCapability, size(part.memoryMiB), uuid),
      ),
    ]
  })
}

/** Folder with the Python of scripts/test-triton.sh, as that script has written it down. */
const ownPrograms = () => realpathSync(dirname(compilerPython))

/** A virtual environment with the packages of that of scripts/test-triton.sh, and perhaps TensorRT. */
function placePython(folder: string, hasTensorRt: boolean): void {
  const real = dirname(ownPrograms())
  const configuration = readFileSync(join(real, 'pyvenv.cfg'), 'utf8')
  const [, version] = /^version\s*=\s*(\d+\.\d+)/m.exec(configuration) ?? []
  const packages = `lib/python${version}/site-packages`
  writeFileSync(join(folder, 'pyvenv.cfg'), configuration)
  for (const name of ['python', 'python3']) symlinkSync(join(real, 'bin/python3'), join(folder, 'bin', name))
  mkdirSync(join(folder, packages), { recursive: true })
  const places = [join(real, packages), ...(hasTensorRt ? [join(folder, 'python')] : [])]
  writeFileSync(join(folder, packages, 'standins.pth'), `${places.join('\n')}\n`)
  const module = join(folder, 'python/tensorrt')
  mkdirSync(module)
  copyFileSync(here('stand-ins/tensorrt/__init__.py'), join(module, '__init__.py'))
  copyFileSync(join(support, 'tensorrt.py'), join(module, 'runtime.py'))
  copyFileSync(here('stand-ins/model.py'), join(folder, 'python/model.py'))
}

/** The program of scripts/test-triton.sh with this Python in the place of its own. */
function placeServer(folder: string, tensorrtBackend: boolean): void {
  const own = ownPrograms()
  const text = readFileSync(tritonServer, 'utf8')
  if (!text.includes(own)) throw new Error(`${tritonServer} was not made by scripts/test-triton.sh`)
  const real = join(folder, 'real-tritonserver')
  let changed = text.replaceAll(own, join(folder, 'bin'))
  if (tensorrtBackend) {
    const [, backends = ''] = /--backend-directory="([^"]+)"/.exec(text) ?? []
    mkdirSync(join(folder, 'backends/tensorrt'), { recursive: true })
    symlinkSync(join(backends, 'python'), join(folder, 'backends/python'))
    changed = changed.replace(backends, join(folder, 'backends'))
  }
  writeFileSync(real, changed)
  chmodSync(real, 0o755)
  const become = [
    join(folder, 'bin/python3'),
    here('stand-ins/tritonserver.py'),
    real,
    folder,
    here('../../../model_repository/python'),
  ]
  program(join(folder, 'bin/tritonserver'), `exec ${quoted(become)} "$@"`)
}

function program(path: string, body: string): void {
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
}

function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
}
