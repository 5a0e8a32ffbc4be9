import { version } from '../../package.json' with { type: 'json' }
import type { OutputPaths } from '../layout/index.ts'
import { RunMonitor } from '../monitor/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import type { Logger } from '../system/logger.ts'
import type { LiveTerminal } from '../system/terminal.ts'
import type { RunInputs } from './inputs.ts'
import type { RunModels } from './models.ts'
import type { PrepareCounts } from './prepare.ts'
import type { RecordReport } from './records.ts'

/** What the monitor of a run has to know of it. */
export interface Watched {
  options: PredictOptions
  paths: OutputPaths
  models: RunModels
  inputs: RunInputs
  counts: PrepareCounts
  records: RecordReport
  resumed: boolean
  terminal: LiveTerminal | undefined
  logger: Logger
}

/** The monitor of a run, not yet started. */
export function monitorOf(watched: Watched): RunMonitor {
  const { options, paths, models, resumed, terminal, logger } = watched
  const { backend } = models
  return new RunMonitor({
    program: version,
    backend: backend.description,
    lanes: () => backend.activity(),
    servers: backend.servers,
    inputShare: () => shareRead(watched),
    resumed,
    intervalSeconds: options.metricsInterval,
    folder: options.metrics ? paths.report : undefined,
    port: options.metricsPort,
    terminal,
    progress: options.progress && !options.quiet,
    logger,
  })
}

/**
 * Share of the input that has become frames: the share of bytes that have been read, less the records that have been
 * read and not cut into chunks yet. Undefined while there is a stream of which nobody knows how long it is.
 */
function shareRead({ inputs, counts, records, options }: Watched): number | undefined {
  let size = 0
  for (const { bytes } of inputs.described) {
    if (bytes === null) return undefined
    size += bytes
  }
  const { bytes, bases } = records.read
  if (size === 0 || bases === 0) return undefined
  // A record counts as a whole once its first chunk is cut; chunks tell how far in a long one that is.
  const cut = Math.min(counts.bases, counts.chunks * options.expectedLength)
  return Math.min(1, (bytes / size) * (cut / bases))
}
