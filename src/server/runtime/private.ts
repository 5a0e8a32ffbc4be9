import { access, constants, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import * as v from 'valibot'
import { homePlace, readablePlaces, type ServerChoice, writablePlace } from '../../home/index.ts'
import { type Gpu, type MachineFacts, machineFacts } from '../../machine/index.ts'
import { parseJson } from '../../system/json.ts'
import { readText } from '../../system/read-within.ts'
import { cannotRead } from '../../system/system-error.ts'
import { type BasePython, findBasePython } from './base-python.ts'
import { RuntimeError } from './errors.ts'
import { canFuse } from './pairing.ts'
import { LEAST_GLIBC, LICENCES, type Pin, pinFor, unsupportedGpus } from './pins.ts'
import { pythonFacts } from './python-facts.ts'
import type { Runtime } from './runtime.ts'

/** In the folder of a private server; the last file that is written. */
export const SERVER_FILE = 'server.json'

export const ServerRecordSchema = v.object({
  format: v.literal('virnucpro-server'),
  version: v.literal(1),
  name: v.string(),
  triton: v.string(),
  tensorrt: v.string(),
  /** Version of the Python that it was made from. */
  python: v.string(),
  /** Packages and their versions, as installed. */
  packages: v.array(v.string()),
  installed: v.string(),
})
type ServerRecord = v.InferOutput<typeof ServerRecordSchema>

/** A private environment to install: a Triton server and TensorRT in a Python environment of the home. */
export interface PrivatePlan {
  readonly kind: 'private'
  readonly label: string
  /** Folder to make. */
  readonly folder: string
  readonly pin: Pin
  readonly gpus: readonly GpuFacts[]
  readonly python: BasePython
  /** Estimated size of the download, without a folder of packages. */
  readonly downloadBytes: number
  /** Estimated size on the disk. */
  readonly diskBytes: number
  /** Whose terms apply. */
  readonly licences: string
  /** Folder with the packages, where one is given. */
  readonly wheels?: string | undefined
}

export interface PrivateOptions {
  /** The Python that it is made from. @default the newest suitable one of PATH */
  readonly python?: string | undefined
  /** Folder with the packages, for machines without a network. @default they are downloaded */
  readonly wheels?: string | undefined
  readonly gpus?: readonly GpuFacts[] | undefined
  /** Whether one that is installed gets what layers in FP8 need, too: unless a folder of packages lacks it. */
  readonly products?: boolean | undefined
}

type GpuFacts = Pick<Gpu, 'computeCapability'>

/**
 * An installed private server, one that can be installed, or the reasons against both.
 *
 * @throws the reason of `signal`
 */
export async function findPrivate(
  { python, wheels, gpus = [], products = false }: PrivateOptions,
  signal?: AbortSignal,
): Promise<Runtime | PrivatePlan | string[]> {
  const capabilities = gpus.map(({ computeCapability }) => computeCapability)
  const pin = pinFor(capabilities)
  if (pin === undefined) return [unsupportedGpus(gpus)]
  const machine = machineProblem(await machineFacts())
  if (machine !== undefined) return [machine]
  const installed = await installedServer(pin.name)
  if (installed !== undefined && (await works(installed.folder, pin, signal)))
    return privateRuntime(installed.folder, installed.record, gpus)
  const base = await findBasePython(python, signal)
  if (Array.isArray(base)) return base.map((reason) => `a private server needs a Python: ${reason}`)
  const missing = wheels === undefined ? [] : await missingPackages(pin, wheels)
  if (missing.length > 0)
    return [`the folder ${wheels} lacks packages of a private server: ${missing.join(', ')}`]
  const all = products ? withProducts(pin) : pin
  const isComplete = wheels === undefined || (await missingPackages(all, wheels)).length === 0
  const wanted = isComplete ? all : pin
  return {
    kind: 'private',
    wheels,
    label: `a private server with Triton ${pin.triton} and TensorRT ${pin.tensorrt}`,
    folder: join(await writablePlace('servers'), pin.name),
    pin: wanted,
    gpus,
    python: base,
    downloadBytes: wheels === undefined ? wanted.downloadBytes : 0,
    diskBytes: wanted.diskBytes,
    licences: LICENCES.private,
  }
}

function withProducts(pin: Pin): Pin {
  const { packages, products, downloadBytes, diskBytes } = pin
  if (products === undefined) return pin
  return {
    ...pin,
    packages: [...packages, products.name],
    downloadBytes: downloadBytes + products.downloadBytes,
    diskBytes: diskBytes + products.diskBytes,
  }
}

/** Packages that a folder has no file for. pip checks whether the files suit the Python. */
async function missingPackages({ server, packages }: Pin, folder: string): Promise<string[]> {
  const files = await readdir(folder).catch(cannotRead(folder))
  return [server, ...packages].filter((requirement) => {
    const [name = '', version = ''] = requirement.replace(/\.?\*$/, '').split('==')
    const start = `${name.replaceAll('-', '_')}-${version}`
    return !files.some((file) => file.startsWith(start) && file.endsWith('.whl'))
  })
}

/** Why packages of the server do not run on this machine; undefined where they do. */
export function machineProblem({
  os,
  arch,
  glibc,
}: Pick<MachineFacts, 'os' | 'arch' | 'glibc'>): string | undefined {
  const packages = 'the packages of a private server'
  if (os !== 'linux' || arch !== 'x64')
    return `${packages} are for Linux on x86-64, and this is ${os} on ${arch}`
  if (glibc === undefined || !isAtLeast(glibc, LEAST_GLIBC)) {
    const has = glibc === undefined ? 'another C library' : `${glibc}, as RHEL 8 and 9 do`
    return `${packages} need glibc ${LEAST_GLIBC} or later (Ubuntu 22.04, Debian 12), and this system has ${has}: use a container; Apptainer needs no administrator`
  }
  return undefined
}

function isAtLeast(version: string, least: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [leastMajor = 0, leastMinor = 0] = least.split('.').map(Number)
  return major > leastMajor || (major === leastMajor && minor >= leastMinor)
}

/** @throws RuntimeError when it is gone */
export async function openPrivate(
  { name }: Extract<ServerChoice, { kind: 'private' }>,
  gpus: readonly GpuFacts[] | undefined,
): Promise<Runtime> {
  const installed = await installedServer(name)
  if (installed !== undefined) return privateRuntime(installed.folder, installed.record, gpus)
  throw new RuntimeError(
    `the private server ${join(homePlace('servers'), name)} is not there, or the Python that it was made from is gone`,
    { detail: { code: 'runtime-gone', data: {} } },
  )
}

export function privateRuntime(
  folder: string,
  record: ServerRecord,
  gpus: readonly GpuFacts[] = [],
): Runtime {
  const { name, tensorrt } = record
  const capabilities = gpus.map(({ computeCapability }) => computeCapability)
  return {
    kind: 'private',
    choice: { kind: 'private', name },
    label: folder,
    launch: { serverBin: join(folder, 'tritonserver') },
    builder: { builder: 'python', python: join(folder, 'python') },
    repositoryBackend: 'python',
    attention: canFuse(tensorrt, capabilities) ? 'fused' : 'standard',
    products: record.packages.some((name) => name.startsWith('nvidia_cublas_')),
    tensorrt: async () => tensorrt,
  }
}

/** A complete private server: in the home, or in the user's own folder beside a read-only home. */
async function installedServer(name: string): Promise<{ folder: string; record: ServerRecord } | undefined> {
  for (const servers of readablePlaces('servers')) {
    const folder = join(servers, name)
    const record = await readServer(folder)
    if (record?.name === name) return { folder, record }
  }
  return undefined
}

/** The record of a private server; undefined where there is none, or the Python that it was made from is gone. */
export async function readServer(folder: string): Promise<ServerRecord | undefined> {
  try {
    const record = v.parse(ServerRecordSchema, parseJson(await readText(join(folder, SERVER_FILE))))
    for (const program of ['tritonserver', 'python', 'venv/bin/python3'])
      await access(join(folder, program), constants.X_OK)
    await access(join(folder, 'lib', libraryName(record.python)), constants.R_OK)
    return record
  } catch {
    return undefined
  }
}

/** An image that this program has fetched for Apptainer. */
const IMAGE_FILE = /^tritonserver-.+\.sif$/

/** Whether a folder or a file among the servers of the home was put there by this program, whether it works or not. */
export async function isOwnServer(path: string): Promise<boolean> {
  if (IMAGE_FILE.test(basename(path))) return true
  const text = await readText(join(path, SERVER_FILE)).catch(() => '')
  return v.is(v.pipe(v.string(), v.parseJson(), ServerRecordSchema), text)
}

/** The libpython of a version. */
export function libraryName(version: string): string {
  return `libpython${version}.so.1.0`
}

/** Whether its Python has what it was made for: somebody may have changed files of it. */
export async function works(
  folder: string,
  { tensorrt }: Pin,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const facts = await pythonFacts(join(folder, 'python'), {}, signal)
  return typeof facts !== 'string' && facts.numpy !== null && facts.runtime && facts.tensorrt === tensorrt
}
