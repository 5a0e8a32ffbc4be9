import { rmdir } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { version } from '../../package.json' with { type: 'json' }
import { FEATURE_ORDER } from '../bundle/index.ts'
import {
  type DerivedFiles,
  FileRecord,
  RUN_FORMAT,
  RunFolder,
  RunLock,
  type RunManifest,
  readManifest,
  writePrecisions,
} from '../checkpoint/index.ts'
import { madeBy, type OutputPaths, outputPaths, resultFiles } from '../layout/index.ts'
import { MODEL_COUNTS, RunStats, SPARED_COUNTS } from '../monitor/index.ts'
import {
  checkNames,
  derivedOf,
  describeRecords,
  LeftOut,
  optionsOfRule,
  RecordReport,
  refuseFilesInUse,
  reportCalls,
  reportCounts,
  resultCounts,
  resultsOptions,
} from '../predict/index.ts'
import { BitSet } from '../recheck/index.ts'
import { type RowCounts, readSummary, type Summary, writeReport } from '../report/index.ts'
import { InputStructure, Results, type ResultsCounts } from '../results/index.ts'
import type { PredictOptions } from '../settings/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { UsageError } from '../system/errors.ts'
import { keepFiles } from '../system/kept-files.ts'
import { type Logger, WarningKeeper } from '../system/logger.ts'
import { isThere } from '../system/same-file.ts'
import { sha256 } from '../system/sha256.ts'
import { writeTables } from '../tables/index.ts'
import { count } from '../text/numbers.ts'
import { readShards, type Segment } from './manifest.ts'
import { findRuns, matchRuns, requireAlike, type ShardRun } from './runs.ts'
import { FrameOrder, noting, precisionsOf, scoresOf, stampOf } from './scores.ts'
import { type Whole, wholeOfInputs, wholeOfShards } from './whole.ts'

export interface MergeOptions {
  /** Output folders of the runs; each may hold several. */
  folders: readonly string[]
  outputDir: string
  /** `shards.json`, or the folder that it is in. @default the runs are over inputs of their own, which are read again */
  manifest?: string | undefined
  /** Stem of the names of the results. @default from the first input, as a run has it */
  prefix?: string | undefined
  /** Replace what another run has recorded as its own. */
  force: boolean
  report: boolean
}

export interface MergeContext {
  logger: Logger
  signal?: AbortSignal
}

export interface MergeResult {
  paths: OutputPaths
  /** True when the same runs had been merged before: nothing was written. */
  alreadyMerged: boolean
}

/**
 * Brings finished runs together as the run over the whole: the same files with the same rows in the same order. Results are
 * made from tables and records as a run makes them, so that they have no rule of their own here.
 *
 * @throws NoInputError, DataError, UsageError naming the run or shard that is missing, not finished or of another kind
 */
export async function mergeRuns(options: MergeOptions, context: MergeContext): Promise<MergeResult> {
  const { signal } = context
  const logger = new WarningKeeper(context.logger)
  const { runs, whole } = await wholeOf(options)
  await requireAlike(runs, signal)
  const run = await optionsOf(runs, whole, options)
  const paths = outputPaths({ ...run, input: run.inputs[0] ?? '-' })
  await refuseOwnFolder(runs, paths)
  const inUse = [...whole.files, ...runs.flatMap((each) => resultFiles(each.paths))]
  await refuseFilesInUse(
    paths,
    inUse.map((path) => ['merged', path] as const),
  )
  await using _new = await newFolders(paths)
  await using lock = await RunLock.acquire(`${paths.state}.lock`)
  const { root, state } = paths
  using record = await FileRecord.open({ root, state, covers: madeBy(paths), lock })
  using _kept = keepFiles(record)
  const derived = derivedOf({ options: run, paths })
  const folder = await openFolder({ runs, whole, options, paths, record, derived })
  if (folder === undefined) {
    logger.info(`these runs have been merged before; the results are in ${paths.mergedFolder}`)
    return { paths, alreadyMerged: true }
  }
  const stops = AbortSignal.any([lock.signal, ...(signal ? [signal] : [])])
  try {
    await write({ runs, whole, options, paths, record, derived, run, folder, logger, signal: stops })
  } catch (error) {
    // Nothing of it would be used by the next start.
    await record.undo()
    throw error
  }
  return { paths, alreadyMerged: false }
}

/** Removes the folders of the output that are not there yet, and are empty when all is over. */
async function newFolders({ root, state }: OutputPaths): Promise<AsyncDisposable> {
  const made: string[] = []
  for (const path of [dirname(state), root]) if (!(await isThere(path))) made.push(path)
  return {
    async [Symbol.asyncDispose]() {
      for (const path of made) await rmdir(path).catch(() => {})
    },
  }
}

async function wholeOf({
  folders,
  manifest,
}: MergeOptions): Promise<{ runs: readonly ShardRun[]; whole: Whole }> {
  if (manifest === undefined) {
    const runs = await findRuns(folders)
    return { runs, whole: wholeOfInputs(runs) }
  }
  const list = await readShards(manifest)
  const runOf = matchRuns(await findRuns(folders, list.shards), list.shards)
  const whole = wholeOfShards(list, ({ shard }: Segment) => runOf.get(shard) as ShardRun)
  return { runs: [...new Set(runOf.values())], whole }
}

/** Options with which `predict` would make the same of the whole. */
async function optionsOf(
  runs: readonly ShardRun[],
  { inputs, settings }: Whole,
  { outputDir, prefix, force, report }: MergeOptions,
): Promise<PredictOptions> {
  const [{ manifest, paths }] = runs as readonly [ShardRun]
  const summary = report ? await readSummary(paths.summary).catch(() => undefined) : undefined
  // JSON has no undefined.
  const given = Object.entries(summary?.settings ?? {}).map(([name, value]) => [name, value ?? undefined])
  const { tritonCa, tritonCert, tritonKey, tritonHeader, ...rest } = Object.fromEntries(given)
  return {
    ...rest,
    tritonAccess: { ca: tritonCa, cert: tritonCert, key: tritonKey, header: tritonHeader },
    ...optionsOfRule(manifest.derived?.rule),
    ...manifest.settings,
    ...settings,
    inputs: inputs.map(({ path }) => path),
    outputDir,
    prefix,
    force,
    report,
    resume: false,
    keepIntermediate: false,
    metrics: false,
    // Those of the first run, as its own state and summary have them.
  } as unknown as PredictOptions
}

async function refuseOwnFolder(runs: readonly ShardRun[], paths: OutputPaths): Promise<void> {
  const same = runs.find((run) => run.paths.state === paths.state)
  if (same === undefined) return
  throw new UsageError(`${same.name} is one of the runs and also the folder of the whole: choose another`)
}

interface Target {
  runs: readonly ShardRun[]
  whole: Whole
  options: MergeOptions
  paths: OutputPaths
  record: FileRecord
  derived: DerivedFiles
}

/** @returns undefined where the same runs have been merged before */
async function openFolder({
  runs,
  whole,
  options,
  paths,
  record,
  derived,
}: Target): Promise<RunFolder | undefined> {
  const [{ manifest: first }] = runs as readonly [ShardRun]
  const merged = digestOf(runs, options)
  const manifest: RunManifest = {
    format: RUN_FORMAT,
    version,
    status: 'unfinished',
    inputs: [...whole.inputs],
    settings: { ...first.settings, ...whole.settings, keepIntermediate: false },
    models: first.models,
    merged,
  }
  const before = await readManifest(paths.state)
  const known = typeof before === 'object' ? before : undefined
  if (known !== undefined && known.merged === undefined && !options.force)
    throw new UsageError(`${paths.root} holds a run of its own, with the names that the whole would have`, {
      detail: { code: 'place-taken', data: { path: paths.root } },
    })
  const open = (force: boolean) =>
    RunFolder.open({
      path: paths.state,
      results: resultFiles(paths),
      manifest,
      force,
      resume: false,
      legacy: false,
      digestStreams: async () => whole.inputs,
      record,
      async claim() {
        const asked = { resume: false, force, keepIntermediate: false }
        await record.take(await checkNames({ paths, record, options: asked, legacy: false }))
      },
    })
  const isSame = known?.merged === merged && known.status === 'finished'
  if (!isSame || options.force) return await open(options.force || known?.merged !== undefined)
  const folder = await open(false)
  if (folder.status !== 'finished') return folder
  return (await folder.hasDerived(derived)) ? undefined : await open(true)
}

/** Of all that decides how the merged files look. */
function digestOf(runs: readonly ShardRun[], { report }: MergeOptions): string {
  const tables = runs.map(({ manifest: { tables, derived } }) => [tables, derived])
  return sha256(JSON.stringify([tables, report]))
}

interface Merger extends Target {
  run: PredictOptions
  folder: RunFolder
  logger: WarningKeeper
  signal: AbortSignal
}

async function write(merger: Merger): Promise<void> {
  const { runs, whole, paths, derived, run, folder, logger, signal } = merger
  using structure = new InputStructure(await folder.makeWorkFolder())
  const stats = new RunStats(run.inputs, run.expectedLength)
  const leftOut = new LeftOut(structure)
  await using records = new RecordReport(paths.invalidRecords, stats.counts, logger, leftOut)
  const order = new FrameOrder(runs, whole.stretches)
  const read = {
    ...records.readOptions(run.onInvalid, await folder.makeWorkFolder(), signal),
    duplicateIds: run.duplicateIds,
    allowEmpty: true,
  }
  await describeRecords(withList(whole.read(read), records), {
    options: run,
    leftOut,
    structure,
    stats,
    onRecord: (frames) => order.record(frames),
    signal,
  })
  order.check()
  await records.finish()
  const { calls, rows } = await writeResults(merger, structure, stats, order)
  await report(merger, stats, records.isListed, rows)
  const counts = resultCounts(stats.counts)
  await folder.finish(counts, resultFiles(paths), derived)
  reportCounts(counts, paths.mergedFolder, logger)
  reportCalls(calls, paths.results, logger)
}

/** Writes the list of what was left out on the way. */
async function* withList<Batch>(
  batches: AsyncGenerator<Batch>,
  records: RecordReport,
): AsyncGenerator<Batch> {
  for await (const batch of batches) {
    await records.drain()
    yield batch
  }
}

async function writeResults(
  { runs, paths, run, folder }: Merger,
  structure: InputStructure,
  stats: RunStats,
  order: FrameOrder,
): Promise<{ calls: ResultsCounts; rows: RowCounts }> {
  const stamp = await stampOf(runs[0] as ShardRun)
  const precisions = await precisionsOf(runs)
  const kinds = precisions.get(runs[0] as ShardRun)
  await using results = await Results.begin(paths, structure, resultsOptions({ options: run }, stamp, kinds))
  const exact = new BitSet()
  const scores = results.through(noting(scoresOf(order, precisions), exact))
  const { frames, ...counts } = await writeTables(paths, scores, { stamp, spillPath: folder.files.sorted })
  await results.commit()
  if (kinds !== undefined) await writePrecisions(paths.state, { ...kinds, frames: exact.bytes })
  if (stamp !== undefined)
    await writeAtomically(paths.demonstration, `${basename(paths.mergedFolder)}: ${stamp}\n`)
  Object.assign(stats.counts, { ...counts, scoredFrames: frames })
  const rows = { ...results.rows, predictions: frames, consensus: counts.calledChunks }
  return { calls: results.counts, rows }
}

/** The report of the whole, from the summaries of the runs. */
async function report(
  { runs, whole, options, paths, run, logger }: Merger,
  stats: RunStats,
  recordsListed: boolean,
  rows: RowCounts,
): Promise<void> {
  if (!options.report) return
  const summaries: Summary[] = []
  for (const each of runs) {
    const summary = await readSummary(each.paths.summary).catch((error: Error) => {
      logger.warn(`no report of the whole: ${error.message}`)
    })
    if (!summary) return
    summaries.push(summary)
  }
  const [first] = summaries as [Summary]
  for (const { counts, computed } of summaries) {
    stats.counts.parts += counts.parts
    stats.counts.adoptedSequences += counts.adoptedSequences
    stats.counts.framesDoneBefore += counts.framesDoneBefore
    for (const model of FEATURE_ORDER) {
      const sum = stats.models[model]
      for (const name of [...MODEL_COUNTS, ...SPARED_COUNTS]) sum[name] += computed[model][name]
    }
  }
  const distinct = (texts: readonly string[]) => [...new Set(texts)].join('; ')
  const servers = summaries.flatMap((summary) => summary.servers ?? [])
  await writeReport({
    options: run,
    paths,
    rows,
    stats,
    inputs: whole.inputs,
    start: new Date(Math.min(...summaries.map(({ time }) => Date.parse(time.start)))),
    continued: summaries.some(({ time }) => time.continued),
    recordsListed,
    warnings: [...logger.warnings, ...warningsOf(runs, summaries)],
    demonstration: first.demonstration,
    models: {
      ...first.models,
      backend: distinct(summaries.map(({ models }) => models.backend)),
      why: `merged from ${count(runs.length, 'run')}; ${distinct(summaries.map(({ models }) => models.why ?? ''))}`,
    },
    recheck: recheckOfAll(summaries.flatMap(({ recheck }) => recheck ?? [])),
    failures: [],
    servers: [...new Map(servers.map((server) => [server.address, server])).values()],
  })
  logger.info(`report: ${paths.page}`)
}

type Recheck = NonNullable<Summary['recheck']>

/** What several runs have rechecked, with bounds that are the same. */
function recheckOfAll(all: readonly Recheck[]): Recheck | undefined {
  const [first] = all
  if (first === undefined) return undefined
  const sum = (of: (each: Recheck) => number) => all.reduce((total, each) => total + of(each), 0)
  return {
    ...first,
    rechecked: sum(({ rechecked }) => rechecked),
    audited: sum(({ audited }) => audited),
    beyond: sum(({ beyond }) => beyond),
    classes: first.classes.map((each, i) => ({
      ...each,
      frames: sum(({ classes }) => classes[i]?.frames ?? 0),
      largest: Math.max(...all.map(({ classes }) => classes[i]?.largest ?? 0)),
      exceeded: all.some(({ classes }) => classes[i]?.exceeded === true),
    })),
  }
}

/** What runs have warned of, once where all have; what they say of records is said of the whole as well. */
function warningsOf(runs: readonly ShardRun[], summaries: readonly Summary[]): string[] {
  const all = summaries.map(({ warnings = [] }) => warnings)
  const isCommon = (text: string) => all.every((warnings) => warnings.includes(text))
  const own = runs.flatMap(({ name, manifest: { inputs }, paths }, at) => {
    const about = [...inputs.map(({ path }) => path), paths.invalidRecords]
    const rest = all[at]?.filter((text) => !isCommon(text) && !about.some((path) => text.includes(path)))
    return rest?.map((text) => `${name}: ${text}`) ?? []
  })
  return [...(all[0]?.filter(isCommon) ?? []), ...own]
}
