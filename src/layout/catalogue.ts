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
  /** What is in it, for programs: `tsv` also where the name says something else. */
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
  /** Chunks of all records. */
  chunked: {
    folder: 'root',
    name: '{stem}_chunked{length}.fa',
    role: 'intermediate',
    content: 'chunks',
    form: 'fasta',
  },
  /** Open frames as DNA. */
  nucleotide: {
    folder: 'root',
    name: { vanilla: '{stem}_identified_nucleotide.fa', broad: '{stem}_nucleotide.fa' },
    role: 'intermediate',
    content: 'frames',
    form: 'fasta',
  },
  /** Open frames as protein. */
  protein: {
    folder: 'root',
    name: { vanilla: '{stem}_identified_protein.faa', broad: '{stem}_protein.faa' },
    role: 'intermediate',
    content: 'frames',
    form: 'fasta',
  },
  /** The frames of a part as DNA. */
  nucleotidePart: {
    folder: 'nucleotideFolder',
    name: 'output_{part}.fa',
    role: 'intermediate',
    content: 'frames',
    form: 'fasta',
  },
  /** The frames of a part as protein. */
  proteinPart: {
    folder: 'proteinFolder',
    name: 'output_{part}.fa',
    role: 'intermediate',
    content: 'frames',
    form: 'fasta',
  },
  /** Records left out of the run, and records with something unusual, with the reason. */
  invalidRecords: {
    folder: 'root',
    name: '{stem}_invalid_records.tsv',
    role: 'about',
    content: 'invalidRecords',
    form: 'tsv',
  },
  /** DNABERT-S embeddings of a part. */
  dnabertPart: {
    folder: 'nucleotideFolder',
    name: 'output_{part}_DNABERT_S.pt',
    formerly: ['output_{part}_DNABERT.pt'],
    role: 'intermediate',
    content: 'embeddings',
    form: 'pytorch',
  },
  /** ESM-2 embeddings of a part. */
  esmPart: {
    folder: 'proteinFolder',
    name: 'output_{part}_ESM.pt',
    formerly: ['output_{part}_DNABERT.pt'],
    role: 'intermediate',
    content: 'embeddings',
    form: 'pytorch',
  },
  /** Both embeddings of a part side by side. */
  mergedPart: {
    folder: 'mergedFolder',
    name: 'output_{part}_merged.pt',
    formerly: ['output_{part}_DNABERT_merged.pt'],
    role: 'intermediate',
    content: 'embeddings',
    form: 'pytorch',
  },
  /** Calls of frames. */
  predictions: {
    folder: 'mergedFolder',
    name: 'prediction_results.txt',
    role: 'result',
    content: 'frameCalls',
    form: 'tsv',
  },
  /** Calls of chunks. */
  consensus: {
    folder: 'mergedFolder',
    name: 'prediction_results_highestscore.csv',
    role: 'result',
    content: 'chunkCalls',
    form: 'tsv',
  },
  /** Calls of all records. */
  contigs: { folder: 'results', name: 'contigs.tsv', role: 'derived', content: 'recorded', form: 'tsv' },
  /** All chunks of all records, with coordinates. */
  chunks: { folder: 'results', name: 'chunks.tsv', role: 'derived', content: 'recorded', form: 'tsv' },
  /** All scored frames, with coordinates, as Parquet. */
  frameTable: {
    folder: 'results',
    name: 'frames.parquet',
    role: 'derived',
    content: 'recorded',
    form: 'parquet',
  },
  /** Records called viral, as BGZF. */
  viralFasta: {
    folder: 'results',
    name: 'viral.fasta.gz',
    role: 'derived',
    content: 'recorded',
    form: 'fasta.gz',
  },
  /** Scored chunks for genome browsers. */
  gff: { folder: 'results', name: 'chunks.gff3', role: 'derived', content: 'recorded', form: 'gff3' },
  /** Viral stretches of records. */
  bed: { folder: 'results', name: 'viral.bed', role: 'derived', content: 'recorded', form: 'bed' },
  /** Says beside the tables of a demonstration what they are. */
  demonstration: {
    folder: 'mergedFolder',
    name: 'DEMONSTRATION.txt',
    role: 'about',
    content: 'demonstration',
    form: 'text',
  },
  /** Parts that could not be computed, in the form of Broad's fork. */
  failed: { folder: 'root', name: 'failed_files.txt', role: 'shared', content: 'failures', form: 'text' },
  /** Frames that could not be computed, with the record, what failed on them and why. */
  failedFrames: {
    folder: 'root',
    name: '{stem}_failed_frames.tsv',
    role: 'about',
    content: 'recorded',
    form: 'tsv',
  },
  /** The state that Broad's fork resumes from. */
  broadState: {
    folder: 'root',
    name: '.checkpoints/pipeline_state.json',
    role: 'shared',
    only: 'broad',
    content: 'pipelineState',
    form: 'json',
  },
  /** Everything the report says, for programs. */
  summary: { folder: 'report', name: 'summary.json', role: 'about', content: 'summary', form: 'json' },
  /** The report as a page. */
  page: { folder: 'report', name: 'report.html', role: 'about', content: 'page', form: 'html' },
  /** A section for MultiQC. */
  multiqcSection: {
    folder: 'report',
    name: 'virnucpro_mqc.tsv',
    role: 'about',
    content: 'multiqc',
    form: 'tsv',
  },
  /** The same of contigs. */
  multiqcContigs: {
    folder: 'report',
    name: 'virnucpro_contigs_mqc.tsv',
    role: 'about',
    content: 'multiqc',
    form: 'tsv',
  },
  /** Columns for the general statistics of MultiQC. */
  multiqcGeneral: {
    folder: 'report',
    name: 'virnucpro_general_stats_mqc.tsv',
    role: 'about',
    content: 'multiqc',
    form: 'tsv',
  },
  /** What the monitor saw, a line at a time. */
  metrics: { folder: 'report', name: 'metrics.jsonl', role: 'about', content: 'metrics', form: 'jsonl' },
  /** What the monitor saw last, for Prometheus. */
  openMetrics: {
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
  /** What the run works on and how far it is. Without it the rest is nothing. */
  manifest: 'run.json',
  /** Every file that the run has made. */
  record: 'files.log',
  /** Folder of the working files, which go at the end of the run. */
  work: 'work',
  /** Scores of a part that is done. */
  scores: 'work/part_{part6}.scores',
  /** Scores of those frames of a failed part that could be computed. */
  partial: 'work/part_{part6}.partial',
  /** What a part of a file of embeddings holds, whose journal has them. */
  rows: 'work/part_{part6}.rows',
  /** Embeddings of the parts from this one on. */
  journal: 'work/parts_from_{part6}.journal',
  /** Embeddings taken over from a run of another program. */
  adopted: 'work/adopted.journal',
  /** Sorted rows of the table of chunks that did not fit into memory. */
  sorted: 'work/sort_{part}.tsv',
} as const

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
