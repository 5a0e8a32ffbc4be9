import { type Bundle, backbonesId, type Precision, precisionFacts } from '../../bundle/index.ts'
import type { HomeRecord } from '../../home/index.ts'
import type { Gpu } from '../../machine/index.ts'
import type { Detail } from '../../system/error-codes.ts'
import type { Logger } from '../../system/logger.ts'
import type { Runtime } from '../runtime/index.ts'
import { DeployError } from './errors.ts'

/** The parts of a deployment; each is made from those before it. */
export const PARTS = ['server', 'models', 'plans', 'repository'] as const
export type Part = (typeof PARTS)[number]

type GpuSettings = NonNullable<HomeRecord['gpu']>

export interface DeployRequest {
  /** Bundle whose models shall compute on GPUs. */
  readonly base: Bundle
  /** The record of the home, with settings for GPUs. */
  readonly home: HomeRecord
  /** GPUs to compute on, one at least. */
  readonly gpus: readonly Gpu[]
  readonly logger: Logger
  /** Receives messages about the progress. @default the logger's `info` */
  readonly onProgress?: (message: string, detail?: Detail) => void
  readonly signal?: AbortSignal | undefined
}

/** Where messages of a request go. */
export function say({ onProgress, logger }: DeployRequest): NonNullable<DeployRequest['onProgress']> {
  return onProgress ?? ((message, detail) => logger.info(message, detail))
}

/** The first compute capability that TensorRT 10 has plans for: Turing. */
export const LEAST_CAPABILITY = 7.5

export function isSupported({ computeCapability }: Gpu): boolean {
  return Number(computeCapability) >= LEAST_CAPABILITY
}

/** The first GPU that does not have a precision; undefined where all have it. */
export function gpuLacking(precision: Precision, gpus: readonly Gpu[]): Gpu | undefined {
  const { computeCapability: first = 0 } = precisionFacts(precision)
  return gpus.find(({ computeCapability }) => Number(computeCapability) < first)
}

/** What GPUs compute in where nothing else is asked for. */
export function usualPrecision(gpus: readonly Gpu[]): 'bf16' | 'fp16' {
  return gpuLacking('bf16', gpus) === undefined ? 'bf16' : 'fp16'
}

/** Everything that a server on GPUs is started with. */
export interface Deployment {
  /** Folder of the bundle whose models the server hosts. */
  readonly bundle: string
  /** Folder of the model repository. */
  readonly repository: string
  readonly runtime: Runtime
  readonly precision: GpuSettings['precision']
  readonly attention: GpuSettings['attention']
}

/** A request with what follows from it. */
export interface Wanted {
  readonly settings: GpuSettings
  /** Names of folders, from the outermost: what they hold depends on these. */
  readonly id: string
  /** `bf16`, `bf16-fused`. */
  readonly form: string
}

/** @throws DeployError when nothing is set up for GPUs */
export function wantedOf({ base, home, gpus }: DeployRequest): Wanted {
  const { gpu: settings } = home
  if (settings === undefined)
    throw new DeployError('nothing is set up for GPUs', { detail: { code: 'gpus-not-set-up', data: {} } })
  if (gpus.length === 0) throw new DeployError('there is no GPU to compute on')
  const { precision, attention } = settings
  const form = attention === 'fused' ? `${precision}-fused` : precision
  return { settings, id: backbonesId(base.manifest), form }
}
