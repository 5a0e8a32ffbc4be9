import { basename } from 'node:path'
import { forModels } from '../bundle/index.ts'
import { type RunPrecisions, writeFailedFiles, writePrecisions } from '../checkpoint/index.ts'
import { FILES, recognizer, resultFiles } from '../layout/index.ts'
import type { BroadRun } from '../legacy/index.ts'
import { type RowCounts, writeReport } from '../report/index.ts'
import { Results } from '../results/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { VirnucproError } from '../system/errors.ts'
import { writeTables } from '../tables/index.ts'
import { count } from '../text/numbers.ts'
import type { IncompletePart, Run } from './context.ts'
import { decisionsText, derivedOf, resultsOptions } from './derived.ts'
import { finalScores, type Rechecked, reportRecheck } from './recheck/index.ts'
import { resultCounts, warnOfEmptyTables } from './result.ts'
import { keepSpeed } from './speed.ts'

/** What became of the parts of a run. */
interface ComputedRun {
  failed: readonly IncompletePart[]
  rechecked: Rechecked | undefined
}

/** Writes the tables and the report, then closes the state, unless parts are left for the next run. */
export async function finish(
  run: Run,
  { failed, rechecked }: ComputedRun,
  broad: BroadRun | undefined,
): Promise<void> {
  const { stats, monitor, logger, paths, options } = run
  await run.lock.check()
  const rows = await writeResults(run, failed, rechecked)
  if (run.isAlone) await monitor.end(failed.length > 0 ? 'failed-parts' : 'finished')
  // Before the report, which holds every warning.
  const { parts, failedFrames } = stats.counts
  const again = run.inputs.sameBytes
  warnOfEmptyTables(resultCounts(stats.counts), logger)
  if (failed.length > 0) {
    // An error, so that it is seen whatever else is not.
    logger.error(
      `${failed.length} of ${count(parts, 'part')} failed, ${count(failedFrames, 'frame')} missing from the tables: ` +
        `${paths.failedFrames} lists them with the reasons. The same command${again} computes only these`,
      { code: 'frames-missing', data: {} },
    )
  }
  // Before the state is closed: a run that is killed meanwhile is continued, and makes its report then.
  if (rechecked !== undefined) reportRecheck(rechecked.audit, stats.counts.scoredFrames, logger)
  if (options.report) await report(run, { failed, rechecked }, rows)
  if (failed.length > 0) return
  if (run.isAlone) await keepSpeed(run)
  await removeIntermediates(run)
  if (rechecked !== undefined) await writePrecisions(paths.state, precisionsOf(run, rechecked))
  await run.folder.finish(resultCounts(stats.counts), resultFiles(paths), derivedOf(run))
  await broad?.complete(parts)
}

/** @returns how many rows each file has */
async function writeResults(
  run: Run,
  failed: readonly IncompletePart[],
  rechecked: Rechecked | undefined,
): Promise<RowCounts> {
  const { folder, models, monitor, paths, record, signal, stats, structure } = run
  const numbers = new Set(failed.map(({ part }) => part))
  const { stamp } = models
  const { rows, ...tables } = await monitor.during('tables', async () => {
    const precisions = rechecked && precisionsOf(run, rechecked)
    await using results = await Results.begin(paths, structure, resultsOptions(run, stamp, precisions))
    const read = rechecked && ((number: number) => finalScores(run, number, rechecked.exact))
    const scores = folder.scores(stats.counts.parts, numbers, signal, read)
    const counts = await writeTables(paths, results.through(scores), {
      stamp,
      spillPath: folder.files.sorted,
    })
    await results.commit()
    Object.assign(run.calls, results.counts)
    return { ...counts, rows: results.rows }
  })
  if (stamp !== undefined)
    await writeAtomically(paths.demonstration, `${basename(paths.mergedFolder)}: ${stamp}\n`)
  await run.failures.finish()
  await record.share(paths.failed)
  await writeFailedFiles(paths, failed)
  const { frames: scoredFrames, ...calls } = tables
  Object.assign(stats.counts, { ...calls, scoredFrames, failedParts: failed.length })
  return { ...rows, predictions: scoredFrames, consensus: tables.calledChunks }
}

/** The results of the run stand without the report, so that one that cannot be written is a warning. */
async function report(run: Run, { failed, rechecked }: ComputedRun, rows: RowCounts): Promise<void> {
  const { options, paths, models, stats, inputs, started, startedMs, folder, records, logger } = run
  const servers = await models.backend.serverFacts()
  try {
    await writeReport({
      options,
      paths,
      rows,
      stats,
      inputs: inputs.described,
      start: started,
      seconds: (performance.now() - startedMs) / 1000,
      continued: folder.status === 'resumed',
      recordsListed: records.isListed,
      warnings: logger.warnings,
      demonstration: models.stamp,
      models: {
        name: models.name,
        digest: models.digest,
        classifier: models.classifierFacts,
        backend: models.backend.description,
        why: models.why,
      },
      recheck: rechecked?.audit,
      failures: failed.map(({ part, step, frames, reason }) => ({ part, step, frames, reason })),
      servers: servers.map(({ address, program, models: hosted }) => ({
        address,
        program: program ?? null,
        ...forModels((model) => hosted[model] ?? null),
      })),
    })
    logger.info(`report: ${paths.page}`)
  } catch (error) {
    if (!(error instanceof VirnucproError)) throw error
    logger.warn(`the report is not complete: ${error.message}. The results are`)
  }
}

/** An earlier start may have had other settings or a longer input. What another program left is not recorded, and stays. */
async function removeIntermediates({ options, paths, record, stats }: Run): Promise<void> {
  const recognize = recognizer(paths)
  await record.remove((path) => {
    const found = recognize(path)
    if (found === undefined || FILES[found.file].role !== 'intermediate') return false
    return !options.keepIntermediate || (found.part ?? 0) > stats.counts.parts
  })
}

function precisionsOf({ options }: Run, { audit, exact }: Rechecked): RunPrecisions {
  const { quantized, partner } = audit
  return { quantized, rechecked: partner, rule: decisionsText(options), frames: exact.bytes }
}
