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

/**
 * Of calibrating it, by precision: operations (docs/reference/precisions.md), and seconds that one thread writes and opens
 * graphs, which more cores do not make shorter.
 */
const CALIBRATION: Readonly<Partial<Record<Precision, { operations: number; seconds: number }>>> = {
  bf16: { operations: 50e12, seconds: 70 },
  fp16: { operations: 25e12, seconds: 70 },
  fp8: { operations: 230e12, seconds: 130 },
  int8: { operations: 150e12, seconds: 70 },
}

/**
 * Operations in FP32 that one core does in a second when it calibrates, and how more cores make that faster. Measured: on two
 * cores 65 × 10⁹ (AMD EPYC) and 197 × 10⁹ (Intel Xeon with AVX-512), on sixteen of another Xeon 576 × 10⁹.
 */
const CORE_SPEED = 90e9
const SHARED = 0.6

/** Bytes of one parameter. */
const WIDTH: Readonly<Record<Precision, number>> = { fp32: 4, int8: 1.1, bf16: 2, fp16: 2, fp8: 2 }

/** The cost of making a bundle. Measured: 51 s for FP32 and 58 s for BF16 without calibration, for reading and writing. */
export function estimateImport(sizes: Readonly<Record<ModelName, ModelSize>>, how: ImportedAs): Expense {
  const { precision, isCalibrated, isPartnered = false, cores } = how
  const all = MODEL_NAMES.reduce((sum, name) => sum + parameters(sizes[name]), 0)
  const share = all / MEASURED
  const partner = isPartnered ? precisionFacts(precision).partners?.[0] : undefined
  const twice = partner === undefined ? 0 : partnered(sizes)
  const calibration = (share: number, of: Precision) => {
    const cost = isCalibrated ? CALIBRATION[of] : undefined
    return cost === undefined ? 0 : share * (cost.seconds + cost.operations / (CORE_SPEED * cores ** SHARED))
  }
  const ofPartner = partner === undefined ? 0 : calibration(twice / MEASURED, partner)
  const bytes = WIDTH[precision] * all + (partner === undefined ? 0 : WIDTH[partner]) * twice + 50e6
  return { seconds: 1 + 54 * (share + twice / MEASURED) + calibration(share, precision) + ofPartner, bytes }
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
