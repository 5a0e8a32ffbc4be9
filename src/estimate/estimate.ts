import { type Bundle, computesOnCpu, forModels, type ModelName, readTokenizers } from '../bundle/index.ts'
import { listGpus } from '../machine/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { VirnucproError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'
import { type Figures, type Packed, type Sequences, shapesOf } from './count.ts'
import { type DiskUse, diskUse } from './disk.ts'
import { type MeasuredInput, measureInput } from './input.ts'
import { probedSpeed } from './measure.ts'
import { serverWay } from './servers.ts'
import { readSpeeds, type Speed } from './speeds.ts'
import { allSeconds, type RunTime, runTime } from './time.ts'
import { findWays, inProcess, type SpeedSource, type Way } from './ways.ts'

export interface EstimateOptions {
  readonly bundle: Bundle
  /** Which inputs are read as one, where they are several samples. @default all */
  readonly samples?: readonly (readonly string[])[] | undefined
  /** Run some batches in this process, even where its speed is known. @default false */
  readonly measure?: boolean
  /** Keep their speed for later estimates. @default true */
  readonly keepSpeed?: boolean
  readonly logger: Logger
  readonly signal?: AbortSignal | undefined
}

/** How long a run takes in one way. */
export interface WayEstimate {
  /** `process`: ONNX Runtime here. `gpus`: a server that is started. `server`: one that runs. */
  readonly kind: Way['kind']
  readonly precision: Way['precision']
  readonly fused: boolean
  readonly devices: readonly { readonly name: string; readonly count: number }[]
  readonly servers: readonly string[]
  readonly threads: number | undefined
  /** Undefined where nothing is known of the speed. */
  readonly seconds: number | undefined
  /** What it may be at the shortest and at the longest. */
  readonly range: readonly [least: number, most: number] | undefined
  readonly parts: RunTime | undefined
  readonly speedFrom: SpeedSource | undefined
  readonly batches: Readonly<Record<ModelName, Pick<Packed, 'batches' | 'paddedTokens'>>>
}

/** What a run over an input will take on this machine. */
export interface Estimate {
  readonly input: Pick<MeasuredInput, 'bytes' | 'basis' | 'share' | 'uncertainty'>
  readonly figures: Figures
  readonly models: Readonly<Record<ModelName, Sequences>>
  /** Those that are set up: servers that run, GPUs, this process. */
  readonly ways: readonly WayEstimate[]
  /** GPUs of this machine for which nothing is set up. */
  readonly idleGpus: number
  readonly disk: DiskUse
}

/** Inputs of up to so much text are counted whole, which takes some seconds. */
const WHOLE_BYTES = 64 << 20
const SAMPLE_BYTES = 32 << 20

/** How far off a time may be, by where the speed comes from; what other work the machine has is not foreseen. */
const SPEED_UNCERTAINTY: Readonly<Record<SpeedSource, number>> = {
  runs: 0.1,
  tuning: 0.15,
  probe: 0.2,
  layers: 0.2,
  product: 0.5,
}

/**
 * Counts the work in the inputs of a run and works out how long the run would take, and what disk, in each way in which this
 * machine can compute it.
 *
 * @throws FastaError for inputs that cannot be read; NoServerError and UsageError for servers that are named and cannot be used
 */
export async function estimate(options: PredictOptions, context: EstimateOptions): Promise<Estimate> {
  const { bundle, signal } = context
  const speeds = await readSpeeds()
  const ways = await waysOf(speeds, options, context)
  // What is counted does not depend on who computes it.
  const counted = ways.length > 0 ? ways : [inProcess(speeds, { bundle })]
  const input = await measureInput({
    inputs: context.samples?.flat() ?? options.inputs,
    samples: context.samples,
    bundle,
    tokenizers: await readTokenizers(bundle),
    expectedLength: options.expectedLength,
    sequencesPerFile: options.sequencesPerFile,
    layout: options.layout,
    minLength: options.minLength,
    maxAmbiguous: options.maxAmbiguous,
    packings: counted.map(({ packings }) => packings),
    onInvalid: options.onInvalid,
    duplicateIds: options.duplicateIds,
    allowEmpty: options.allowEmpty,
    wholeBytes: WHOLE_BYTES,
    sampleBytes: SAMPLE_BYTES,
    signal,
  })
  const { counts } = input
  const found: WayEstimate[] = []
  for (const [i, way] of ways.entries()) {
    const packed = counts.packed[i]!
    const known = counts.figures.frames > 0 ? await measured(way, packed, context) : way
    found.push(estimateOf(known, input, packed, bundle))
  }
  const { bytes, basis, share, uncertainty } = input
  return {
    input: { bytes, basis, share, uncertainty },
    figures: counts.figures,
    models: counts.models,
    ways: found,
    idleGpus: ways.some(({ kind }) => kind !== 'process') ? 0 : (await listGpus(signal)).length,
    disk: diskUse(counts.figures, { ...options, manifest: bundle.manifest }),
  }
}

/** The way with a speed of this process, measured now where it is not known. */
async function measured(way: Way, packed: Record<ModelName, Packed>, context: EstimateOptions): Promise<Way> {
  const [device] = way.devices
  if (way.kind !== 'process' || device === undefined) return way
  if (device.speed !== undefined && context.measure !== true) return way
  const { bundle, logger, signal } = context
  logger.info('running some batches to see how fast this machine is')
  const speed = await probedSpeed(bundle, device.key, {
    shapes: shapesOf(way.packings, packed),
    keep: context.keepSpeed ?? true,
    signal,
  })
  return { ...way, devices: [{ ...device, speed }] }
}

function estimateOf(
  way: Way,
  { counts, share, seconds: countingSeconds, uncertainty }: MeasuredInput,
  packed: Record<ModelName, Packed>,
  { manifest }: Bundle,
): WayEstimate {
  const work = { manifest, figures: counts.figures, packed, preparing: countingSeconds / share }
  const parts = runTime(way, work)
  const seconds = parts && allSeconds(parts)
  const sources = way.devices.flatMap(({ speed }) => speed?.source ?? [])
  const speedFrom = sources.toSorted((a, b) => SPEED_UNCERTAINTY[b] - SPEED_UNCERTAINTY[a])[0]
  const off = Math.hypot(uncertainty, speedFrom === undefined ? 0 : SPEED_UNCERTAINTY[speedFrom])
  return {
    kind: way.kind,
    precision: way.precision,
    fused: way.fused,
    devices: way.devices.map(({ name, count }) => ({ name, count })),
    servers: way.servers ?? [],
    threads: way.devices[0]?.key.threads,
    seconds,
    range: seconds === undefined ? undefined : [seconds * Math.max(0.1, 1 - off), seconds * (1 + off)],
    parts,
    speedFrom: seconds === undefined ? undefined : speedFrom,
    batches: forModels((model) => {
      const { batches, paddedTokens } = packed[model]
      return { batches, paddedTokens }
    }),
  }
}

/** What `predict` could do with these options. */
async function waysOf(
  speeds: readonly Speed[],
  options: PredictOptions,
  { bundle, logger, signal }: EstimateOptions,
): Promise<Way[]> {
  const { backend, triton, tritonAccess, trustServer, threads, gpus, recheck } = options
  const tokenBudgets = { esm2: options.esmTokenBudget, dnabert_s: options.dnabertTokenBudget }
  const request = { bundle, threads, gpus, recheck, tokenBudgets, signal }
  if (backend === 'onnx') return computesOnCpu(bundle.manifest.precision) ? [inProcess(speeds, request)] : []
  const ways = await findWays(speeds, request)
  const server = await serverWay(speeds, ways, {
    ...request,
    endpoints: triton,
    access: tritonAccess,
    trustServer,
    logger,
  }).catch((error) => {
    // Nobody has named them: a run would do without.
    if (triton.length > 0 || !(error instanceof VirnucproError)) throw error
    return undefined
  })
  if (triton.length > 0 && server !== undefined) return [server]
  return [server ?? [], ways].flat().filter(({ kind }) => backend !== 'triton' || kind !== 'process')
}
