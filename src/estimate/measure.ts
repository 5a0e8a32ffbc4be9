import { type Bundle, forModels, type Manifest } from '../bundle/index.ts'
import { CPU_TOKEN_BUDGET } from '../settings/index.ts'
import { threadsToStart } from '../system/cores.ts'
import { VirnucproError } from '../system/errors.ts'
import { type Probed, type ProbeOptions, probeModels } from './probe.ts'
import {
  knownSpeed,
  modelsOf,
  processorName,
  readSpeeds,
  rememberSpeed,
  type SpeedOf,
  type TokensPerSecond,
} from './speeds.ts'
import type { DeviceSpeed } from './ways.ts'

/** Tokens of a frame of 500 bases. */
const LENGTHS = { esm2: 168, dnabert_s: 110 } as const

/**
 * Runs some batches of a bundle in this process and keeps how fast that was, so that later estimates need not. Takes some
 * seconds; large models are not loaded whole.
 *
 * @returns padded tokens per second of each model
 * @throws BundleError InferenceError WriteError
 */
export async function measureSpeed(
  bundle: Bundle,
  { threads, seconds, signal }: Partial<Pick<ProbeOptions, 'threads' | 'seconds' | 'signal'>> = {},
): Promise<TokensPerSecond> {
  const key = keyOf(bundle.manifest, threads)
  const shapes = forModels((model) => {
    const length = LENGTHS[model]
    return { length, rows: Math.floor(CPU_TOKEN_BUDGET / length) }
  })
  const probed = await probeModels(bundle, { shapes, threads: key.threads, seconds, signal })
  await keep(key, probed)
  return probed.tokensPerSecond
}

/** Whether the speed of a bundle in this process, with all cores, is known from a run or a measurement. */
export async function isSpeedKnown({ manifest }: Bundle): Promise<boolean> {
  return knownSpeed(await readSpeeds(), keyOf(manifest, undefined)) !== undefined
}

function keyOf(manifest: Manifest, threads: number | undefined): SpeedOf & { readonly threads: number } {
  return { models: modelsOf(manifest), device: processorName(), threads: threadsToStart(threads) }
}

/** The same with other batches, for an estimate. */
export async function probedSpeed(
  bundle: Bundle,
  key: SpeedOf,
  { keep: isKept, ...options }: Omit<ProbeOptions, 'threads'> & { readonly keep: boolean },
): Promise<DeviceSpeed> {
  const probed = await probeModels(bundle, { ...options, threads: key.threads })
  // Without it the next estimate measures again.
  if (isKept) await keep(key, probed).catch(unlessOurs)
  return { at: (model) => probed.tokensPerSecond[model], source: probed.extrapolated ? 'layers' : 'probe' }
}

function unlessOurs(error: unknown): void {
  if (!(error instanceof VirnucproError)) throw error
}

async function keep(key: SpeedOf, { tokensPerSecond, seconds }: Probed): Promise<void> {
  await rememberSpeed({
    ...key,
    source: 'probe',
    tokensPerSecond: forModels((model) => Number(tokensPerSecond[model].toPrecision(6))),
    seconds: Number(seconds.toPrecision(3)),
    at: new Date().toISOString(),
  })
}
