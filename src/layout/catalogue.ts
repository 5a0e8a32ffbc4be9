/** `vanilla`: names and forms of the original; `broad`: those of Broad's fork. */
export type LayoutName = 'vanilla' | 'broad'

/**
 * Folders of a run below its output folder. In every template `{stem}` stands for the stem of the names, `{length}` for
 * the length of chunks, `{part}` for the number of a part, from 1, and `{part6}` for the same with six digits.
 */
export const FOLDERS = {
  nucleotideFolder: '{stem}_nucleotide',
  proteinFolder: '{stem}_protein',
  mergedFolder: '{stem}_merged',
  /** Tables for people and other programs. */
  results: '{stem}_results',
  /** What says how the run went: summary, page, metrics. */
  report: '{stem}_report',
  /** What lets an interrupted run go on; see {@link STATE_FILES}. */
  state: '.virnucpro/{stem}',
} as const

/** Folder in an output folder that holds the states of its runs. */
export const STATES_FOLDER = '.virnucpro'

/** Forms of files. */
export type FileForm =
  | 'tsv'
  | 'parquet'
  | 'fasta'
  | 'fasta.gz'
  | 'gff3'
  | 'bed'
  | 'pytorch'
  | 'json'
  | 'jsonl'
  | 'openmetrics'
  | 'html'
  | 'text'

interface RunFile {
  /** What is in it, for people: Markdown, without the last full stop. */
  about: string
  /** `root` is the output folder itself. */
  folder: keyof typeof FOLDERS | 'root'
  name: string | Readonly<Record<LayoutName, string>>
  /**
   * - `intermediate`: removed at the end of a run that does not keep it
   * - `result`: makes a run finished, and is compared before the run counts as such
   * - `derived`: made from the results and the input, and made again where it is missing
   * - `about`: says something about the run or its input
   * - `shared`: all runs in an output folder write into it
   */
  role: 'intermediate' | 'result' | 'derived' | 'about' | 'shared'
  /** How a file without a record, from another program or from version 0.1.0, is recognized; `recorded`: not at all. */
  content: string
  /** How it is read, by programs: `tsv` also where the name says something else. */
  form: FileForm
  /** Names that earlier versions of the original or of Broad's fork gave; recognized and never written. */
  formerly?: readonly string[]
  /** The one layout that has the file. @default both */
  only?: LayoutName
}

/**
 * Every file that a run leaves in its output folder, in the order in which the stages write them. Paths, clean-up,
 * recognition and migration are queries on this table. In Broad's layout each file of embeddings has an empty
 * `NAME.done` beside it.
 */
export const FILES = {
  chunked: {
    about: 'chunks of all records',
    folder: 'root',
    name: '{stem}_chunked{length}.fa',
    role: 'intermediate',
    content: 'chunks',
    form: 'fasta',
  },
  nucleotide: {
    about: 'open frames as DNA',
    folder: 'root',
    name: { vanilla: '{stem}_identified_nucleotide.fa', broad: '{stem}_nucleotide.fa' },
    role: 'intermediate',
    content: 'frames',
    form: 'fasta',
  },
  protein: {
    about: 'open frames as protein',
    folder: 'root',
    name: { vanilla: '{stem}_identified_protein.faa', broad: '{stem}_protein.faa' },
    role: 'intermediate',
    content: 'frames',
    form: 'fasta',
  },
  nucleotidePart: {
    about: 'the frames of a part as DNA',
    folder: 'nucleotideFolder',
    name: 'output_{part}.fa',
    role: 'intermediate',
    content: 'frames',
    form: 'fasta',
  },
  proteinPart: {
    about: 'the frames of a part as protein',
    folder: 'proteinFolder',
    name: 'output_{part}.fa',
    role: 'intermediate',
    content: 'frames',
    form: 'fasta',
  },
  invalidRecords: {
    about: 'records left out of the run, and records with something unusual, with the reason',
    folder: 'root',
    name: '{stem}_invalid_records.tsv',
    role: 'about',
    content: 'invalidRecords',
    form: 'tsv',
  },
  dnabertPart: {
    about: 'DNABERT-S embeddings of a part',
    folder: 'nucleotideFolder',
    name: 'output_{part}_DNABERT_S.pt',
    formerly: ['output_{part}_DNABERT.pt'],
    role: 'intermediate',
    content: 'embeddings',
    form: 'pytorch',
  },
  esmPart: {
    about: 'ESM-2 embeddings of a part',
    folder: 'proteinFolder',
    name: 'output_{part}_ESM.pt',
    formerly: ['output_{part}_DNABERT.pt'],
    role: 'intermediate',
    content: 'embeddings',
    form: 'pytorch',
  },
  mergedPart: {
    about: 'both embeddings of a part side by side',
    folder: 'mergedFolder',
    name: 'output_{part}_merged.pt',
    formerly: ['output_{part}_DNABERT_merged.pt'],
    role: 'intermediate',
    content: 'embeddings',
    form: 'pytorch',
  },
  predictions: {
    about: 'calls of frames',
    folder: 'mergedFolder',
    name: 'prediction_results.txt',
    role: 'result',
    content: 'frameCalls',
    form: 'tsv',
  },
  consensus: {
    about: 'calls of chunks',
    folder: 'mergedFolder',
    name: 'prediction_results_highestscore.csv',
    role: 'result',
    content: 'chunkCalls',
    form: 'tsv',
  },
  contigs: {
    about: 'calls of all records',
    folder: 'results',
    name: 'contigs.tsv',
    role: 'derived',
    content: 'recorded',
    form: 'tsv',
  },
  chunks: {
    about: 'all chunks of all records, with coordinates',
    folder: 'results',
    name: 'chunks.tsv',
    role: 'derived',
    content: 'recorded',
    form: 'tsv',
  },
  frameTable: {
    about: 'all scored frames, with coordinates, as Parquet',
    folder: 'results',
    name: 'frames.parquet',
    role: 'derived',
    content: 'recorded',
    form: 'parquet',
  },
  viralFasta: {
    about: 'records called viral, as BGZF',
    folder: 'results',
    name: 'viral.fasta.gz',
    role: 'derived',
    content: 'recorded',
    form: 'fasta.gz',
  },
  gff: {
    about: 'scored chunks for genome browsers',
    folder: 'results',
    name: 'chunks.gff3',
    role: 'derived',
    content: 'recorded',
    form: 'gff3',
  },
  bed: {
    about: 'viral stretches of records',
    folder: 'results',
    name: 'viral.bed',
    role: 'derived',
    content: 'recorded',
    form: 'bed',
  },
  demonstration: {
    about: 'warning that the calls of a demonstration mean nothing',
    folder: 'mergedFolder',
    name: 'DEMONSTRATION.txt',
    role: 'about',
    content: 'demonstration',
    form: 'text',
  },
  failed: {
    about: "parts that could not be computed, in the form of Broad's fork",
    folder: 'root',
    name: 'failed_files.txt',
    role: 'shared',
    content: 'failures',
    form: 'text',
  },
  failedFrames: {
    about: 'frames that could not be computed, with the record, what failed on them and why',
    folder: 'root',
    name: '{stem}_failed_frames.tsv',
    role: 'about',
    content: 'recorded',
    form: 'tsv',
  },
  broadState: {
    about: "the state that Broad's fork resumes from",
    folder: 'root',
    name: '.checkpoints/pipeline_state.json',
    role: 'shared',
    only: 'broad',
    content: 'pipelineState',
    form: 'json',
  },
  summary: {
    about: 'everything the report says, for programs',
    folder: 'report',
    name: 'summary.json',
    role: 'about',
    content: 'summary',
    form: 'json',
  },
  page: {
    about: 'the report as a page',
    folder: 'report',
    name: 'report.html',
    role: 'about',
    content: 'page',
    form: 'html',
  },
  multiqcSection: {
    about: 'a section for MultiQC about chunks',
    folder: 'report',
    name: 'virnucpro_mqc.tsv',
    role: 'about',
    content: 'multiqc',
    form: 'tsv',
  },
  multiqcContigs: {
    about: 'a section for MultiQC about contigs',
    folder: 'report',
    name: 'virnucpro_contigs_mqc.tsv',
    role: 'about',
    content: 'multiqc',
    form: 'tsv',
  },
  multiqcGeneral: {
    about: 'columns for the general statistics of MultiQC',
    folder: 'report',
    name: 'virnucpro_general_stats_mqc.tsv',
    role: 'about',
    content: 'multiqc',
    form: 'tsv',
  },
  metrics: {
    about: 'what the monitor saw, a line at a time',
    folder: 'report',
    name: 'metrics.jsonl',
    role: 'about',
    content: 'metrics',
    form: 'jsonl',
  },
  openMetrics: {
    about: 'what the monitor saw last, for Prometheus',
    folder: 'report',
    name: 'metrics.prom',
    role: 'about',
    content: 'openMetrics',
    form: 'openmetrics',
  },
} as const satisfies Readonly<Record<string, RunFile>>

export type FileName = keyof typeof FILES
/** How files without a record are recognized. */
export type FileContent = (typeof FILES)[FileName]['content']

/** What is in the state of a run, below its folder. */
export const STATE_FILES = {
  manifest: 'run.json',
  record: 'files.log',
  work: 'work',
  scores: 'work/part_{part6}.scores',
  partial: 'work/part_{part6}.partial',
  rechecked: 'work/part_{part6}.rechecked',
  recheckJournal: 'work/recheck_from_{part6}.journal',
  precisions: 'precisions.json',
  rows: 'work/part_{part6}.rows',
  journal: 'work/parts_from_{part6}.journal',
  adopted: 'work/adopted.journal',
  reused: 'work/reused.journal',
  sorted: 'work/sort_{part}.tsv',
} as const

/** What is in each of them: Markdown, without the last full stop. */
export const STATE_ABOUT: Readonly<Record<keyof typeof STATE_FILES, string>> = {
  manifest: 'what the run works on and how far it is; without it the rest is nothing',
  record: 'every file that the run has made',
  work: 'folder of the working files, which go at the end of the run',
  scores: 'scores of a part that is done',
  partial: 'scores of those frames of a failed part that could be computed',
  rechecked: 'scores of frames of a part that were rechecked',
  recheckJournal: 'embeddings of such frames, of the parts from this one on',
  precisions: 'which frames of a run were rechecked, and by which rule they were chosen',
  rows: 'what a part of a file of embeddings holds, whose journal has them',
  journal: 'embeddings of the parts from this one on',
  adopted: 'embeddings taken over from a run of another program',
  reused: 'embeddings of sequences that come again',
  sorted: 'sorted rows of the table of chunks that did not fit into memory',
}

/** What a start over several samples leaves beside their folders. */
export const SAMPLES_FILES = {
  /** A line for each sample. */
  table: 'samples.tsv',
  /** Folder of the page about all samples and of the metrics. */
  report: 'samples_report',
} as const

/** Names of which there is one for each part. */
export type Numbered<Names extends Readonly<Record<string, unknown>>> = {
  [Key in keyof Names]: Names[Key] extends `${string}{part${string}` | { name: `${string}{part${string}` }
    ? Key
    : never
}[keyof Names]

/** What the placeholders of a template stand for. */
export interface Placeholders {
  stem?: string
  length?: number
  part?: number
}

/** The name that a template gives. */
export function filled(template: string, { stem = '', length = 0, part = 0 }: Placeholders): string {
  const values: Record<string, string> = {
    stem,
    length: String(length),
    part: String(part),
    part6: String(part).padStart(6, '0'),
  }
  return template.replaceAll(/\{(\w+)\}/g, (_, key: string) => values[key] as string)
}

export function isNumbered(template: string): boolean {
  return template.includes('{part')
}

/** Reads the placeholders from names that a template gives; undefined for all others. */
export function reader(template: string): (name: string) => Placeholders | undefined {
  const source = template.replaceAll(/\{(\w+)\}|[.]/g, (found, key: string | undefined) => {
    if (key === undefined) return `\\${found}`
    return key === 'stem' ? '(?<stem>.+)' : `(?<${key === 'part6' ? 'part' : key}>\\d+)`
  })
  const pattern = new RegExp(`^${source}$`, 's')
  return (name) => {
    const { groups } = pattern.exec(name) ?? {}
    if (groups === undefined) return pattern.test(name) ? {} : undefined
    const { stem, length, part } = groups
    return {
      ...(stem !== undefined && { stem }),
      ...(length !== undefined && { length: Number(length) }),
      ...(part !== undefined && { part: Number(part) }),
    }
  }
}
