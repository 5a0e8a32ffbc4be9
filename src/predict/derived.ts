import type { DerivedFiles, FileRecord, RunFolder } from '../checkpoint/index.ts'
import { newReadStatistics, readSequences } from '../fasta/index.ts'
import { derivedFiles, type OutputPaths } from '../layout/index.ts'
import { InputStructure, Results, type ResultsOptions, ruleOf } from '../results/index.ts'
import { filteredBy, openChunks, silenceOf } from '../sequence/index.ts'
import { type PredictOptions, settings } from '../settings/index.ts'
import type { Logger } from '../system/logger.ts'
import { isThere } from '../system/same-file.ts'
import { readFrameScores } from '../tables/index.ts'
import type { RunInputs } from './inputs.ts'
import { LeftOut } from './left-out.ts'

/** Changes with the form of the files: those of an earlier version are made again. */
const FORMAT = 1

type Derived = { options: PredictOptions; paths: OutputPaths }

/** What is made from the tables of a run, and how, as its state keeps it. */
export function derivedOf({ options, paths }: Derived): DerivedFiles {
  return {
    rule: JSON.stringify({ format: FORMAT, ...ruleOf(options), ...tracksOf(options) }),
    files: derivedFiles(paths),
  }
}

export function resultsOptions(
  { options }: Pick<Derived, 'options'>,
  stamp: string | undefined,
): ResultsOptions {
  const { expectedLength, inputs } = options
  return {
    rule: ruleOf(options),
    ...tracksOf(options),
    chunkLength: expectedLength,
    hasFiles: inputs.length > 1,
    stamp,
  }
}

/** Callers of the library may know nothing of them. */
function tracksOf({ viralGap, minScore }: Partial<PredictOptions>) {
  return {
    viralGap: viralGap ?? settings.viralGap.default,
    minScore: minScore ?? settings.minScore.default,
  }
}

export interface FinishedRun extends Derived {
  folder: RunFolder
  record: FileRecord
  inputs: RunInputs
  stamp: string | undefined
  logger: Logger
  signal: AbortSignal
}

/**
 * Makes contigs and chunks of a finished run from its table of frames and its input, where they are missing or another rule is asked
 * for. Nothing is computed.
 *
 * @throws UsageError for one of the files that was changed since
 */
export async function remakeDerived(run: FinishedRun): Promise<void> {
  const { folder, logger, paths } = run
  const derived = derivedOf(run)
  if (await folder.hasDerived(derived)) return
  const obstacle = await obstacleTo(run, derived.files)
  if (obstacle !== undefined) {
    logger.warn(`no tables of contigs and chunks as asked for in ${paths.results}: ${obstacle}`)
    return
  }
  using structure = new InputStructure(await folder.makeWorkFolder())
  await readStructure(run, structure)
  await using results = await Results.begin(paths, structure, resultsOptions(run, run.stamp))
  for await (const frames of readFrameScores(paths.predictions, paths.layout)) {
    run.signal.throwIfAborted()
    const scores = new Float32Array(2 * frames.length)
    for (const [i, { others, viral }] of frames.entries()) scores.set([others, viral], 2 * i)
    await results.add({ ids: frames.map(({ id }) => id), scores })
  }
  await folder.forgetDerived()
  await results.commit()
  await folder.keepDerived(derived)
  logger.info(`contigs and chunks were made from the tables of the finished run: ${paths.results}`)
}

async function obstacleTo(
  { record, inputs }: FinishedRun,
  files: readonly string[],
): Promise<string | undefined> {
  if (record.isEmpty) return 'the run is of version 0.1.0, which kept no record of its files'
  if (inputs.hasStreams) return 'they are made from the input, and a pipe gives it only once'
  for (const path of files)
    if ((await isThere(path)) && !record.owns(path)) return `${path} is not of this run; move it away`
  return undefined
}

/** Reads the input as the run has read it. */
async function readStructure(run: FinishedRun, structure: InputStructure): Promise<void> {
  const { folder, options, inputs, signal } = run
  const { expectedLength, onInvalid, allowEmpty, duplicateIds } = options
  const keepEmpty = options.layout === 'broad'
  const leftOut = new LeftOut()
  const statistics = newReadStatistics()
  let number = 0
  const batches = readSequences(options.inputs, {
    onInvalid,
    allowEmpty,
    duplicateIds,
    signal,
    statistics,
    tempDir: await folder.makeWorkFolder(),
    onInvalidRecord: (record) => leftOut.add(record, statistics.records),
    onInputRead: (index, read) => inputs.take(index, read),
  })
  for await (const records of batches) {
    for (const record of records) {
      const { id, source, sequence } = record
      leftOut.describe(structure, number++)
      const filtered = filteredBy(sequence, options)
      if (filtered !== undefined) {
        structure.leftOut(id, source, filtered, sequence.length)
        continue
      }
      structure.record(id, source, sequence.length)
      for (const { chunk, frames } of openChunks(sequence, expectedLength, { keepEmpty }))
        structure.chunk(frames, () => silenceOf(chunk))
      structure.endRecord(record)
    }
    signal.throwIfAborted()
  }
  leftOut.describe(structure, Number.POSITIVE_INFINITY)
}
