import { basename, dirname, join, resolve, sep } from 'node:path'
import {
  FILES,
  type FileName,
  FOLDERS,
  filled,
  isNumbered,
  type LayoutName,
  type Numbered,
  SAMPLES_FILES,
  STATE_FILES,
  STATES_FOLDER,
} from './catalogue.ts'
import { cutAsOriginal, formerStemOf, stemOf, withoutCompression } from './stem.ts'

type Paths<Names extends Readonly<Record<string, unknown>>> = {
  readonly [Key in Exclude<keyof Names, Numbered<Names>>]: string
} & {
  /** By the number of the part, from 1. */
  readonly [Key in Numbered<Names>]: (part: number) => string
}

/** What the names of a run depend on. */
export interface RunName {
  layout: LayoutName
  /** The output folder. */
  root: string
  /** How all names begin. */
  stem: string
  /** Length of chunks, in bases. */
  expectedLength: number
}

/** The names of everything that a run leaves. The files of a part are named by its number, from 1. @interface */
export type OutputPaths = Readonly<RunName> & Paths<typeof FOLDERS> & Paths<typeof FILES>

export interface PathOptions {
  layout: LayoutName
  /** First input as typed; `-` is standard input. */
  input: string
  /** Undefined: beside the input, as the original does. */
  outputDir: string | undefined
  /** Stem of the file names; undefined: from the input. */
  prefix: string | undefined
  expectedLength: number
}

/** Names of the files of a run, in the original's layout or in that of Broad's fork. */
export function outputPaths(options: PathOptions): OutputPaths {
  const { layout, expectedLength, input, outputDir, prefix } = options
  const path = withoutCompression(input)
  if (!followsInput(options)) {
    const cut = cutAsOriginal(path)
    return runPaths({ root: dirname(cut), stem: basename(cut), layout, expectedLength })
  }
  return runPaths({
    root: outputDir ?? dirname(path),
    stem: prefix ?? stemOf(input, layout),
    layout,
    expectedLength,
  })
}

/**
 * Names that an earlier version gave to the files of the same run, in the same folder: it cut the name of every input as the
 * original does. Undefined where they are the same.
 */
export function formerPaths(options: PathOptions): OutputPaths | undefined {
  const { layout, input, prefix } = options
  const former = formerStemOf(input, layout)
  if (prefix !== undefined || !followsInput(options) || former === stemOf(input, layout)) return undefined
  return outputPaths({ ...options, prefix: former })
}

/**
 * Beside the input, names are the original's: it cuts the whole path at its first `.fa`, so that `reads.fasta` gives `reads`, and
 * `/data.family/x.fa` gives `/data` with the results beside that folder.
 */
function followsInput({ layout, outputDir, prefix }: PathOptions): boolean {
  return outputDir !== undefined || layout === 'broad' || prefix !== undefined
}

/** Names of the files of a run, by the stem. */
export function runPaths(run: RunName): OutputPaths {
  const { layout, root, stem, expectedLength: length } = run
  const folders: Record<string, string> = { root }
  // The stem of `.fa` is empty: the state of its run is the folder of all states, without a slash at the end.
  for (const [key, template] of Object.entries(FOLDERS))
    folders[key] = join(root, ...filled(template, { stem }).split('/'))
  // The original replaces every "nucleotide" of the path, so one in the stem changes too.
  if (layout === 'vanilla')
    folders.mergedFolder = join(
      root,
      filled(FOLDERS.nucleotideFolder, { stem }).replaceAll('nucleotide', 'merged'),
    )
  const files: Record<string, unknown> = {}
  for (const key of Object.keys(FILES) as FileName[]) {
    const template = templateOf(key, layout)
    const path = (part: number) =>
      join(folders[FILES[key].folder] as string, filled(template, { stem, length, part }))
    files[key] = isNumbered(template) ? path : path(0)
  }
  return { ...run, ...folders, ...files } as unknown as OutputPaths
}

/** The name of a file in one layout, with its placeholders. */
export function templateOf(file: FileName, layout: LayoutName): string {
  const { name } = FILES[file]
  return typeof name === 'string' ? name : name[layout]
}

/** The names of what is in the state of a run. */
export function statePaths(state: string): Paths<typeof STATE_FILES> {
  return Object.fromEntries(
    Object.entries(STATE_FILES).map(([key, template]) => [
      key,
      isNumbered(template)
        ? (part: number) => join(state, filled(template, { part }))
        : join(state, template),
    ]),
  ) as unknown as Paths<typeof STATE_FILES>
}

/** Where a start over several samples writes what is not in their folders. */
export interface SamplesPaths {
  readonly root: string
  readonly table: string
  readonly report: string
  /** What all samples came to, as a page. */
  readonly page: string
  readonly metrics: string
  readonly openMetrics: string
  readonly state: string
}

/** @param root - the folder with those of the samples */
export function samplesPaths(root: string): SamplesPaths {
  const report = join(root, SAMPLES_FILES.report)
  return {
    root,
    table: join(root, SAMPLES_FILES.table),
    report,
    page: join(report, FILES.page.name),
    metrics: join(report, FILES.metrics.name),
    openMetrics: join(report, FILES.openMetrics.name),
    state: join(root, STATES_FOLDER, SAMPLES_FILES.table),
  }
}

/** Files of all runs in an output folder, in the form of Broad's fork. */
export function sharedFiles(root: string): { failed: string; broadState: string } {
  return { failed: join(root, FILES.failed.name), broadState: join(root, FILES.broadState.name) }
}

/** The tables: a run that has finished has them all. */
export function resultFiles(paths: OutputPaths): string[] {
  return filesOf(paths, 'result')
}

/** What is made from the tables and the input. */
export function derivedFiles(paths: OutputPaths): string[] {
  return filesOf(paths, 'derived')
}

function filesOf(paths: OutputPaths, role: 'result' | 'derived'): string[] {
  return fixedFiles(paths).flatMap(([file, path]) => (FILES[file].role === role ? [path] : []))
}

/** All files of which a run has one, with their paths. */
export function fixedFiles(paths: OutputPaths): [file: FileName, path: string][] {
  return (Object.keys(FILES) as FileName[]).flatMap((file) => {
    const path = paths[file]
    return typeof path === 'string' ? [[file, path]] : []
  })
}

/** Whether a path, absolute, is the name of a file that the run makes. */
export function madeBy(paths: OutputPaths): (path: string) => boolean {
  const names = new Set(fixedFiles(paths).map(([, path]) => resolve(path)))
  const starts = (Object.keys(FOLDERS) as (keyof typeof FOLDERS)[]).map(
    (folder) => resolve(paths[folder]) + sep,
  )
  return (path) => names.has(path) || starts.some((start) => path.startsWith(start))
}
