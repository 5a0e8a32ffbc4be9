import { join } from 'node:path'
import {
  type Bundle,
  BundleError,
  backbonesId,
  classifiersOf,
  computesOnCpu,
  forModels,
  type ModelName,
  openBundle,
  type Precision,
  precisionFacts,
  publishedLength,
} from '../bundle/index.ts'
import { findBundle, type HomeRecord, homePlace, readHome } from '../home/index.ts'
import {
  type Gpu,
  type GpuSurvey,
  lackOfGpus,
  type MachineFacts,
  machineFacts,
  pickGpus,
  surveyGpus,
} from '../machine/index.ts'
import {
  type DeployPlan,
  gpuLacking,
  type ModelSize,
  planDeployment,
  usualPrecision,
} from '../server/deploy/index.ts'
import { UsageError, VirnucproError } from '../system/errors.ts'
import { isThere } from '../system/same-file.ts'
import { sha256File } from '../system/sha256.ts'
import { SetupError } from './errors.ts'
import type { NamedClassifier, SetupOptions } from './options.ts'
import { findWeights, type Weights } from './weights.ts'

type GpuSettings = NonNullable<HomeRecord['gpu']>

/** The machine, its set-up so far, and what is wanted. Found out again before each step. */
export interface Situation {
  readonly options: SetupOptions
  readonly machine: MachineFacts
  /** GPUs to set up; empty when only the CPU is set up. */
  readonly gpus: readonly Gpu[]
  /** What the driver lists. */
  readonly survey: GpuSurvey
  readonly record: HomeRecord
  /** The default bundle as it is now. */
  readonly before?: Bundle
  /** The wanted bundle, once it exists. */
  readonly base?: Bundle
  readonly cpuPrecision: 'fp32' | 'int8'
  readonly gpuPrecision: GpuSettings['precision']
  readonly weights: Weights
  /** Dimensions of the models, as far as they are known without a download. */
  readonly sizes: Readonly<Record<ModelName, ModelSize>>
  /** Wanted classifiers that the bundle does not have. */
  readonly classifiers: readonly NamedClassifier[]
  /** What GPUs need, once bundle and server are known. */
  readonly deployment?: DeployPlan
}

/**
 * Examines the machine and its set-up.
 *
 * @throws UsageError for options that this machine cannot fulfil; HomeError for a damaged home; ModelError for weights that are
 * not those of their model
 */
export async function inspect(options: SetupOptions): Promise<Situation> {
  const { signal, logger } = options
  const [machine, record, survey] = [await machineFacts(), await readHome(), await surveyGpus(signal)]
  const gpus = isForCpu(options) ? [] : chosenGpus(survey, options.gpus)
  if (gpus.length === 0 && options.precision !== undefined && !isForCpu(options))
    throw new UsageError(
      `${options.precision} is a precision for GPUs, and this machine has no GPU to set up`,
    )
  const before = await openDefault(options)
  const cpuPrecision = isForCpu(options) ? options.precision : (cpuPrecisionOf(before) ?? 'fp32')
  const weights = await findWeights(options, record, before)
  const base = await openWanted(weights, cpuPrecision, before, signal)
  const settings = record.gpu
  const situation = {
    options,
    machine,
    gpus,
    survey,
    record,
    ...(before && { before }),
    ...(base && { base }),
    cpuPrecision,
    gpuPrecision: precisionFor(options, gpus, record),
    weights,
    sizes: base?.manifest.models ?? weights.sizes,
    classifiers: base === undefined ? options.mlp : await missingClassifiers(options.mlp, base),
  }
  if (base === undefined || settings === undefined || gpus.length === 0) return situation
  const gpu = { ...settings, precision: situation.gpuPrecision, ...rechecked(situation.gpuPrecision) }
  const home = { ...record, gpu }
  return { ...situation, deployment: await planDeployment({ base, home, gpus, logger, signal }) }
}

/** That a quantized model gets its partner; nothing for other precisions. */
export function rechecked(precision: Precision): { readonly recheck?: true } {
  return precisionFacts(precision).partnered ? { recheck: true } : {}
}

/** Whether a precision for the CPU is wanted, with which only the CPU is set up. */
function isForCpu(options: SetupOptions): options is SetupOptions & { precision: 'fp32' | 'int8' } {
  return options.precision !== undefined && computesOnCpu(options.precision)
}

/** @throws SetupError for a driver that does not answer; UsageError for a GPU that the machine does not have */
function chosenGpus(survey: GpuSurvey, named: readonly number[] | undefined): readonly Gpu[] {
  const { gpus: all, problem } = survey
  // A user with GPUs wants to use them: a set-up for the CPU alone would come as a surprise.
  if (all.length === 0 && problem !== undefined)
    throw new SetupError(`the GPUs of this machine cannot be used: ${lackOfGpus(survey)}`, {
      detail: { code: 'no-runtime', data: {} },
    })
  return named === undefined ? all : pickGpus(all, named)
}

/** A damaged bundle is made again. */
async function openUnlessDamaged(folder: string, signal: AbortSignal): Promise<Bundle | undefined> {
  try {
    return await openBundle(folder, signal)
  } catch (error) {
    if (error instanceof BundleError) return undefined
    throw error
  }
}

/** @throws SetupError for a damaged bundle whose classifiers have no known source */
async function openDefault({ mlp, signal }: SetupOptions): Promise<Bundle | undefined> {
  const named = await findBundle(undefined).catch((error: unknown) => {
    if (error instanceof VirnucproError && NO_DEFAULT.has(error.code)) return undefined
    throw error
  })
  if (named === undefined) return undefined
  const bundle = await openUnlessDamaged(named.folder, signal)
  if (bundle !== undefined || mlp.length > 0) return bundle
  throw new SetupError(
    `the bundle ${named.folder} is damaged, and is made again; where its classifiers come from is not on record`,
    { kind: 'badData', detail: { code: 'classifiers-needed', data: {} } },
  )
}

const NO_DEFAULT: ReadonlySet<string | undefined> = new Set(['bundle-not-named', 'default-missing'])

function cpuPrecisionOf(bundle: Bundle | undefined): 'fp32' | 'int8' | undefined {
  const precision = bundle?.manifest.precision
  return precision === 'int8' || precision === 'fp32' ? precision : undefined
}

/** The bundle of the home that was made from the wanted weight files. */
async function openWanted(
  { sources }: Weights,
  precision: Precision,
  before: Bundle | undefined,
  signal: AbortSignal,
): Promise<Bundle | undefined> {
  if (sources === undefined) return undefined
  const id = backbonesId({ precision, models: forModels((name) => ({ source: sources[name] })) })
  if (before !== undefined && withoutPartner(before) === id) return before
  const folder = join(homePlace('bundles'), id)
  return (await isThere(folder)) ? await openUnlessDamaged(folder, signal) : undefined
}

/** The name that a bundle would have if none of its models had a partner: with one it serves as well. */
function withoutPartner({ manifest: { precision, attention, models } }: Bundle): string {
  return backbonesId({
    precision,
    ...(attention && { attention }),
    models: forModels((name) => ({ source: models[name].source })),
  })
}

/** The classifiers that the bundle does not have. */
async function missingClassifiers(
  named: readonly NamedClassifier[],
  { manifest }: Bundle,
): Promise<NamedClassifier[]> {
  const missing: NamedClassifier[] = []
  for (const each of named) {
    const digest = await sha256File(each.path)
    const length = each.chunkLength ?? publishedLength(each.path)
    const isThere = classifiersOf(manifest).some(
      ({ chunkLength, source: { files } }) =>
        files.some(({ sha256 }) => sha256 === digest) && (length === undefined || chunkLength === length),
    )
    if (!isThere) missing.push(each)
  }
  return missing
}

/** @throws UsageError for a precision that one of the GPUs does not support */
function precisionFor(
  { precision }: SetupOptions,
  gpus: readonly Gpu[],
  { gpu: settings }: HomeRecord,
): GpuSettings['precision'] {
  const usual = usualPrecision(gpus)
  if (precision === undefined) {
    const kept = settings?.precision
    return kept !== undefined && gpuLacking(kept, gpus) === undefined ? kept : usual
  }
  if (precision !== 'bf16' && precision !== 'fp16' && precision !== 'fp8') return usual
  const old = gpuLacking(precision, gpus)
  if (old === undefined) return precision
  throw new UsageError(
    `${precision} needs GPUs of compute capability ${(precisionFacts(precision).computeCapability ?? 0).toFixed(1)} or higher; ${old.name} has ${old.computeCapability}`,
    { detail: { code: 'gpu-lacks-precision', data: {} } },
  )
}
