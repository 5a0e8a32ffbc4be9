import { UsageError } from '../system/errors.ts'
import { availableMemory } from '../system/memory.ts'
import { platformName } from '../system/platform.ts'
import { cudaOrder } from './cuda-order.ts'
import { askNvidiaSmi, rowsOf } from './nvidia-smi.ts'
import { visibleDevices } from './visible.ts'

/** A device that computes: a GPU, or a MIG instance of one. */
export interface Gpu {
  /** `GPU-…` or `MIG-…`: a value of CUDA_VISIBLE_DEVICES. */
  uuid: string
  /** As the driver says it; with the profile of an instance: `NVIDIA H100 80GB HBM3 MIG 1g.10gb`. */
  name: string
  /** `9.0` */
  computeCapability: string
  memoryBytes: number
  /** Version of the driver. */
  driver?: string
  mig?: boolean
}

/** GPUs with the same name and compute capability, which share plans and batch sizes. */
export interface GpuKind {
  name: string
  computeCapability: string
  /** That of the one with the least. */
  memoryBytes: number
  gpus: Gpu[]
}

/** The GPUs of this machine, and why some cannot be used. */
export interface GpuSurvey {
  /** Those that this process may use. */
  gpus: Gpu[]
  /** All that the driver lists. */
  all: Gpu[]
  /** Number of GPUs in MIG mode without an instance, which cannot compute. */
  undivided: number
  /** Value of CUDA_VISIBLE_DEVICES, where it is set. */
  visible: string | undefined
  /** Why the driver does not list its GPUs, in words that follow `nvidia-smi`. */
  problem?: string
}

const FIELDS = [
  'index',
  'uuid',
  'name',
  'compute_cap',
  'memory.total',
  'driver_version',
  'mig.mode.current',
] as const

/** Why the driver is not asked again. */
let hanging: string | undefined

/** The name of an instance's profile rounds its memory up, by 5 % at most (H200, 1g.18gb: 17.2 GB). */
const PROFILE_SHARE = 0.95

/**
 * The GPUs that this process may use, in CUDA's order: those of CUDA_VISIBLE_DEVICES (numbers, UUIDs, MIG instances) where it
 * is set, as by Slurm, else all. Empty where there is none, and where `nvidia-smi` fails: see {@link surveyGpus}.
 *
 * @throws the reason of `signal`
 */
export async function listGpus(signal?: AbortSignal): Promise<Gpu[]> {
  return (await surveyGpus(signal)).gpus
}

/**
 * The same with all GPUs that the driver lists, and with its problem. A driver that has not answered is not asked again by this
 * process, since every call would wait.
 *
 * @param deadlineMs how long the driver may take. @default 30,000
 * @throws the reason of `signal`
 */
export async function surveyGpus(signal?: AbortSignal, deadlineMs?: number): Promise<GpuSurvey> {
  const visible = process.env.CUDA_VISIBLE_DEVICES
  const none = { gpus: [], all: [], undivided: 0, visible }
  // There is no server for them.
  if (process.platform !== 'linux') return none
  if (hanging !== undefined) return { ...none, problem: hanging }
  const query = [`--query-gpu=${FIELDS.join()}`, '--format=csv,noheader,nounits']
  const answer = await askNvidiaSmi(query, { signal, ...(deadlineMs !== undefined && { deadlineMs }) })
  if (answer === undefined) return none
  if ('problem' in answer) {
    if (answer.isLate) hanging = answer.problem
    return /no devices were found/i.test(answer.problem) ? none : { ...none, problem: answer.problem }
  }
  const listed = rowsOf(answer.text, FIELDS).flatMap((row) => {
    if (row.uuid === undefined || row.compute_cap === undefined) return []
    const gpu: Gpu = {
      uuid: row.uuid,
      name: row.name ?? 'GPU',
      computeCapability: row.compute_cap,
      memoryBytes: bytesOf(row['memory.total']),
      ...(row.driver_version !== undefined && { driver: row.driver_version }),
    }
    return { gpu, isDivided: row['mig.mode.current'] === 'Enabled' }
  })
  const instances = listed.some(({ isDivided }) => isDivided) ? await listInstances(signal) : undefined
  const devices = listed.flatMap(({ gpu, isDivided }) =>
    isDivided ? instancesOf(gpu, instances?.get(gpu.uuid) ?? []) : [{ ...gpu, parent: gpu.uuid }],
  )
  const withoutParent = ({ parent: _, ...gpu }: Gpu & { parent: string }): Gpu => gpu
  const uuids = await numbered(
    listed.map(({ gpu }) => gpu),
    visible,
    signal,
  )
  return {
    gpus: visibleDevices(visible, uuids, devices).map(withoutParent),
    all: devices.map(withoutParent),
    undivided: uuids.filter((uuid) => !devices.some(({ parent }) => parent === uuid)).length,
    visible,
  }
}

/**
 * UUIDs of GPUs by their numbers in CUDA_VISIBLE_DEVICES. Where GPUs are alike, `nvidia-smi` has the same order as CUDA, which
 * otherwise puts the fastest first unless CUDA_DEVICE_ORDER says PCI_BUS_ID.
 */
async function numbered(
  gpus: readonly Gpu[],
  visible: string | undefined,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const uuids = gpus.map(({ uuid }) => uuid)
  const hasNumbers = /^\s*\d/.test(visible ?? '')
  if (!hasNumbers || process.env.CUDA_DEVICE_ORDER === 'PCI_BUS_ID' || gpuKinds(gpus).length < 2) return uuids
  const ordered = (await cudaOrder(signal)) ?? []
  const isSame = ordered.length === uuids.length && uuids.every((uuid) => ordered.includes(uuid))
  return isSame ? ordered : uuids
}

/** Why no GPU may be used, in words: the driver's where it is in trouble. */
export function lackOfGpus({ all, undivided, visible, problem }: Omit<GpuSurvey, 'gpus'>): string {
  if (problem !== undefined) return `the driver of the GPUs does not answer (nvidia-smi ${problem})`
  if (all.length === 0 && undivided > 0) return 'the GPUs are in MIG mode and have no instance'
  if (process.platform !== 'linux') return `GPUs are not used on ${platformName()}`
  if (all.length === 0) return 'this machine has no GPU'
  return `CUDA_VISIBLE_DEVICES=${visible} leaves none of ${all.length} GPUs`
}

/**
 * The GPUs with these numbers, in the order of the numbers.
 *
 * @param all - GPUs, or their UUIDs, that this process may use
 * @throws UsageError when there is no GPU with one of the numbers
 */
export function pickGpus<Item>(all: readonly Item[], numbers: readonly number[]): Item[] {
  return numbers.map((number) => {
    const found = all[number]
    if (found !== undefined) return found
    const range = all.length === 0 ? '' : ` (0 to ${all.length - 1})`
    throw new UsageError(`there is no GPU ${number} on this machine${range}`)
  })
}

/** Kinds in the order of their first GPU. */
export function gpuKinds(gpus: readonly Gpu[]): GpuKind[] {
  const kinds = Map.groupBy(gpus, ({ name, computeCapability }) => `${name}\n${computeCapability}`)
  return [...kinds.values()].map((alike) => {
    const [{ name, computeCapability }] = alike as [Gpu]
    const memoryBytes = Math.min(...alike.map((gpu) => gpu.memoryBytes))
    return { name, computeCapability, memoryBytes, gpus: alike }
  })
}

/** Names for people, one for each kind: `2 × NVIDIA H200 and Tesla T4`. */
export function gpuNames(gpus: readonly Gpu[]): string {
  return gpuKinds(gpus)
    .map(({ name, gpus: { length } }) => (length === 1 ? name : `${length} × ${name}`))
    .join(' and ')
}

interface Instance {
  uuid: string
  /** `1g.10gb`, `1c.3g.20gb`. */
  profile: string
}

/** The MIG instances of each GPU. `--query-gpu` does not know them. */
async function listInstances(signal: AbortSignal | undefined): Promise<Map<string, Instance[]>> {
  const answer = await askNvidiaSmi(['-L'], { signal })
  const found = new Map<string, Instance[]>()
  if (answer === undefined || 'problem' in answer) return found
  let gpu = ''
  for (const line of answer.text.split('\n')) {
    const [, uuid] = /\(UUID: ([^)]+)\)/.exec(line) ?? []
    if (uuid === undefined) continue
    const [, profile] = /^\s+MIG (\S+)\s+Device/.exec(line) ?? []
    if (profile !== undefined) found.get(gpu)?.push({ uuid, profile })
    else {
      gpu = uuid
      found.set(gpu, [])
    }
  }
  return found
}

function instancesOf(gpu: Gpu, instances: readonly Instance[]): (Gpu & { parent: string })[] {
  return instances.map(({ uuid, profile }) => {
    const [, gigabytes] = /(\d+)gb/.exec(profile) ?? []
    const memoryBytes =
      gigabytes === undefined ? gpu.memoryBytes : Math.round(Number(gigabytes) * 1e9 * PROFILE_SHARE)
    return { ...gpu, uuid, name: `${gpu.name} MIG ${profile}`, memoryBytes, mig: true, parent: gpu.uuid }
  })
}

/** A GPU that shares the memory of the machine says nothing of its own. */
function bytesOf(mebibytes: string | undefined): number {
  return mebibytes === undefined ? availableMemory() : Number(mebibytes) * 2 ** 20
}
