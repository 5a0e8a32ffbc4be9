import { lstat, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FILES } from '../layout/index.ts'
import { type MetricsLine, readMetrics } from '../monitor/index.ts'
import { writeAtomically } from '../system/atomic.ts'
import { NoInputError, UsageError } from '../system/errors.ts'
import { readCalls } from './calls.ts'
import { multiqcTables } from './multiqc.ts'
import { reportPage } from './page.ts'
import { type RunFacts, summarize } from './summarize.ts'
import { readSummary, type Summary, summaryText } from './summary.ts'
import { timelineOf } from './timeline.ts'

/** Names of the files in the folder of a report. */
export const REPORT_FILES = {
  summary: FILES.summary.name,
  page: FILES.page.name,
  section: FILES.multiqcSection.name,
  general: FILES.multiqcGeneral.name,
} as const

/** What the monitor writes there. */
const METRICS = FILES.metrics.name

/** Writes all files of a report, each whole or not at all; the monitor's last line must be written by then. */
export async function writeReport(facts: RunFacts): Promise<void> {
  const folder = facts.paths.report
  const metrics = await readMetrics(join(folder, METRICS))
  const summary = summarize(
    facts,
    metrics.length > 0 ? { file: METRICS, stages: stagesOf(metrics) } : undefined,
  )
  await writeAtomically(join(folder, REPORT_FILES.summary), summaryText(summary))
  await draw(folder, summary)
}

/** The stages of the last start. */
function stagesOf(metrics: readonly MetricsLine[]): Summary['stages'] {
  const last = metrics.findLast(({ kind }) => kind === 'start' || kind === 'end')
  return last?.kind === 'end' ? last.stages : []
}

/**
 * Makes the page and the tables for MultiQC anew from what lies in the folder of a report.
 *
 * @returns the path of the page
 * @throws VirnucproError when the summary or the table of frames is missing, damaged or of another run
 */
export async function rebuildReport(folder: string): Promise<string> {
  await draw(folder, await readSummary(join(folder, REPORT_FILES.summary)))
  return join(folder, REPORT_FILES.page)
}

/** How each file begins that a run or `report` has written; anything else under its name is the user's. */
const BEGINNINGS = {
  section: '# id: virnucpro_',
  general: '# id: virnucpro_',
  page: '<meta name="generator" content="virnucpro',
} as const

/** @throws UsageError naming a file that would be overwritten and is none of a report */
async function requireOwnFiles(folder: string): Promise<void> {
  for (const [name, beginning] of Object.entries(BEGINNINGS)) {
    const path = join(folder, REPORT_FILES[name as keyof typeof BEGINNINGS])
    const found = await lstat(path).catch(() => undefined)
    if (found === undefined) continue
    const text = found.isFile() ? await Bun.file(path).slice(0, 2000).text() : ''
    if (!text.includes(beginning))
      throw new UsageError(`${path} is no file of a report, so it is not overwritten: move it away`)
  }
}

async function draw(folder: string, summary: Summary): Promise<void> {
  await requireOwnFiles(folder)
  const calls = await readCalls(join(folder, summary.files.predictions), summary)
  const { metrics } = summary.files
  const lines = metrics === null ? [] : await readMetrics(join(folder, metrics))
  const timeline = lines.length === 0 ? undefined : timelineOf(lines)
  const tables = multiqcTables(summary)
  await writeAtomically(join(folder, REPORT_FILES.section), tables.section)
  await writeAtomically(join(folder, REPORT_FILES.general), tables.general)
  await writeAtomically(join(folder, REPORT_FILES.page), reportPage(summary, calls, timeline))
}

/**
 * The folders of reports that a name stands for: itself, or all in an output folder.
 * @throws NoInputError when there is none
 */
export async function findReports(folder: string): Promise<string[]> {
  if (await isFile(join(folder, REPORT_FILES.summary))) return [folder]
  const found: string[] = []
  for (const entry of (await readdir(folder)).sort()) {
    const path = join(folder, entry)
    if (entry.endsWith('_report') && (await isFile(join(path, REPORT_FILES.summary)))) found.push(path)
  }
  if (found.length === 0) {
    throw new NoInputError(
      `${folder}: no ${REPORT_FILES.summary} in it or in a folder *_report below it. A run writes one at its end, ` +
        'unless --no-report is given; one that was interrupted has none yet',
    )
  }
  return found
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}
