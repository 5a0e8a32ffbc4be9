import type { FailedPart } from '../checkpoint/index.ts'
import { type RunFacts, writeReport } from '../report/index.ts'
import { VirnucproError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'
import type { RunModels } from './models.ts'

/** A part that could not be computed, and which of its frames are missing. */
export interface FailedRows extends FailedPart {
  rows: ReadonlySet<number>
}

/** What a run knows at its end. */
export interface RunEnd
  extends Pick<
    RunFacts,
    'options' | 'paths' | 'stats' | 'inputs' | 'start' | 'continued' | 'recordsListed' | 'warnings'
  > {
  models: RunModels
  failed: readonly FailedRows[]
}

/**
 * Writes the report. The results of the run stand without it, so that one that cannot be written is a warning.
 */
export async function reportRun({ models, failed, ...end }: RunEnd, logger: Logger): Promise<void> {
  const servers = await models.backend.serverFacts()
  try {
    await writeReport({
      ...end,
      name: end.paths.stem,
      demonstration: models.stamp,
      models: { name: models.name, digest: models.digest, backend: models.backend.description },
      failures: failed.map(({ part, step, rows, reason }) => ({ part, step, frames: rows.size, reason })),
      servers: servers.map(({ address, program, models: { esm2, dnabert_s } }) => ({
        address,
        program: program ?? null,
        esm2: esm2 ?? null,
        dnabert_s: dnabert_s ?? null,
      })),
    })
    logger.info(`report: ${end.paths.page}`)
  } catch (error) {
    if (!(error instanceof VirnucproError)) throw error
    logger.warn(`the report is not complete: ${error.message}. The results are`)
  }
}
