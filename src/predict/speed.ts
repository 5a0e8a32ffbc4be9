import {
  modelsOf,
  processorName,
  programSeconds,
  rememberRun,
  type SpeedOf,
  servedKey,
  serverNames,
  tellsSpeed,
} from '../estimate/index.ts'
import { gpuKinds, listGpus } from '../machine/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { threadsToStart } from '../system/cores.ts'
import { VirnucproError } from '../system/errors.ts'
import type { Session } from './context.ts'

type Measured = Pick<Session, 'models' | 'monitor' | 'stats' | 'logger'> & { options: PredictOptions }

/** Keeps how fast the run was, for estimates of later ones. Nothing hangs on it. */
export async function keepSpeed(run: Measured): Promise<void> {
  const { models, monitor, stats, logger } = run
  const seconds = monitor.computingSeconds
  if (!tellsSpeed(seconds)) return
  try {
    const found = await devicesOf(run)
    if (found === undefined) return
    await rememberRun({
      ...found,
      manifest: models.manifest,
      models: stats.models,
      seconds,
      programSeconds: programSeconds(models.manifest, stats.frames.done - stats.counts.framesDoneBefore),
    })
  } catch (error) {
    if (!(error instanceof VirnucproError)) throw error
    logger.debug(`the speed of this run is not kept: ${error.message}`)
  }
}

/** What computed; undefined where that were devices of several kinds, or nobody knows. */
async function devicesOf({
  models: { way, manifest, backend },
  options,
}: Measured): Promise<{ of: SpeedOf; devices: number } | undefined> {
  if (way.kind === 'here') {
    const threads = threadsToStart(options.threads)
    return { of: { models: modelsOf(manifest), device: processorName(), threads }, devices: 1 }
  }
  const facts = await backend.serverFacts()
  const models = servedKey(facts)
  if (way.kind === 'running') return { of: { models, device: serverNames(facts) }, devices: 1 }
  const used = way.launch.gpus?.flatMap((uuids) => uuids.split(','))
  const gpus = (await listGpus()).filter(({ uuid }) => used?.includes(uuid) ?? true)
  const [kind, ...others] = gpuKinds(gpus)
  if (kind === undefined || others.length > 0) return undefined
  return { of: { models, device: kind.name }, devices: kind.gpus.length }
}
