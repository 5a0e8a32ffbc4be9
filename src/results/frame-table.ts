import type { ByteWriter, ParquetWriter, SchemaElement } from 'hyparquet-writer'
import { version } from '../../package.json' with { type: 'json' }
import { COLUMNS, type ColumnName, columnNames } from '../layout/index.ts'
import type { FrameName } from '../sequence/index.ts'
import type { ByteSink } from '../system/atomic.ts'
import { parquetSettings } from './parquet.ts'
import { FRAMES } from './structure.ts'

/** Version of the columns. */
const FORMAT = '1'
/** Rows of a group: what is in memory at once. */
const GROUP_ROWS = 1 << 16

type Column = ColumnName<'frameTable'>
/** How Parquet has the types of the columns. */
const TYPES = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  int32: { type: 'INT32' },
  int64: { type: 'INT64' },
  float32: { type: 'FLOAT' },
} as const satisfies Readonly<
  Record<(typeof COLUMNS)['frameTable'][number]['type'], Omit<SchemaElement, 'name'>>
>

/** A scored frame, and the chunk that it is of. */
export interface FrameRow {
  /** Id of the record. */
  name: string
  /** Number of the chunk, from 1. */
  chunk: number
  /** Place of the chunk on the record, from 1, both inclusive. */
  start: number
  end: number
  frame: FrameName
  /** Scores, float32. */
  virus: number
  others: number
  /** Input of the record; with several inputs only. */
  file?: string
  /** What the scores were computed in; in a run with a recheck only. */
  precision?: string
}

export interface FrameTableOptions {
  /** Whether there is a column for the input of a record. */
  hasFiles: boolean
  /** Whether there is a column for the precision of a score. @default false */
  hasPrecisions?: boolean
  /** Warning of a demonstration, for the metadata. */
  stamp: string | undefined
}

/** The table of frames as Parquet, a group of rows in memory at a time. */
export class FrameTable {
  /** Rows so far. */
  count = 0
  readonly #sink: ByteSink
  readonly #bytes: ByteWriter
  readonly #parquet: ParquetWriter
  readonly #columns: readonly Column[]
  #rows = 0
  readonly #data = {
    seq_name: new Array<string>(GROUP_ROWS),
    chunk: new Int32Array(GROUP_ROWS),
    start: new BigInt64Array(GROUP_ROWS),
    end: new BigInt64Array(GROUP_ROWS),
    strand: new Array<string>(GROUP_ROWS),
    frame: new Array<string>(GROUP_ROWS),
    virus_score: new Float32Array(GROUP_ROWS),
    others_score: new Float32Array(GROUP_ROWS),
    file: new Array<string>(GROUP_ROWS),
    precision: new Array<string>(GROUP_ROWS),
  } satisfies Record<Column, unknown>

  private constructor(
    sink: ByteSink,
    { ByteWriter, ParquetWriter }: typeof import('hyparquet-writer'),
    { hasFiles, hasPrecisions, stamp }: FrameTableOptions,
  ) {
    this.#sink = sink
    this.#bytes = new ByteWriter()
    this.#columns = columnNames(
      'frameTable',
      ...(hasFiles ? (['several inputs'] as const) : []),
      ...(hasPrecisions ? (['recheck'] as const) : []),
    )
    const columns = COLUMNS.frameTable.filter(({ name }) => this.#columns.includes(name))
    this.#parquet = new ParquetWriter({
      writer: this.#bytes,
      schema: [
        { name: 'frames', num_children: columns.length },
        ...columns.map(({ name, type }) => ({ name, ...TYPES[type], repetition_type: 'REQUIRED' as const })),
      ],
      ...parquetSettings({
        'virnucpro.frames': FORMAT,
        'virnucpro.version': version,
        ...(stamp !== undefined && { 'virnucpro.demonstration': stamp }),
      }),
    })
  }

  static async begin(sink: ByteSink, options: FrameTableOptions): Promise<FrameTable> {
    return new FrameTable(sink, await import('hyparquet-writer'), options)
  }

  /** Whether it is time to {@link flush}: there may be no room for the frames of another chunk. */
  get isFull(): boolean {
    return this.#rows + FRAMES.length > GROUP_ROWS
  }

  add({ name, chunk, start, end, frame, virus, others, file = '', precision = '' }: FrameRow): void {
    const data = this.#data
    const row = this.#rows++
    this.count++
    data.seq_name[row] = name
    data.chunk[row] = chunk
    data.start[row] = BigInt(start)
    data.end[row] = BigInt(end)
    data.strand[row] = frame.startsWith('F') ? '+' : '-'
    data.frame[row] = frame
    data.virus_score[row] = virus
    data.others_score[row] = others
    data.file[row] = file
    data.precision[row] = precision
  }

  /** Writes the rows in memory as a group. */
  async flush(): Promise<void> {
    const rows = this.#rows
    if (rows === 0) return
    const columnData = this.#columns.map((name) => {
      const data = this.#data[name]
      return {
        name,
        data: Array.isArray(data) ? data.slice(0, rows) : data.subarray(0, rows),
        offsetIndex: false,
      }
    })
    await this.#parquet.write({ columnData, rowGroupSize: rows, pageSize: 0 })
    this.#rows = 0
    await this.#drain()
  }

  /** Writes what is left and the end of the file. */
  async end(): Promise<void> {
    await this.flush()
    await this.#parquet.finish()
    await this.#drain()
  }

  async #drain(): Promise<void> {
    const bytes = this.#bytes.getBytes()
    this.#bytes.index = 0
    await this.#sink.write(bytes)
  }
}
