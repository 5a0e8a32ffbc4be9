import { lstat, readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import {
  beginsAsCheckpoint,
  everyLine,
  firstBytes,
  isFastaOfRun,
  isStateFile,
  type RunManifest,
} from '../checkpoint/index.ts'
import { type OutputPaths, sharedFiles } from '../layout/index.ts'
import { isPipelineState, readLegacyFile } from '../legacy/index.ts'
import { METRICS_FILES, readMetrics } from '../monitor/index.ts'
import { REPORT_FILES, readSummary } from '../report/index.ts'
import { sha256File } from '../system/sha256.ts'
import { demonstrationFile, isIntermediate } from './run-files.ts'

/**
 * Whether a file without a record is, by all of its content, what its name says: an intermediate or a table of a run of
 * the original, of Broad's fork or of this program.
 *
 * @param path - absolute
 */
export async function isFileOfRun(paths: OutputPaths, path: string): Promise<boolean> {
  // What lies behind a link was not written under this name.
  if (!(await lstat(path)).isFile()) return false
  const name = basename(path)
  if (name.endsWith('.done')) return await isMarker(paths, path)
  if (name.endsWith('.pt')) return await isCheckpoint(paths, path)
  if (path === resolve(paths.chunked)) return await isFastaOfRun(path, 'chunks')
  if (isIntermediate(paths, path)) return await isFastaOfRun(path, 'frames')
  if (path === resolve(paths.predictions)) return await everyLine(path, isFrameRow)
  if (path === resolve(paths.consensus)) return await everyLine(path, isChunkRow)
  if (path === resolve(sharedFiles(paths).broadState)) return isPipelineState(await readFile(path, 'utf8'))
  return false
}

/**
 * Whether a file without a record is one of a run of version 0.1.0, which kept none: tables by the digests in the
 * manifest, everything else by its content.
 */
export async function isFileOfFirstVersion(
  paths: OutputPaths,
  manifest: RunManifest,
  path: string,
): Promise<boolean> {
  if (!(await lstat(path)).isFile()) return false
  const name = basename(path)
  if (path.startsWith(`${resolve(paths.state)}/`)) return await isStateFile(paths.state, path)
  const digest = dirname(path) === resolve(paths.mergedFolder) ? manifest.tables?.[name] : undefined
  if (digest !== undefined) return (await sha256File(path)) === digest
  if (path === resolve(demonstrationFile(paths)))
    return (await readFile(path, 'utf8')).startsWith(`${basename(paths.mergedFolder)}: `)
  if (path === resolve(paths.invalidRecords)) return await everyLine(path, isInvalidRecordRow)
  if (dirname(path) === resolve(paths.report)) return await isReportFile(path)
  // Without the option such a run had no intermediates.
  if (isIntermediate(paths, path) && manifest.settings.keepIntermediate !== true) return false
  return await isFileOfRun(paths, path)
}

/** Whether every line is one of `failed_files.txt`, to which all runs in a folder add theirs. */
export async function isListOfFailures(path: string): Promise<boolean> {
  // A pipe under this name would keep the run waiting.
  if (!(await lstat(path)).isFile()) return false
  return await everyLine(path, (line) => line === '' || line.split('|').length >= 3)
}

async function isMarker(paths: OutputPaths, path: string): Promise<boolean> {
  if ((await lstat(path)).size > 0) return false
  const of = path.slice(0, -'.done'.length)
  return await isFileOfRun(paths, of).catch(() => true)
}

async function isCheckpoint(paths: OutputPaths, path: string): Promise<boolean> {
  const places = { dnabert: paths.nucleotideFolder, esm: paths.proteinFolder, merged: paths.mergedFolder }
  const { file, table } = await readLegacyFile(path, paths.layout)
  if (file.kind === undefined || file.kind === 'batch') {
    // An empty one has nothing to lose.
    return file.damaged && (file.bytes === 0 || (await beginsAsCheckpoint(path)))
  }
  return table !== undefined && resolve(places[file.kind]) === dirname(path)
}

async function isReportFile(path: string): Promise<boolean> {
  switch (basename(path)) {
    case REPORT_FILES.summary:
      return await readSummary(path).then(
        () => true,
        () => false,
      )
    case REPORT_FILES.page:
      return (await firstBytes(path, 2000)).includes('<meta name="generator" content="virnucpro')
    case METRICS_FILES.lines:
      return await readMetrics(path).then(
        (lines) => lines.length > 0 && lines[0]?.kind === 'start',
        () => false,
      )
    case METRICS_FILES.openMetrics:
      return await everyLine(
        path,
        (line) => line === '# EOF' || /^(# (TYPE|HELP|UNIT) )?virnucpro/.test(line),
      )
    default:
      return (await firstBytes(path, 40)).startsWith('# id: virnucpro_')
  }
}

type IsLine = (line: string, number: number) => boolean

const isFrameRow: IsLine = (line, number) =>
  (number === 1 && line.startsWith('# ')) ||
  (number <= 2 && line === 'Sequence_ID\tPrediction\tscore1\tscore2') ||
  /^[^\t]*\t(virus|others)\t[^\t]*\t[^\t]*$/.test(line)

const isChunkRow: IsLine = (line, number) =>
  (number === 1 && (line === '' || line.startsWith('# '))) ||
  (number <= 2 && /^(Modified_ID\tIs_Virus(\tmax_score_0\tmax_score_1)?)?$/.test(line)) ||
  /^("[^\t]*"|[^\t]*)\t(True|False)(\t[^\t]*\t[^\t]*)?$/.test(line)

const isInvalidRecordRow: IsLine = (line, number) =>
  number === 1 ? line.startsWith('source\tline\t') : line.split('\t').length >= 5
