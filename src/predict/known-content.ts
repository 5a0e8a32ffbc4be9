import { lstat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import {
  beginsAsCheckpoint,
  firstBytes,
  isFastaOfRun,
  isStateFile,
  type RunManifest,
} from '../checkpoint/index.ts'
import { FILES, type FileContent, type OutputPaths, recognizer } from '../layout/index.ts'
import { isPipelineState, readLegacyFile } from '../legacy/index.ts'
import { readMetrics } from '../monitor/index.ts'
import { readSummary } from '../report/index.ts'
import { everyLine } from '../system/lines.ts'
import { MOST_BYTES, readText } from '../system/read-within.ts'
import { sha256File } from '../system/sha256.ts'
import { isChunkLine, isFrameLine } from '../tables/index.ts'

type IsContent = (path: string, paths: OutputPaths) => Promise<boolean>

/** What all of a file must be that the original, Broad's fork or this program has written. */
const OF_ANY_PROGRAM: Partial<Record<FileContent, IsContent>> = {
  chunks: (path) => isFastaOfRun(path, 'chunks'),
  frames: (path) => isFastaOfRun(path, 'frames'),
  embeddings: isCheckpoint,
  frameCalls: (path) => everyLine(path, isFrameLine),
  chunkCalls: (path) => everyLine(path, isChunkLine),
  pipelineState: async (path) => isPipelineState(await readText(path, MOST_BYTES.state)),
}

/** The same for what only this program writes. */
const OF_THIS_PROGRAM: Partial<Record<FileContent, IsContent>> = {
  demonstration: async (path, paths) =>
    (await firstBytes(path, 4096)).startsWith(`${basename(paths.mergedFolder)}: `),
  invalidRecords: (path) => everyLine(path, isInvalidRecordLine),
  summary: (path) =>
    readSummary(path).then(
      () => true,
      () => false,
    ),
  page: async (path) => (await firstBytes(path, 2000)).includes('<meta name="generator" content="virnucpro'),
  multiqc: async (path) => (await firstBytes(path, 40)).startsWith('# id: virnucpro_'),
  metrics: (path) =>
    readMetrics(path).then(
      (lines) => lines[0]?.kind === 'start',
      () => false,
    ),
  openMetrics: (path) =>
    everyLine(path, (line) => line === '# EOF' || /^(# (TYPE|HELP|UNIT) )?virnucpro/.test(line)),
}

/**
 * Whether a file without a record is, by all of its content, what its name says: an intermediate or a table of a run of
 * the original, of Broad's fork or of this program.
 *
 * @param path - absolute
 */
export async function isFileOfRun(paths: OutputPaths, path: string): Promise<boolean> {
  const found = recognizer(paths)(path)
  const isContent = found && OF_ANY_PROGRAM[FILES[found.file].content]
  if (isContent === undefined) return false
  // What lies behind a link was not written under this name.
  const there = await lstat(path)
  if (!there.isFile()) return false
  if (found?.isMarker !== true) return await isContent(path, paths)
  const of = path.slice(0, -'.done'.length)
  return there.size === 0 && (await isFileOfRun(paths, of).catch(() => true))
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
  if (path.startsWith(`${resolve(paths.state)}/`)) return await isStateFile(paths.state, path)
  const digest = dirname(path) === resolve(paths.mergedFolder) ? manifest.tables?.[basename(path)] : undefined
  if (digest !== undefined) return (await sha256File(path)) === digest
  const found = recognizer(paths)(path)
  if (found === undefined) return false
  const { content, role } = FILES[found.file]
  // Without the option such a run had no intermediates.
  if (role === 'intermediate' && manifest.settings.keepIntermediate !== true) return false
  return (await OF_THIS_PROGRAM[content]?.(path, paths)) ?? (await isFileOfRun(paths, path))
}

/** Whether every line is one of `failed_files.txt`, to which all runs in a folder add theirs. */
export async function isListOfFailures(path: string): Promise<boolean> {
  // A pipe under this name would keep the run waiting.
  if (!(await lstat(path)).isFile()) return false
  return await everyLine(path, (line) => line === '' || line.split('|').length >= 3)
}

async function isCheckpoint(path: string, paths: OutputPaths): Promise<boolean> {
  const places = { dnabert: paths.nucleotideFolder, esm: paths.proteinFolder, merged: paths.mergedFolder }
  const { file, table } = await readLegacyFile(path, paths.layout)
  if (file.kind === undefined || file.kind === 'batch') {
    // An empty one has nothing to lose.
    return file.damaged && (file.bytes === 0 || (await beginsAsCheckpoint(path)))
  }
  return table !== undefined && resolve(places[file.kind]) === dirname(path)
}

function isInvalidRecordLine(line: string, number: number): boolean {
  return number === 1 ? line.startsWith('source\tline\t') : line.split('\t').length >= 5
}
