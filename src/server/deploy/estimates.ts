import {
  MODEL_NAMES,
  type ModelName,
  modelOf,
  PARTNER_NAMES,
  type Precision,
  precisionFacts,
} from '../../bundle/index.ts'
import { type Gpu, gpuKinds } from '../../machine/index.ts'
import { leastOfEach } from './plan-fit.ts'

/** Estimated time and disk space of a step. */
export interface Expense {
  readonly seconds: number
  /** On the disk of the home. */
  readonly bytes: number
  /** Where a container engine keeps its images, which checks the room there. @default none */
  readonly imageBytes?: number
}

/** Dimensions that decide the cost of a model. */
export interface ModelSize {
  readonly layers: number
  readonly width: number
  readonly hidden: number
}

/** Parameters in the layers of a model. */
export function parameters({ layers, width, hidden }: ModelSize): number {
  return layers * (4 * width ** 2 + 2 * width * hidden)
}

/** ESM-2 3B, for which the figures below were measured. */
const MEASURED = parameters({ layers: 36, width: 2560, hidden: 10_240 })

/** Operations of calibrating it, by precision; see docs/reference/precisions.md. */
const CALIBRATION: Readonly<Partial<Record<Precision, number>>> = {
  bf16: 50e12,
  fp16: 25e12,
  fp8: 230e12,
  int8: 150e12,
}

/**
 * Operations in FP32 that one core does in a second when it calibrates, and how more cores make that faster: BF16 of ESM-2 3B
 * took 900 s on two cores and 212 s on sixteen.
 */
const CORE_SPEED = 33e9
const SHARED = 0.7

/** Bytes of one parameter. */
const WIDTH: Readonly<Record<Precision, number>> = { fp32: 4, int8: 1.1, bf16: 2, fp16: 2, fp8: 2 }

/** The cost of making a bundle. Measured: 51 s for FP32 and 58 s for BF16 without calibration, for reading and writing. */
export function estimateImport(sizes: Readonly<Record<ModelName, ModelSize>>, how: ImportedAs): Expense {
  const { precision, isCalibrated, isPartnered = false, cores } = how
  const all = MODEL_NAMES.reduce((sum, name) => sum + parameters(sizes[name]), 0)
  const share = all / MEASURED
  const partner = isPartnered ? precisionFacts(precision).partners?.[0] : undefined
  const twice = partner === undefined ? 0 : partnered(sizes)
  const operations = (share: number, of: Precision) => (isCalibrated ? (CALIBRATION[of] ?? 0) * share : 0)
  const ofPartner = partner === undefined ? 0 : operations(twice / MEASURED, partner)
  const bytes = WIDTH[precision] * all + (partner === undefined ? 0 : WIDTH[partner]) * twice + 50e6
  const calibration = (operations(share, precision) + ofPartner) / (CORE_SPEED * cores ** SHARED)
  return { seconds: 1 + 54 * (share + twice / MEASURED) + calibration, bytes }
}

/** What an import makes, and with what. */
interface ImportedAs {
  readonly precision: Precision
  readonly isCalibrated: boolean
  /** Whether a quantized model gets its partner. @default false */
  readonly isPartnered?: boolean
  readonly cores: number
}

/** Parameters of the models that have a partner. */
function partnered(sizes: Readonly<Record<ModelName, ModelSize>>): number {
  return PARTNER_NAMES.reduce((sum, name) => sum + parameters(sizes[modelOf(name)]), 0)
}

/** The cost of each part of a deployment, the server excepted. */
export interface DeployEstimate {
  readonly models: Expense
  readonly plans: Expense
  readonly batches: Expense
  readonly repository: Expense
}

/**
 * Measured: 137 s and 166 s for the plans of ESM-2 3B and DNABERT-S, a quarter of it for the latter, and 60 s for their batches.
 * Plans are built on different GPUs at the same time.
 */
export function estimateDeployment(
  sizes: Readonly<Record<ModelName, ModelSize>>,
  gpus: readonly Gpu[],
  how: ImportedAs,
): DeployEstimate {
  const hosted = [...MODEL_NAMES, ...(how.isPartnered ? PARTNER_NAMES : [])]
  const shares = hosted.map((name) => parameters(sizes[modelOf(name)]) / MEASURED)
  const each = (fixed: number, perShare: number) =>
    shares.reduce((sum, share) => sum + fixed + perShare * share, 0)
  const plans = leastOfEach(gpus)
  const isAlone = plans.some((kind) => kind.gpus.length === 1)
  const plan = 2 * hosted.reduce((sum, name) => sum + parameters(sizes[modelOf(name)]), 0)
  return {
    models: estimateImport(sizes, how),
    plans: {
      seconds: isAlone ? each(35, 80) : Math.max(...shares.map((share) => 35 + 80 * share)),
      bytes: plans.length * (plan + 50e6),
    },
    batches: { seconds: gpuKinds(gpus).length * each(12, 35), bytes: 1e5 },
    repository: { seconds: 1 + plans.length * each(0, 6), bytes: 1e7 },
  }
}

/** A comparison reads what an import writes, and computes little. */
const AS_READ = { precision: 'fp32', isCalibrated: false, cores: 1 } as const

/** Seconds of comparing a server with the bundle. Measured: 37 s with ESM-2 3B, of which the server takes 15. */
export function estimateCheck(sizes: Readonly<Record<ModelName, ModelSize>>): number {
  return 15 + 0.4 * estimateImport(sizes, AS_READ).seconds
}

/**
 * Seconds of measuring how far a quantized model is from its partner: the server starts, 30,000 frames of 78 tokens on average go through
 * FP8 at 150,000 tokens/s and through BF16 at 100,000 with ESM-2 3B, and the repository is made again.
 */
export function estimateRecheck(sizes: Readonly<Record<ModelName, ModelSize>>): number {
  return 25 + (45 * partnered(sizes)) / MEASURED
}
