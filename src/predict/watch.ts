import { speedHere } from '../estimate/index.ts'
import { type MonitorOptions, RunMonitor } from '../monitor/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import type { Logger } from '../system/logger.ts'
import { WriteError } from '../system/system-error.ts'
import type { Computing } from './computing.ts'

/**
 * Begins the file that the monitor adds lines to: it has to be a recorded one first. Where that fails there are no metrics, with a
 * warning, for no result hangs on them.
 */
export async function beginMetrics(path: string, logger: Logger): Promise<void> {
  await writeAtomically(path, '').catch((error) => {
    if (!(error instanceof WriteError)) throw error
    logger.warn(`no metrics are written: ${error.message}`)
  })
}

interface Watched
  extends Pick<
    MonitorOptions,
    'stats' | 'samples' | 'inputShare' | 'resumed' | 'folder' | 'terminal' | 'onProgress' | 'logger'
  > {
  options: PredictOptions
}

/** The monitor of what computes, as the options ask for it. */
export async function watch({ models }: Computing, { options, ...watched }: Watched): Promise<RunMonitor> {
  const { metrics, metricsInterval, metricsPort, progress, quiet, threads } = options
  return new RunMonitor({
    ...watched,
    get backend() {
      return models.backend.description
    },
    lanes: () => models.backend.activity(),
    get servers() {
      return models.backend.servers
    },
    expectedSpeed: models.way.kind === 'here' ? await speedHere(models.manifest, threads) : undefined,
    intervalSeconds: metricsInterval,
    folder: metrics ? watched.folder : undefined,
    port: metricsPort,
    progress: progress && !quiet,
  })
}
