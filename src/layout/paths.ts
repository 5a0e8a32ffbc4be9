import { basename, dirname, join, resolve, sep } from 'node:path'
import { descriptorOf } from '../system/descriptor.ts'

export type LayoutName = 'vanilla' | 'broad'

/** Names of everything a run writes. Part numbers count from 1. */
export interface OutputPaths {
  layout: LayoutName
  /** The folder everything lies in. */
  root: string
  chunked: string
  nucleotide: string
  protein: string
  nucleotideFolder: string
  proteinFolder: string
  mergedFolder: string
  nucleotidePart(part: number): string
  proteinPart(part: number): string
  dnabertPart(part: number): string
  esmPart(part: number): string
  mergedPart(part: number): string
  predictions: string
  consensus: string
  /** Records left out of the run, and records with something unusual, with the reason. */
  invalidRecords: string
  /** Folder of the state that lets an interrupted run go on. */
  state: string
  /** Folder of what tells how the run went: metrics, summary, report. */
  report: string
}

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
  const { root, stem } = place(options)
  return options.layout === 'broad' ? broad(root, stem, options) : vanilla(root, stem, options)
}

/**
 * The original cuts the whole path at its first `.fa`, wherever that is: `reads.fasta` gives `reads`, and
 * `/data.family/x.fa` gives `/data` with the results beside that folder. With a folder of its own for the results
 * only the file name is cut.
 */
function place({ layout, input, outputDir, prefix }: PathOptions): { root: string; stem: string } {
  const path = descriptorOf(input) !== undefined ? 'stdin' : input.replace(/\.(gz|bgz|bgzf|zst)$/i, '')
  if (outputDir === undefined && layout === 'vanilla' && prefix === undefined) {
    const cut = path.split('.fa')[0] ?? path
    return { root: dirname(cut), stem: basename(cut) }
  }
  const name = basename(path)
  const stem = prefix ?? (layout === 'broad' ? pythonStem(name) : (name.split('.fa')[0] ?? name))
  return { root: outputDir ?? dirname(path), stem }
}

/** Python's `Path(name).stem`: the name without its last suffix; a leading dot starts no suffix. */
function pythonStem(name: string): string {
  const dot = name.lastIndexOf('.')
  return dot > 0 && dot < name.length - 1 ? name.slice(0, dot) : name
}

function vanilla(root: string, stem: string, { expectedLength }: PathOptions): OutputPaths {
  const nucleotideFolder = join(root, `${stem}_nucleotide`)
  const proteinFolder = join(root, `${stem}_protein`)
  // The original replaces every "nucleotide" of the path, so one in the stem changes too.
  const mergedFolder = join(root, `${stem}_nucleotide`.replaceAll('nucleotide', 'merged'))
  return {
    layout: 'vanilla',
    root,
    chunked: join(root, `${stem}_chunked${expectedLength}.fa`),
    nucleotide: join(root, `${stem}_identified_nucleotide.fa`),
    protein: join(root, `${stem}_identified_protein.faa`),
    ...parts(nucleotideFolder, proteinFolder, mergedFolder),
    ...extras(root, stem),
  }
}

function broad(root: string, stem: string, { expectedLength }: PathOptions): OutputPaths {
  return {
    layout: 'broad',
    root,
    chunked: join(root, `${stem}_chunked${expectedLength}.fa`),
    nucleotide: join(root, `${stem}_nucleotide.fa`),
    protein: join(root, `${stem}_protein.faa`),
    ...parts(join(root, `${stem}_nucleotide`), join(root, `${stem}_protein`), join(root, `${stem}_merged`)),
    ...extras(root, stem),
  }
}

function parts(nucleotideFolder: string, proteinFolder: string, mergedFolder: string) {
  return {
    nucleotideFolder,
    proteinFolder,
    mergedFolder,
    nucleotidePart: (part: number) => join(nucleotideFolder, `output_${part}.fa`),
    proteinPart: (part: number) => join(proteinFolder, `output_${part}.fa`),
    dnabertPart: (part: number) => join(nucleotideFolder, `output_${part}_DNABERT_S.pt`),
    esmPart: (part: number) => join(proteinFolder, `output_${part}_ESM.pt`),
    mergedPart: (part: number) => join(mergedFolder, `output_${part}_merged.pt`),
    predictions: join(mergedFolder, 'prediction_results.txt'),
    consensus: join(mergedFolder, 'prediction_results_highestscore.csv'),
  }
}

/** What the reference programs do not have. */
function extras(root: string, stem: string) {
  return {
    invalidRecords: join(root, `${stem}_invalid_records.tsv`),
    state: join(root, '.virnucpro', stem),
    report: join(root, `${stem}_report`),
  }
}

/** Files of all runs in an output folder, in the form of Broad's fork. */
export function sharedFiles({ root }: Pick<OutputPaths, 'root'>): { failed: string; broadState: string } {
  return {
    failed: join(root, 'failed_files.txt'),
    broadState: join(root, '.checkpoints', 'pipeline_state.json'),
  }
}

/** Tells of a path, absolute, whether it is the name of a file that the run makes. */
export function madeBy(paths: OutputPaths): (path: string) => boolean {
  const { chunked, nucleotide, protein, invalidRecords } = paths
  const files = [chunked, nucleotide, protein, invalidRecords, ...Object.values(sharedFiles(paths))]
  const { nucleotideFolder, proteinFolder, mergedFolder, report, state } = paths
  const folders = [nucleotideFolder, proteinFolder, mergedFolder, report, state]
  const names = new Set(files.map((path) => resolve(path)))
  const starts = folders.map((path) => resolve(path) + sep)
  return (path) => names.has(path) || starts.some((start) => path.startsWith(start))
}
