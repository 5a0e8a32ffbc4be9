import {
  type BoundsRecord,
  type Bundle,
  boundsIn,
  classifiersOf,
  computesOnCpu,
  openBundle,
  pairOf,
  type RecheckPair,
  readBounds,
  unmeasuredClassifiers,
  writeBounds,
} from '../bundle/index.ts'
import {
  contractsOf,
  type EmbeddingBackend,
  OnnxRuntimeBackend,
  partnersOf,
  requireCpuPrecision,
  TritonBackend,
  type TritonOptions,
} from '../dispatch/index.ts'
import { lease } from '../home/index.ts'
import { limitedThreads } from '../system/cores.ts'
import { UsageError } from '../system/errors.ts'
import { FileLock } from '../system/file-lock.ts'
import type { Logger } from '../system/logger.ts'
import { orClose } from '../system/or-close.ts'
import { BOUND_FRAMES, measureBounds } from './measure-bounds.ts'

/** Where both models of a pair are computed. */
export type PairOptions = Pick<MeasureBundleOptions, 'triton' | 'threads' | 'logger' | 'signal'>

export interface MeasureBundleOptions {
  /** Folder of a bundle with a quantized model and its partner. */
  readonly bundle: string
  /** A bundle whose classifiers count, made of the same models. @default the same */
  readonly classifiersOf?: Bundle | undefined
  /** Servers that host both; without any, this process computes. */
  readonly triton?: Pick<TritonOptions, 'endpoints' | 'access' | 'serverTimeout'> | undefined
  /** To measure with. What was measured with fewer is measured again. @default see {@link BOUND_FRAMES} */
  readonly frames?: number | undefined
  /** FASTA file of nucleotides like those of later runs, whose frames come first. */
  readonly input?: string | undefined
  readonly seed?: number | undefined
  readonly threads?: number | undefined
  /** Measure what was measured before, too, with however many frames. @default false */
  readonly force?: boolean
  readonly logger: Logger
  readonly signal?: AbortSignal | undefined
}

/**
 * Measures how far the quantized model of a bundle is from its partner, with each classifier of which that is not known from as
 * many frames, and keeps it beside the manifest.
 *
 * @returns what is known of all classifiers now, and of how many it was measured
 * @throws UsageError where there is no partner, or nothing here computes it; those of `measureBounds`, the backend and `writeBounds`
 */
export async function measureBundle(
  options: MeasureBundleOptions,
): Promise<{ records: BoundsRecord[]; measured: number }> {
  const { logger, signal, triton, force = false } = options
  await using opened = new AsyncDisposableStack()
  opened.use(await lease(options.bundle))
  const bundle = await openBundle(options.bundle, signal)
  const pair = pairOf(bundle.manifest)
  if (pair === undefined)
    throw new UsageError(
      `the bundle ${bundle.folder} has no partner of a quantized model: nothing is rechecked`,
      { detail: { code: 'no-partner', data: {} } },
    )
  const source = options.classifiersOf ?? bundle
  const all = classifiersOf(source.manifest)
  const wanted = force ? all : await unmeasuredClassifiers(bundle, source, options.frames)
  const known = async () => {
    const records = boundsIn(await readBounds(bundle), pair.digests)
    return records.filter(({ classifier }) => all.some(({ graph }) => graph.sha256 === classifier))
  }
  if (wanted.length === 0) return { records: await known(), measured: 0 }
  const backend = opened.use(await openPair(bundle, pair, options))
  const found = await measureBounds({
    backend,
    bundle: source,
    classifiers: wanted,
    frames:
      options.frames ?? BOUND_FRAMES[triton === undefined || computesOnCpu(pair.quantized) ? 'cpu' : 'gpu'],
    input: options.input,
    ...(options.seed !== undefined && { seed: options.seed }),
    logger,
    signal,
  })
  await using _ = await FileLock.wait(`${bundle.folder}.lock`, {
    signal,
    onWait: (owner) => logger.info(`waiting for ${owner}, which changes the same bundle`),
  })
  await writeBounds(bundle, found)
  return { records: await known(), measured: found.length }
}

/** Opens what computes both models of a pair. @throws UsageError where nothing does */
export async function openPair(
  bundle: Bundle,
  pair: RecheckPair,
  options: PairOptions,
): Promise<EmbeddingBackend> {
  const backend = await openBackend(bundle, options)
  return await orClose({ close: () => backend[Symbol.asyncDispose]() }, async () => {
    requirePair(backend, pair)
    return backend
  })
}

async function openBackend(
  bundle: Bundle,
  { triton, threads, logger, signal }: PairOptions,
): Promise<EmbeddingBackend> {
  if (triton === undefined) {
    requireCpuPrecision(bundle)
    const limits = { threads: limitedThreads(threads, logger), logger }
    return await OnnxRuntimeBackend.openBundle(bundle, limits, signal)
  }
  const [models, partners] = [contractsOf(bundle), partnersOf(bundle)]
  return await TritonBackend.open({ ...triton, models, partners, logger, signal })
}

/** @throws UsageError where a backend computes something else than the models of the bundle */
function requirePair({ recheck, description }: EmbeddingBackend, { name, digests }: RecheckPair): void {
  if (recheck === undefined)
    throw new UsageError(`${description}: ${name} is not hosted there. Build the model repository again`)
  if (recheck.digests.quantized === digests.quantized && recheck.digests.partner === digests.partner) return
  throw new UsageError(`${description}: ${name} is another model there than in the bundle`)
}
