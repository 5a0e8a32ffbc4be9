import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Bundle,
  backbonesId,
  computesOnCpu,
  forModels,
  isRechecked,
  type Manifest,
  MODEL_NAMES,
  MODELS,
  type ModelName,
  openBundle,
  PRECISION_NAMES,
  PRECISIONS,
  type Precision,
  pairOf,
  precisionFacts,
} from '../bundle/index.ts'
import { readablePlaces } from '../home/index.ts'
import { type GpuKind, gpuKinds, listGpus, pickGpus } from '../machine/index.ts'
import { readTuning, type TuningEntry } from '../server/repository/index.ts'
import { CPU_TOKEN_BUDGET, type PredictOptions } from '../settings/index.ts'
import { threadsToStart } from '../system/cores.ts'
import { VirnucproError } from '../system/errors.ts'
import type { Packings } from './count.ts'
import { knownSpeed, modelsOf, processorName, type Speed, type SpeedOf } from './speeds.ts'

/** Padded tokens per second of a model in batches whose rows have so many tokens. */
export type SpeedAt = (model: ModelName, length: number) => number

/**
 * Where a speed comes from: runs before this one, some batches in set-up or just now, some layers of the models, the tuning
 * of the plans, or one product of matrices.
 */
export type SpeedSource = 'runs' | 'probe' | 'layers' | 'tuning' | 'product'

export interface DeviceSpeed {
  readonly at: SpeedAt
  readonly source: SpeedSource
}

/** Devices of one kind that compute together. */
export interface Devices {
  /** As the system calls them. */
  readonly name: string
  readonly count: number
  /** Undefined where nothing is known of it. */
  readonly speed: DeviceSpeed | undefined
  /** Under which their speed is remembered. */
  readonly key: SpeedOf
}

/** What computes some frames once more. */
export interface WayRecheck {
  /** The one that is quantized. */
  readonly model: ModelName
  /** How many times as long its partner takes. */
  readonly partnerTime: number
}

/** A way in which this machine can compute a run. */
export interface Way {
  readonly kind: 'process' | 'gpus' | 'server'
  readonly precision: Precision
  readonly fused: boolean
  readonly devices: readonly Devices[]
  readonly packings: Packings
  /** Undefined where nothing is rechecked. */
  readonly recheck: WayRecheck | undefined
  /** Bytes that must be read before anything is computed. */
  readonly weightBytes: number
  /** Addresses of servers that run already. */
  readonly servers?: readonly string[]
}

export interface WayOptions {
  readonly bundle: Bundle
  readonly threads?: number | undefined
  /** Most padded tokens of a batch, where the user says it. */
  readonly tokenBudgets?: Readonly<Partial<Record<ModelName, number | undefined>>> | undefined
  /** As of `predict`. @default 'auto' */
  readonly recheck?: PredictOptions['recheck'] | undefined
  /** Numbers of the GPUs to use, in the order of the system. @default all */
  readonly gpus?: readonly number[] | undefined
  readonly signal?: AbortSignal | undefined
}

/** The ways that are set up on this machine: all GPUs, then one of each kind where there are several, and this process. */
export async function findWays(speeds: readonly Speed[], options: WayOptions): Promise<Way[]> {
  const all = await listGpus(options.signal)
  const kinds = gpuKinds(options.gpus === undefined ? all : pickGpus(all, options.gpus))
  const prepared = kinds.length === 0 ? [] : await preparedFor(options.bundle)
  const onGpus = prepared.flatMap((each) => gpuWays(each, kinds, speeds, options))
  const { precision } = options.bundle.manifest
  return [...onGpus, ...(computesOnCpu(precision) ? [inProcess(speeds, options)] : [])]
}

/** ONNX Runtime in this process. */
export function inProcess(
  speeds: readonly Speed[],
  { bundle, threads: asked, tokenBudgets, recheck }: WayOptions,
): Way {
  const { manifest } = bundle
  const threads = threadsToStart(asked)
  const key = { models: modelsOf(manifest), device: processorName(), threads }
  const packings = forModels((model) => ({
    tokenBudget: tokenBudgets?.[model] ?? CPU_TOKEN_BUDGET,
    tapers: false,
  }))
  return {
    kind: 'process',
    precision: manifest.precision,
    fused: false,
    devices: [{ name: key.device, count: 1, key, speed: remembered(speeds, key) }],
    packings,
    recheck: recheckOf(manifest, recheck),
    weightBytes: weightBytes(manifest),
  }
}

function recheckOf(manifest: Manifest, asked: WayOptions['recheck']): WayRecheck | undefined {
  const pair = pairOf(manifest)
  if (pair === undefined || !isRechecked(pair.quantized, asked)) return undefined
  return { model: pair.model, partnerTime: precisionFacts(pair.quantized).partnerTime ?? 1 }
}

function weightBytes({ models }: Manifest): number {
  return MODEL_NAMES.reduce((sum, model) => sum + models[model].weights.bytes, 0)
}

/** What is remembered of a device. */
export function remembered(speeds: readonly Speed[], key: SpeedOf): DeviceSpeed | undefined {
  const known = knownSpeed(speeds, key)
  if (known === undefined) return undefined
  return {
    at: (model) => known.tokensPerSecond[model],
    source: known.source === 'run' ? 'runs' : 'probe',
  }
}

/** A bundle for GPUs, and the tuning of plans that were built from it. */
interface Prepared {
  readonly manifest: Manifest
  readonly entries: readonly TuningEntry[]
}

/** What set-up has made for the GPUs of this machine, whatever they are. */
async function preparedFor(bundle: Bundle): Promise<Prepared[]> {
  const id = backbonesId(bundle.manifest)
  const found: Prepared[] = []
  for (const name of PRECISION_NAMES.flatMap((precision) => [precision, `${precision}-fused`])) {
    const derived = await openIn('derived', id, name)
    if (derived === undefined) continue
    const entries: TuningEntry[] = []
    for (const place of readablePlaces('plans')) {
      const folder = join(place, id, name)
      for (const version of await readdir(folder).catch(() => []))
        entries.push(...((await tuningIn(join(folder, version)))?.entries ?? []))
    }
    if (entries.length > 0) found.push({ manifest: derived.manifest, entries })
  }
  return found
}

async function openIn(place: 'derived', id: string, name: string): Promise<Bundle | undefined> {
  for (const folder of readablePlaces(place)) {
    try {
      return await openBundle(join(folder, id, name))
    } catch (error) {
      // Not made, or not whole: a run would make it again.
      if (!(error instanceof VirnucproError)) throw error
    }
  }
  return undefined
}

async function tuningIn(folder: string) {
  return await readTuning(folder).catch((error) => {
    if (!(error instanceof VirnucproError)) throw error
    return undefined
  })
}

function gpuWays(
  { manifest, entries }: Prepared,
  kinds: readonly GpuKind[],
  speeds: readonly Speed[],
  { tokenBudgets, recheck }: WayOptions,
): Way[] {
  const devices = kinds.map(({ name, computeCapability, gpus }): Devices => {
    const key = { models: modelsOf(manifest), device: name }
    const own = entries.filter((entry) => entry.computeCapability === computeCapability)
    const speed = remembered(speeds, key) ?? tuned(own, name)
    return { name, count: gpus.length, key, speed }
  })
  const budgetOf = (model: ModelName) => {
    const tunedBudgets = entries.flatMap((entry) => (entry.model === model ? entry.tokenBudget : []))
    return tunedBudgets.length > 0 ? Math.min(...tunedBudgets) : MODELS[model].tokenBudget
  }
  const way = (some: readonly Devices[]): Way => ({
    kind: 'gpus',
    precision: manifest.precision,
    fused: manifest.attention === 'fused',
    devices: some,
    packings: forModels((model) => ({
      tokenBudget: tokenBudgets?.[model] ?? budgetOf(model),
      maxSequences: MODELS[model].maxSequences,
      tapers: true,
    })),
    recheck: recheckOf(manifest, recheck),
    weightBytes: weightBytes(manifest),
  })
  const all = devices.reduce((sum, { count }) => sum + count, 0)
  return [way(devices), ...(all > 1 ? devices.map((each) => way([{ ...each, count: 1 }])) : [])]
}

/** Of the speed of a plan by itself, behind a server (docs/adr/0022-python-backend.md). */
const SERVED_SHARE = 0.95

/** The speed that was measured with the plans of a GPU, those of its very name before others of its kind. */
function tuned(entries: readonly TuningEntry[], name: string): DeviceSpeed | undefined {
  const of = (model: ModelName) => {
    const own = entries.filter((entry) => entry.model === model && entry.ranges.length > 0)
    return own.find(({ gpu }) => gpu === name) ?? own[0]
  }
  const found = Object.fromEntries(MODEL_NAMES.map((model) => [model, of(model)]))
  if (MODEL_NAMES.some((model) => found[model] === undefined)) return undefined
  return {
    at: (model, length) => {
      const ranges = found[model]?.ranges ?? []
      const range = ranges.find(({ from, to }) => from <= length && length <= to) ?? ranges.at(-1)
      return SERVED_SHARE * (range?.tokensPerSecond ?? Number.NaN)
    },
    source: 'tuning',
  }
}

/** `BF16`, `FP16, fused attention`. */
export function precisionLabel({ precision, fused }: Pick<Way, 'precision' | 'fused'>): string {
  const { label } = PRECISIONS[precision]
  return fused ? `${label}, fused attention` : label
}
