import { speedHere } from '../estimate/index.ts'
import { type MonitorOptions, RunMonitor } from '../monitor/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import type { Computing } from './computing.ts'

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
