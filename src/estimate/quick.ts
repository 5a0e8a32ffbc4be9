import { type Bundle, type ModelName, precisionFacts, readTokenizers } from '../bundle/index.ts'
import { inspectInputs } from '../fasta/index.ts'
import type { RecordFilter } from '../sequence/index.ts'
import { VirnucproError } from '../system/errors.ts'
import { type Packed, shapesOf } from './count.ts'
import { measureInput } from './input.ts'
import { operationsPerToken } from './model-cost.ts'
import { type ProbeOptions, probeModels, probeProcessor } from './probe.ts'
import { readSpeeds } from './speeds.ts'
import { allSeconds, runTime } from './time.ts'
import { type DeviceSpeed, findWays, type Way } from './ways.ts'

export interface QuickOptions extends RecordFilter {
  /** Length of chunks, in bases. */
  readonly expectedLength: number
  readonly bundle: Bundle
  readonly threads?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** About how long a run would take. What is not known is left out. */
export interface QuickEstimate {
  /** In this process. */
  readonly cpuSeconds?: number
  /** On all GPUs, as far as they are set up. */
  readonly gpuSeconds?: number
}

/** What is read of an input: some tenths of a second's work. */
const TEXT_BYTES = 4 << 20

/**
 * About how long a run over an input would take on this machine, found within a second or so from a look at the input and
 * from what earlier runs have measured; else from one product of matrices.
 *
 * @returns undefined for no input, for streams, which can be read only once, and for inputs that cannot be read
 */
export async function quickEstimate(
  inputs: readonly string[],
  { expectedLength, minLength, maxAmbiguous, bundle, threads, signal }: QuickOptions,
): Promise<QuickEstimate | undefined> {
  if (inputs.length === 0) return undefined
  try {
    if ((await inspectInputs(inputs)).some(({ kind }) => kind === 'stream')) return undefined
    const ways = await findWays(await readSpeeds(), { bundle, threads, signal })
    const tokenizers = await readTokenizers(bundle)
    const { counts, share, seconds } = await measureInput({
      bundle,
      tokenizers,
      expectedLength,
      minLength,
      maxAmbiguous,
      inputs,
      sequencesPerFile: 10_000,
      layout: 'vanilla',
      packings: ways.map(({ packings }) => packings),
      wholeBytes: TEXT_BYTES,
      sampleBytes: TEXT_BYTES,
      signal,
    })
    const { figures } = counts
    const { manifest } = bundle
    const found: { cpuSeconds?: number; gpuSeconds?: number } = {}
    for (const [i, way] of ways.entries()) {
      const key = way.kind === 'process' ? 'cpuSeconds' : 'gpuSeconds'
      if (found[key] !== undefined) continue
      const packed = counts.packed[i]!
      const known = way.kind === 'process' ? await withSpeed(way, packed, { bundle, threads, signal }) : way
      const time = runTime(known, { manifest, figures, packed, preparing: seconds / share })
      if (time !== undefined) found[key] = allSeconds(time)
    }
    return found
  } catch (error) {
    signal?.throwIfAborted()
    // The run itself says what is wrong.
    if (error instanceof VirnucproError) return undefined
    throw error
  }
}

/** Models of this size are loaded and run in less time than one product of the large ones takes. */
const SMALL_BYTES = 32 << 20
const SMALL_SECONDS = 0.2

async function withSpeed(
  way: Way,
  packed: Record<ModelName, Packed>,
  { bundle, threads, signal }: Pick<QuickOptions, 'bundle' | 'threads' | 'signal'>,
): Promise<Way> {
  const [device] = way.devices
  if (device === undefined || device.speed !== undefined) return way
  const speed =
    way.weightBytes <= SMALL_BYTES
      ? await probed(bundle, {
          threads,
          signal,
          shapes: shapesOf(way.packings, packed),
          seconds: SMALL_SECONDS,
        })
      : await bySize(bundle, threads)
  return { ...way, devices: [{ ...device, speed }] }
}

async function probed(bundle: Bundle, options: ProbeOptions): Promise<DeviceSpeed> {
  const { tokensPerSecond } = await probeModels(bundle, options)
  return { at: (model) => tokensPerSecond[model], source: 'probe' }
}

async function bySize(bundle: Bundle, threads: number | undefined): Promise<DeviceSpeed> {
  const { models, precision } = bundle.manifest
  // The partner is in FP32, and so is what was timed.
  const gain = precisionFacts(precision).partnerTime ?? 1
  const operations = gain * (await probeProcessor(models.esm2.width, threads))
  return {
    at: (model, length) => operations / operationsPerToken(model, models[model], length),
    source: 'product',
  }
}
