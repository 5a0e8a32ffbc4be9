import type { AdoptedVectors } from '../checkpoint/index.ts'
import { Dispatcher } from '../dispatch/index.ts'
import { BroadRun, readLegacyVectors } from '../legacy/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { WriteError } from '../system/system-error.ts'
import { count } from '../text/numbers.ts'
import { classify } from './classify.ts'
import type { IncompletePart, Run } from './context.ts'
import { embed } from './embed.ts'
import { finish } from './finish.ts'
import { PreparedFiles } from './intermediates.ts'
import { describeWork } from './models.ts'
import { prepare } from './prepare.ts'
import { overlapped, windowsOf, windowsUnderWay } from './windows.ts'

/** Computes what is left of a run, and writes its results: prepare, embed, classify, finish. */
export async function execute(run: Run): Promise<void> {
  const { monitor, signal } = run
  await using _list = run.failures
  await beginMetrics(run)
  monitor.start()
  try {
    await begin(run)
    const broad = await beginBroad(run)
    await finish(run, await compute(run, broad), broad)
  } catch (error) {
    await monitor.end(signal.aborted ? 'stopped' : 'error')
    throw error
  }
}

/** The monitor adds lines to a file, which has to be a recorded one first. */
async function beginMetrics({ options, paths, folder, record }: Run): Promise<void> {
  if (!options.metrics || (folder.status === 'resumed' && record.owns(paths.metrics))) return
  // The monitor meets the same error, and says it: the results of a run do not hang on its metrics.
  await writeAtomically(paths.metrics, '').catch((error) => {
    if (!(error instanceof WriteError)) throw error
  })
}

async function begin(run: Run): Promise<void> {
  const { folder, options, paths, logger } = run
  if (folder.status === 'resumed') logger.info(`continuing the unfinished run in ${paths.root}`)
  else if (folder.status === 'adopting') await adoptOldRun(run)
  else if (options.resume && !options.force)
    logger.info(`nothing to continue in ${paths.root}: this run starts from the beginning`)
}

/** Takes over the embeddings that a run of the original or of Broad's fork left in the output folder. */
async function adoptOldRun({ folder, paths, models, logger, signal }: Run): Promise<void> {
  const vectors = readLegacyVectors(paths.root, paths.stem, paths.layout, {
    widths: models.widths,
    signal,
    onFile({ path, problem, warnings }) {
      if (problem !== undefined) logger.warn(`not used: ${path} ${problem}`)
      for (const warning of warnings) logger.warn(`${path} ${warning}`)
    },
  })
  const { taken, unknown } = await folder.adopt(vectors)
  if (unknown > 0) {
    logger.warn(
      `not used: ${count(unknown, 'embedding')} of an old run without the part FASTA (output_N.fa) that says what was embedded`,
    )
  }
  logger.info(
    `${count(taken, 'embedding')} of an old run in ${paths.root} will be used for the sequences they were made of; ` +
      'it is up to you that the same models made them',
    { code: 'already-computed', data: {} },
  )
}

/** The state that Broad's fork knows; one that it wrote itself is left as it is. */
async function beginBroad({ folder, options, paths }: Run): Promise<BroadRun | undefined> {
  if (folder.adopted) return undefined
  const { expectedLength, mlp, mlpBatchSize } = options
  const modelPath = mlp ?? `${expectedLength === 300 ? 300 : 500}_model.pth`
  return await BroadRun.begin(paths, { expectedLength, modelPath, batchSize: mlpBatchSize })
}

/** Everything up to the tables. @returns the parts that failed */
async function compute(run: Run, broad: BroadRun | undefined): Promise<IncompletePart[]> {
  const { folder, inputs, options, paths, signal } = run
  await using adopted = await folder.adoptedVectors()
  await using files = options.keepIntermediate ? await PreparedFiles.create(paths) : undefined
  await using records = run.records
  try {
    const failed = await computeWindows(run, files, adopted)
    // Before anything is called a result.
    await inputs.check(signal)
    await files?.commit()
    await records.finish()
    return failed
  } catch (error) {
    await broad?.fail(error)
    if (!signal.aborted) await inputs.blameChange(error)
    throw error
  }
}

async function computeWindows(
  run: Run,
  files: PreparedFiles | undefined,
  adopted: AdoptedVectors | undefined,
): Promise<IncompletePart[]> {
  const { models, monitor, stats, logger, signal } = run
  const { backend } = models
  let computing: Promise<Dispatcher> | undefined
  const dispatcher = () => {
    computing ??= backend.ready().then(() => new Dispatcher({ backend, monitor, logger, signal }))
    return computing
  }
  // Those of windows that are not over stay for the next run.
  await using journals = new AsyncDisposableStack()
  const windows = overlapped(
    windowsOf(prepare(run, files)),
    () => windowsUnderWay(backend.concurrency),
    (window) => embed(run, { dispatcher, adopted, journals }, window),
  )
  const failed: IncompletePart[] = []
  for await (const { parts, journal } of windows) {
    const failures = await classify(run, parts)
    failed.push(...failures)
    if (failures.length === 0) await journal?.remove()
    else await journal?.[Symbol.asyncDispose]()
  }
  const { adoptedSequences, frames } = stats.counts
  if (frames > 0) logger.info(describeWork(stats.models))
  if (adopted !== undefined)
    logger.info(`${count(adoptedSequences, 'sequence')} had an embedding of the old run`)
  return failed
}
