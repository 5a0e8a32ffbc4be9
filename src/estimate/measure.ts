import { type Bundle, forModels } from '../bundle/index.ts'
import { CPU_TOKEN_BUDGET } from '../settings/index.ts'
import { threadsToStart } from '../system/cores.ts'
import { VirnucproError } from '../system/errors.ts'
import { type Probed, type ProbeOptions, probeModels } from './probe.ts'
import { modelsOf, processorName, rememberSpeed, type SpeedOf, type TokensPerSecond } from './speeds.ts'
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
  {
    threads,
    signal,
  }: { readonly threads?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<TokensPerSecond> {
  const key = { models: modelsOf(bundle.manifest), device: processorName(), threads: threadsToStart(threads) }
  const shapes = forModels((model) => {
    const length = LENGTHS[model]
    return { length, rows: Math.floor(CPU_TOKEN_BUDGET / length) }
  })
  const probed = await probeModels(bundle, { shapes, threads: key.threads, signal })
  await keep(key, probed)
  return probed.tokensPerSecond
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
