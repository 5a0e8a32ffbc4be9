/** What the cells of a column are. Numbers of `decimal` have four decimals. */
export type ColumnType = 'text' | 'word' | 'whole' | 'decimal' | 'number' | 'int32' | 'int64' | 'float32'

/** A column of a table: what writes it, what reads it and the documentation go by this. */
export interface Column {
  readonly name: string
  readonly type: ColumnType
  readonly unit?: string
  /** Markdown, without the last full stop. */
  readonly meaning: string
  /** The tables that have it: those of several inputs only, of one layout, or of runs in two precisions. @default all */
  readonly only?: 'several inputs' | 'broad' | 'recheck'
}

const FILE = {
  name: 'file',
  type: 'text',
  meaning: 'input that the record came from',
  only: 'several inputs',
} as const satisfies Column

const RECORD = { name: 'seq_name', type: 'text', meaning: 'id of the record' } as const satisfies Column

/** What became of something, and why. */
const OUTCOME = [
  {
    name: 'status',
    type: 'word',
    meaning: '`scored`, `not_scored`, `filtered` or `failed`',
  },
  {
    name: 'reason',
    type: 'word',
    meaning: 'why it has no call, or not the whole of one; `NA` where there is nothing to say',
  },
] as const satisfies readonly Column[]

interface ScoreColumn<Name extends string, Type extends ColumnType> extends Column {
  readonly name: Name
  readonly type: Type
}

/** Both scores, in a table of the results. */
function scores<Type extends ColumnType>(
  type: Type,
  of: string,
): readonly [ScoreColumn<'virus_score', Type>, ScoreColumn<'others_score', Type>] {
  return [
    { name: 'virus_score', type, meaning: `${of} for the class \`virus\`, from 0 to 1` },
    { name: 'others_score', type, meaning: `${of} for the class \`others\`, from 0 to 1` },
  ]
}

/** The columns of every table that a run writes, in their order, by the names of the files in the catalogue. */
export const COLUMNS = {
  contigs: [
    RECORD,
    { name: 'length', type: 'whole', unit: 'bases', meaning: 'length of the record' },
    { name: 'n_chunks', type: 'whole', meaning: 'chunks it was cut into' },
    { name: 'n_scored', type: 'whole', meaning: 'of these, chunks with a score' },
    { name: 'n_viral', type: 'whole', meaning: 'of these, chunks called viral' },
    { name: 'viral_fraction', type: 'decimal', meaning: '`n_viral` / `n_scored`' },
    ...scores('decimal', 'mean over the scored chunks'),
    {
      name: 'weighted_delta',
      type: 'decimal',
      meaning:
        '[weighted](reference/results.md#the-call-of-a-contig) difference of both scores, from -1 (others) to 1 (virus)',
    },
    { name: 'call', type: 'word', meaning: '`viral`, `non_viral` or `ambiguous`' },
    {
      name: 'tier',
      type: 'word',
      meaning: 'how far the call can be relied on: `high`, `moderate`, `low` or `review`',
    },
    ...OUTCOME,
    FILE,
  ],
  chunks: [
    RECORD,
    {
      name: 'chunk',
      type: 'whole',
      meaning: 'number of the chunk, from 1; the other tables call it `NAME_chunk_N`',
    },
    {
      name: 'start',
      type: 'whole',
      unit: 'bases',
      meaning: 'first base on the record, from 1; chunks overlap as the original cuts them',
    },
    { name: 'end', type: 'whole', unit: 'bases', meaning: 'last base on the record' },
    {
      name: 'n_frames',
      type: 'whole',
      meaning: "open frames; in Broad's layout also those without a residue, which get no score",
    },
    {
      name: 'best_frame',
      type: 'word',
      meaning: 'frame with the highest `virus` score: `F1` to `F3`, or `R1` to `R3` on the other strand',
    },
    ...scores('decimal', 'highest score over the frames'),
    {
      name: 'call',
      type: 'word',
      meaning:
        "`viral` where `virus_score` is at least `others_score`, as in the original's table; else `non_viral`",
    },
    ...OUTCOME,
    FILE,
  ],
  frameTable: [
    RECORD,
    { name: 'chunk', type: 'int32', meaning: 'number of the chunk, as in `chunks.tsv`' },
    { name: 'start', type: 'int64', unit: 'bases', meaning: 'first base of the chunk on the record, from 1' },
    { name: 'end', type: 'int64', unit: 'bases', meaning: 'last base of the chunk on the record' },
    { name: 'strand', type: 'text', meaning: '`+`, or `-` for the reverse complement' },
    {
      name: 'frame',
      type: 'text',
      meaning:
        '`F1` to `F3`, `R1` to `R3`: the digit is one more than the bases skipped at the start of the chunk, on its strand',
    },
    ...scores('float32', 'score, exactly as in `prediction_results.txt`,'),
    FILE,
    {
      name: 'precision',
      type: 'text',
      meaning: 'what ESM-2 computed the scores in: that of the quantized model, or that of the recheck',
      only: 'recheck',
    },
  ],
  gff: [
    { name: 'seqid', type: 'text', meaning: 'id of the record, escaped as GFF3 asks for' },
    { name: 'source', type: 'text', meaning: '`virnucpro`' },
    { name: 'type', type: 'text', meaning: '`sequence_feature`' },
    { name: 'start', type: 'whole', unit: 'bases', meaning: 'first base on the record, from 1' },
    { name: 'end', type: 'whole', unit: 'bases', meaning: 'last base on the record' },
    { name: 'score', type: 'decimal', meaning: '`virus_score` of the chunk' },
    { name: 'strand', type: 'word', meaning: '`+` or `-`, that of its best frame' },
    { name: 'phase', type: 'text', meaning: '`.`' },
    {
      name: 'attributes',
      type: 'text',
      meaning: '`ID` (`NAME_chunk_N`), `call`, `frame` (its best) and `others_score`, with `;` between them',
    },
  ],
  bed: [
    { name: 'chrom', type: 'text', meaning: 'id of the record' },
    { name: 'chromStart', type: 'whole', unit: 'bases', meaning: 'start of the viral stretch, from 0' },
    { name: 'chromEnd', type: 'whole', unit: 'bases', meaning: 'its end, exclusive' },
    { name: 'name', type: 'text', meaning: '`viral`' },
    { name: 'score', type: 'whole', meaning: 'a thousand times the mean `virus_score` of its viral chunks' },
    { name: 'strand', type: 'text', meaning: '`.`' },
  ],
  predictions: [
    { name: 'Sequence_ID', type: 'text', meaning: 'id of the frame: `NAME_chunk_N` and `F1` to `R3`' },
    { name: 'Prediction', type: 'word', meaning: '`virus` or `others`, the class with the higher score' },
    {
      name: 'score1',
      type: 'number',
      meaning:
        "score for `others`; digits as numpy prints float32, or in Broad's layout as Python prints doubles",
    },
    { name: 'score2', type: 'number', meaning: 'score for `virus`' },
  ],
  consensus: [
    { name: 'Modified_ID', type: 'text', meaning: 'id of the chunk, `NAME_chunk_N`' },
    {
      name: 'Is_Virus',
      type: 'word',
      meaning: '`True` where the best score for `virus` is at least the best for `others`; else `False`',
    },
    {
      name: 'max_score_0',
      type: 'number',
      meaning: 'best score for `others` over the frames',
      only: 'broad',
    },
    { name: 'max_score_1', type: 'number', meaning: 'best score for `virus` over the frames', only: 'broad' },
  ],
  invalidRecords: [
    { name: 'source', type: 'text', meaning: 'input, as given; `<stdin>` for `-`' },
    {
      name: 'line',
      type: 'whole',
      meaning: 'line of the header or of the fault, from 1; in BAM the number of the record',
    },
    { name: 'id', type: 'text', meaning: 'id of the record; empty where the fault belongs to none' },
    { name: 'reason', type: 'word', meaning: 'kind of fault' },
    { name: 'message', type: 'text', meaning: 'the fault in words, with its place' },
    {
      name: 'outcome',
      type: 'word',
      meaning: '`left_out`, `kept` (it has its rows in the tables) or `noted` (about the file, not a record)',
    },
  ],
  failedFrames: [
    { name: 'source', type: 'text', meaning: 'input that the record came from' },
    { name: 'record', type: 'text', meaning: 'id of the record' },
    { name: 'frame', type: 'text', meaning: 'id of the frame, `NAME_chunk_N` and `F1` to `R3`' },
    { name: 'part', type: 'whole', meaning: 'number of the part that it is in, from 1' },
    { name: 'step', type: 'word', meaning: 'what failed on it: `DNABERT-S`, `ESM-2` or `classifier`' },
    { name: 'reason', type: 'text', meaning: 'why, in words' },
  ],
  failed: [
    { name: 'file', type: 'text', meaning: 'FASTA file of the part' },
    { name: 'step', type: 'word', meaning: 'what failed on it: `DNABERT-S`, `ESM-2` or `classifier`' },
    { name: 'reason', type: 'text', meaning: 'why, in words, without line ends and `|`' },
  ],
  /** Of a start over several samples: `samples.tsv`. */
  samples: [
    { name: 'sample', type: 'text', meaning: 'name of the sample' },
    { name: 'files', type: 'text', meaning: 'its input files, with `;` between them' },
    { name: 'records', type: 'whole', meaning: 'records that were read' },
    { name: 'frames', type: 'whole', meaning: 'frames with a score' },
    { name: 'viral', type: 'whole', meaning: 'records called viral' },
    { name: 'non_viral', type: 'whole', meaning: 'records called not viral' },
    { name: 'ambiguous', type: 'whole', meaning: 'records called ambiguous' },
    { name: 'uncalled', type: 'whole', meaning: 'records without a call' },
    { name: 'viral_chunks', type: 'whole', meaning: 'chunks called viral' },
    {
      name: 'status',
      type: 'word',
      meaning: '`finished`, `frames_failed` (frames are missing from its results) or `failed`',
    },
    { name: 'reason', type: 'text', meaning: 'why it failed, or how many parts did' },
    {
      name: 'contigs',
      type: 'text',
      meaning: 'path of its `contigs.tsv`, seen from the folder of this table',
    },
  ],
} as const satisfies Readonly<Record<string, readonly Column[]>>

export type TableName = keyof typeof COLUMNS
export type ColumnName<Table extends TableName> = (typeof COLUMNS)[Table][number]['name']

/**
 * The names of the columns of a table, in their order.
 *
 * @param more - which columns it has besides those of every such table
 */
export function columnNames<Table extends TableName>(
  table: Table,
  ...more: readonly Column['only'][]
): ColumnName<Table>[] {
  const columns: readonly Column[] = COLUMNS[table]
  return columns
    .filter(({ only }) => only === undefined || more.includes(only))
    .map(({ name }) => name as ColumnName<Table>)
}

/** Where each column of a table stands in its rows, from 0. */
export function columnPlaces<Table extends TableName>(
  table: Table,
): Readonly<Record<ColumnName<Table>, number>> {
  const places = COLUMNS[table].map(({ name }, place) => [name, place])
  return Object.fromEntries(places) as Record<ColumnName<Table>, number>
}
