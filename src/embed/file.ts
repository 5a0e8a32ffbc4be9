import type { ModelName } from '../bundle/index.ts'
import { FileRecord, RunFolder } from '../checkpoint/index.ts'
import type { SequenceAlphabet } from '../fasta/index.ts'
import { RunMonitor, RunStats } from '../monitor/index.ts'
import { filesInUse, openBackbones, RecordReport, RunInputs, withModels } from '../predict/index.ts'
import { AtomicFile } from '../system/atomic.ts'
import { limitedThreads } from '../system/cores.ts'
import { FileLock } from '../system/file-lock.ts'
import { keepFiles } from '../system/kept-files.ts'
import type { Logger } from '../system/logger.ts'
import { count } from '../text/numbers.ts'
import { modelsFor } from './choice.ts'
import { compute } from './compute.ts'
import { contentOf } from './content.ts'
import type { EmbedContext, EmbedFileOptions, EmbedFileResult, EmbedRun } from './context.ts'
import { describeRun, metadataOf, unitOptions } from './describe.ts'
import { formatOf, type Write } from './formats/index.ts'
import { only } from './models.ts'
import { type EmbedPaths, embedPaths, isMadeBy, refuseInUse, requireOwn } from './paths.ts'
import { recognizeAlphabet } from './recognize.ts'
import { KINDS } from './units.ts'

/**
 * Embeds files of sequences into one file. Memory does not grow with the input; every finished batch is safe on disk, and the same
 * call continues an interrupted run, whose file is the same to the byte.
 *
 * @throws VirnucproError with a message for the user; what has been computed is kept
 */
export async function embedFile(asked: EmbedFileOptions, context: EmbedContext): Promise<EmbedFileResult> {
  const { logger } = context
  const options = { ...asked, threads: limitedThreads(asked.threads, logger) }
  const format = formatOf(options.output)
  const names = modelsFor(options) ?? modelsFor({ ...options, alphabet: await recognized(options, context) })
  if (names === undefined) throw new Error('an alphabet always has its model')
  const paths = embedPaths(options.output)
  await refuseInUse(paths, [...filesInUse(options), ...(context.inUse ?? [])])
  await using lock = await FileLock.acquire(`${paths.state}.lock`, { words: LOCK_WORDS })
  const { root, state } = paths
  using record = await FileRecord.open({ root, state, covers: isMadeBy(paths), lock })
  using _kept = keepFiles(record)
  await requireOwn(paths, record)
  const isNew = record.isEmpty
  const open = (onLost: (error: unknown) => void, signal: AbortSignal) =>
    openBackbones(languageOptions(options, names), logger, onLost, signal)
  return await withModels(open, [lock.signal, context.signal], async (computing) => {
    const { signal } = computing
    const models = only(computing.models, names)
    const units = unitOptions(options, names, models.manifest)
    const inputs = await RunInputs.open(options.inputs, signal)
    const folder = await RunFolder.open({
      path: paths.state,
      results: [paths.output],
      manifest: describeRun(options, { names, units, models, inputs }),
      force: options.force,
      resume: false,
      legacy: false,
      digestStreams: () => inputs.digestStreams(signal),
      record,
      claim: async () => computing.start(),
    })
    if (folder.status === 'finished') return finishedBefore(folder, paths, logger)
    const run = newRun({ options, units, names, paths, models, inputs, folder, logger, signal }, context)
    return await execute(run, await format()).catch(async (error) => {
      if (isNew && models.backend.hasFailed) await record.undo()
      else if (signal.aborted)
        logger.info(
          `what has been computed is kept in ${paths.state}: the same command${inputs.sameBytes} continues from there`,
        )
      throw error
    })
  })
}

const LOCK_WORDS = { holder: 'run', does: 'is writing this file', instead: 'name another output' }

async function recognized(options: EmbedFileOptions, context: EmbedContext): Promise<SequenceAlphabet> {
  const alphabet = await recognizeAlphabet(options.inputs, context.signal)
  const name = alphabet === 'dna' ? 'DNA' : 'proteins'
  context.logger.info(`the first records of ${options.inputs[0]} are ${name}`)
  return alphabet
}

/**
 * Frames of any layout are those of the original. The estimate of the time in this process is that of `predict`: of frames and both
 * models.
 */
function languageOptions(options: EmbedFileOptions, names: readonly ModelName[]): EmbedFileOptions {
  const isAsInPredict = options.of === 'frames' && names.length === 2
  return { ...options, layout: 'vanilla', inputs: isAsInPredict ? options.inputs : [] }
}

function finishedBefore(folder: RunFolder, { output }: EmbedPaths, logger: Logger): EmbedFileResult {
  logger.info(`this run has finished before; its embeddings are in ${output}`, {
    code: 'already-computed',
    data: {},
  })
  return { sequences: folder.result?.sequences ?? 0, failed: 0, alreadyFinished: true, output }
}

function newRun(run: Omit<EmbedRun, 'stats' | 'monitor' | 'records'>, { terminal }: EmbedContext): EmbedRun {
  const { options, units, paths, models, inputs, folder, logger } = run
  const { backend } = models
  const stats = new RunStats(options.inputs, units.of === 'records' ? units.maxLength : units.chunkLength)
  const records = new RecordReport(paths.records, stats.counts, logger)
  const monitor = new RunMonitor({
    get backend() {
      return backend.description
    },
    stats,
    lanes: () => backend.activity(),
    get servers() {
      return backend.servers
    },
    inputShare: () => stats.share(records.read, inputs.bytes),
    resumed: folder.status === 'resumed',
    intervalSeconds: options.metricsInterval,
    folder: undefined,
    port: undefined,
    terminal,
    unit: units.of,
    names: run.names,
    progress: options.progress && !options.quiet,
    logger,
  })
  return { ...run, stats, records, monitor }
}

/** Computes what is left of a run, and writes its file. */
async function execute(run: EmbedRun, write: Write): Promise<EmbedFileResult> {
  const { folder, inputs, logger, monitor, paths, signal, stats } = run
  if (folder.status === 'resumed') logger.info(`continuing the unfinished run for ${paths.output}`)
  monitor.start()
  try {
    const failed = await compute(run)
    const content = await contentOf({
      folder,
      parts: stats.counts.parts,
      signal,
      models: run.names,
      widths: run.models.widths,
      columns: KINDS[run.units.of].columns,
      metadata: metadataOf(run),
    })
    await monitor.during('tables', async () => {
      await using file = await AtomicFile.create(paths.output)
      await write(file, content)
      await file.commit()
    })
    await monitor.end(failed > 0 ? 'failed-parts' : 'finished')
    const filtered = stats.counts.filteredRecords
    logger.info(
      `${count(stats.counts.records, 'record')}${filtered > 0 ? ` (${filtered} filtered)` : ''}; ${count(content.rows, 'sequence')} embedded: ${paths.output}`,
    )
    if (failed > 0)
      logger.error(
        `${count(failed, 'sequence')} could not be embedded: ${paths.failed} lists them with the reasons. ` +
          `The same command${inputs.sameBytes} computes only these`,
        { code: 'embeddings-missing', data: {} },
      )
    else await folder.finish({ sequences: content.rows }, [paths.output], { rule: '', files: [] })
    return { sequences: content.rows, failed, alreadyFinished: false, output: paths.output }
  } catch (error) {
    await monitor.end(signal.aborted ? 'stopped' : 'error')
    throw error
  }
}
