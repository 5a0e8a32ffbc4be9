import { lstat, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { FILES, runPaths, type SamplesPaths, samplesPaths } from '../layout/index.ts'
import { type MetricsLine, readMetrics } from '../monitor/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { NoInputError, UsageError } from '../system/errors.ts'
import { readCalls } from './calls.ts'
import { readContigs } from './contigs.ts'
import { multiqcTables } from './multiqc.ts'
import { type Findings, reportPage } from './page.ts'
import { readSamples, reportFolderOf, samplesPage } from './samples.ts'
import { outputsOf, type RunFacts, summarize } from './summarize.ts'
import { readSummary, type Summary } from './summary.ts'
import { timelineOf } from './timeline.ts'
import { readTracks } from './tracks.ts'

/** Writes all files of a report, each whole or not at all; the monitor's last line must be written by then. */
export async function writeReport(facts: RunFacts): Promise<void> {
  const folder = facts.paths.report
  const file = FILES.metrics.name
  const metrics = await readMetrics(join(folder, file))
  const { paths, rows, options } = facts
  const summary = summarize(
    facts,
    metrics.length > 0 ? { file, stages: stagesOf(metrics) } : undefined,
    await outputsOf(paths, rows, WRITTEN, options.keepIntermediate),
  )
  await writeAtomically(facts.paths.summary, `${JSON.stringify(summary, undefined, 2)}\n`)
  await draw(folder, summary)
}

/**
 * After files of a finished run were made again: its summary and its page say how. A run without a summary stays without.
 *
 * @param settings - those by which they were made
 * @throws VirnucproError when the report is damaged, or cannot be written
 */
export async function refreshReport(
  { options, paths, rows }: Pick<RunFacts, 'options' | 'paths' | 'rows'>,
  settings: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (!(await isFile(paths.summary))) return
  const before = await readSummary(paths.summary)
  const rowsBefore = before.outputs?.map(({ name, rows }) => [name, rows ?? undefined]) ?? []
  const summary: Summary = {
    ...before,
    settings: { ...before.settings, ...settings },
    outputs: await outputsOf(
      paths,
      { ...Object.fromEntries(rowsBefore), ...rows },
      WRITTEN,
      options.keepIntermediate,
    ),
  }
  await writeAtomically(paths.summary, `${JSON.stringify(summary, undefined, 2)}\n`)
  await draw(paths.report, summary)
}

/** The stages of the last start. */
function stagesOf(metrics: readonly MetricsLine[]): Summary['stages'] {
  const last = metrics.findLast(({ kind }) => kind === 'start' || kind === 'end')
  return last?.kind === 'end' ? last.stages : []
}

/**
 * Makes the page and the tables for MultiQC again from what lies in the folder of a report, or the page of several samples.
 *
 * @returns the path of the page
 * @throws VirnucproError when the summary or a table is missing, damaged or of another run
 */
export async function rebuildReport(folder: string): Promise<string> {
  const samples = await samplesOf(folder)
  if (samples !== undefined) {
    await writeSamplesPage(samples)
    return join(folder, FILES.page.name)
  }
  await draw(folder, await readSummary(join(folder, FILES.summary.name)))
  return join(folder, FILES.page.name)
}

/** How each file begins that a run or `report` has written; anything else under its name is the user's. */
export const BEGINNINGS = {
  multiqcSection: '# id: virnucpro_',
  multiqcContigs: '# id: virnucpro_',
  multiqcGeneral: '# id: virnucpro_',
  page: '<meta name="generator" content="virnucpro',
} as const

type Drawn = keyof typeof BEGINNINGS
const WRITTEN = ['summary', ...(Object.keys(BEGINNINGS) as Drawn[])] as const

/** @throws UsageError naming a file that would be overwritten and is none of a report */
async function requireOwnFile(path: string, file: Drawn): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  const text = found.isFile() ? await Bun.file(path).slice(0, 2000).text() : ''
  if (!text.includes(BEGINNINGS[file]))
    throw new UsageError(`${path} is not part of a report, so it is not overwritten: move it away`)
}

async function draw(folder: string, summary: Summary): Promise<void> {
  const files = Object.keys(BEGINNINGS) as Drawn[]
  for (const file of files) await requireOwnFile(join(folder, FILES[file].name), file)
  const calls = await readCalls(join(folder, summary.files.predictions), summary)
  const { metrics } = summary.files
  const lines = metrics === null ? [] : await readMetrics(join(folder, metrics))
  const found = await readResults(folder, summary)
  const timeline = lines.length === 0 ? undefined : timelineOf(lines)
  const page = reportPage(summary, { calls, timeline, ...found })
  const tables = multiqcTables(summary, found.contigs?.counts)
  const texts: Record<Drawn, string | undefined> = { ...tables, page }
  for (const file of files) {
    const text = texts[file]
    if (text !== undefined) await writeAtomically(join(folder, FILES[file].name), text)
  }
}

/** What the tables of contigs and chunks say; runs of earlier versions have none. */
async function readResults(folder: string, summary: Summary): Promise<Pick<Findings, 'contigs' | 'tracks'>> {
  const { layout } = summary.files
  const root = dirname(resolve(folder))
  // The length of chunks is in no name of these.
  const paths = runPaths({ layout, root, stem: summary.name, expectedLength: 0 })
  for (const path of [paths.contigs, paths.chunks, paths.bed])
    if (!(await isFile(path))) return { contigs: undefined, tracks: undefined }
  const contigs = await readContigs(paths.contigs, summary)
  return { contigs, tracks: await readTracks(paths, contigs.ranked, summary) }
}

/**
 * Writes the page of several samples, from their table.
 *
 * @throws VirnucproError when the table is missing or damaged, or the page cannot be written
 */
export async function writeSamplesPage({ root, table, page }: SamplesPaths): Promise<void> {
  await requireOwnFile(page, 'page')
  const reports = new Map<string, string>()
  const samples = await readSamples(table)
  let demonstration: string | undefined
  for (const { contigs } of samples) {
    const report = reportFolderOf(contigs)
    if (!(await isFile(join(root, report, FILES.page.name)))) continue
    // All samples have the models of the first.
    if (reports.size === 0) ({ demonstration } = await readSummary(join(root, report, FILES.summary.name)))
    reports.set(contigs, `../${report}/${FILES.page.name}`)
  }
  const name = basename(resolve(root))
  await writeAtomically(page, samplesPage({ name, samples, reports, demonstration }))
}

/**
 * The folders of reports that a name stands for: itself, or all in an output folder, those of samples included.
 * @throws NoInputError when there is none
 */
export async function findReports(folder: string): Promise<string[]> {
  if ((await isFile(join(folder, FILES.summary.name))) || (await samplesOf(folder)) !== undefined)
    return [folder]
  const found = await sampleReports(folder)
  for (const entry of (await readdir(folder)).sort()) {
    const path = join(folder, entry)
    if (entry.endsWith('_report') && (await isFile(join(path, FILES.summary.name)))) found.push(path)
  }
  if (found.length === 0) {
    const message = `${folder}: no ${FILES.summary.name} in it or in a folder *_report below it`
    throw new NoInputError(message, { detail: { code: 'no-report', data: {} } })
  }
  return found
}

/** The samples that a folder is the report of. */
async function samplesOf(folder: string): Promise<SamplesPaths | undefined> {
  const samples = samplesPaths(dirname(resolve(folder)))
  return resolve(folder) === samples.report && (await isFile(samples.table)) ? samples : undefined
}

/** The reports of several samples, and the page about all of them. */
async function sampleReports(folder: string): Promise<string[]> {
  const { table, report } = samplesPaths(folder)
  if (!(await isFile(table))) return []
  const found: string[] = []
  for (const { contigs } of await readSamples(table)) {
    const path = join(folder, reportFolderOf(contigs))
    if (await isFile(join(path, FILES.summary.name))) found.push(path)
  }
  // Last, since it links to the others.
  return found.length === 0 ? [] : [...found, report]
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}
