import { version } from '../../package.json' with { type: 'json' }
import type { FailedPart, RunInput } from '../checkpoint/index.ts'
import type { WorkCounts } from '../dispatch/index.ts'
import type { OutputPaths } from '../layout/index.ts'
import { type RunFacts, writeReport } from '../report/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { VirnucproError } from '../system/errors.ts'
import type { Logger } from '../system/logger.ts'
import type { TableCounts } from '../tables/index.ts'
import type { RunModels } from './models.ts'
import type { PrepareCounts } from './prepare.ts'
import type { Tally } from './tally.ts'

/** A part that could not be computed, and which of its frames are missing. */
export interface FailedRows extends FailedPart {
  rows: ReadonlySet<number>
}

/** What a run knows at its end. */
export interface RunEnd {
  options: PredictOptions
  paths: OutputPaths
  models: RunModels
  inputs: readonly RunInput[]
  start: Date
  continued: boolean
  tally: Tally
  prepared: PrepareCounts
  tables: TableCounts
  skippedRecords: number
  /** Whether there is a list of records left out or unusual. */
  recordsListed: boolean
  framesDoneBefore: number
  parts: number
  failed: readonly FailedRows[]
  computed: WorkCounts
  adoptedSequences: number
  warnings: readonly string[]
}

/**
 * Writes the report. The results of the run stand without it, so that one that cannot be written is a warning.
 */
export async function reportRun(end: RunEnd, logger: Logger): Promise<void> {
  const { paths, tally, failed, options } = end
  for (const { part, rows } of failed) {
    for (const row of rows) tally.failed((part - 1) * options.sequencesPerFile + row)
  }
  try {
    await writeReport(await factsOf(end))
    logger.info(`report: ${paths.page}`)
  } catch (error) {
    if (!(error instanceof VirnucproError)) throw error
    logger.warn(`the report is not complete: ${error.message}. The results are`)
  }
}

async function factsOf(end: RunEnd): Promise<RunFacts> {
  const { models, tally, prepared, tables, failed } = end
  return {
    ...end,
    programVersion: version,
    name: end.paths.stem,
    demonstration: models.stamp,
    end: new Date(),
    settings: settingsOf(end.options),
    models: { name: models.name, digest: models.digest, backend: models.backend.description },
    inputs: end.inputs.map((input, i) => ({ ...input, ...(tally.inputs[i] as Tally['inputs'][number]) })),
    counts: {
      ...prepared,
      skippedRecords: end.skippedRecords,
      framesDoneBefore: end.framesDoneBefore,
      failedFrames: failed.reduce((sum, { rows }) => sum + rows.size, 0),
      scoredFrames: tables.frames,
      viralFrames: tables.viralFrames,
      calledChunks: tables.calledChunks,
      viralChunks: tables.viralChunks,
      parts: end.parts,
      failedParts: failed.length,
      adoptedSequences: end.adoptedSequences,
    },
    lengths: { records: tally.records.summary(), chunks: tally.chunks.summary() },
    failures: failed.map(({ part, step, rows, reason }) => ({ part, step, frames: rows.size, reason })),
    invalidRecords: end.recordsListed,
    warnings: [...end.warnings],
    servers: (await models.backend.serverFacts()).map(
      ({ address, program, models: { esm2, dnabert_s } }) => ({
        address,
        program: program ?? null,
        esm2: esm2 ?? null,
        dnabert_s: dnabert_s ?? null,
      }),
    ),
  }
}

/** A key or a header lets one into a server: of these only that they were given. */
function settingsOf({ inputs: _, tritonAccess, ...rest }: PredictOptions): Record<string, unknown> {
  const { ca, cert, key, header } = tritonAccess
  const given = (secret: string | undefined) => (secret === undefined ? undefined : 'given')
  return { ...rest, tritonCa: ca, tritonCert: cert, tritonKey: given(key), tritonHeader: given(header) }
}
