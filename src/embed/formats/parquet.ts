import type { SchemaElement } from 'hyparquet'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import { parquetSettings } from '../../results/index.ts'
import type { Column } from '../units.ts'
import type { Rows, Write } from './format.ts'

/** Numbers of embeddings in a row group: the writer holds some bytes for each. */
const GROUP_NUMBERS = 1 << 20

/** A row for each embedding: id, the columns of what was embedded, model, embedding. */
export const writeAsParquet: Write = async (sink, content) => {
  const { models, widths, columns, metadata } = content
  const writer = new ByteWriter()
  const drain = async () => {
    const bytes = writer.getBytes()
    writer.index = 0
    await sink.write(bytes)
  }
  const parquet = new ParquetWriter({
    writer,
    schema: schemaOf(columns),
    ...parquetSettings(metadata),
  })
  const width = models.reduce((sum, model) => sum + widths[model], 0)
  const step = Math.max(1, Math.floor(GROUP_NUMBERS / width))
  for await (const rows of content.read(models)) {
    for (let from = 0; from < rows.ids.length; from += step) {
      const to = Math.min(rows.ids.length, from + step)
      await parquet.write({
        columnData: groupOf(rows, columns, from, to),
        rowGroupSize: (to - from) * models.length,
      })
      await drain()
    }
  }
  await parquet.finish()
  await drain()
}

function schemaOf(columns: readonly Column[]): SchemaElement[] {
  const required = { repetition_type: 'REQUIRED' } as const
  const element = ({ name, type }: Pick<Column, 'name' | 'type'>): SchemaElement =>
    type === 'text'
      ? { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' }, ...required }
      : { name, type: 'INT64', ...required }
  return [
    { name: 'root', num_children: columns.length + 3 },
    element({ name: 'id', type: 'text' }),
    ...columns.map(element),
    element({ name: 'model', type: 'text' }),
    { name: 'embedding', converted_type: 'LIST', num_children: 1, ...required },
    { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
    { name: 'element', type: 'FLOAT', ...required },
  ]
}

/** Some rows as columns, those of a sequence one after the other. */
function groupOf({ ids, columns, vectors }: Rows, kinds: readonly Column[], from: number, to: number) {
  const models = [...vectors]
  const perModel = (values: readonly (string | number)[], type: Column['type']) =>
    values.slice(from, to).flatMap((value) => models.map(() => (type === 'number' ? BigInt(value) : value)))
  const embeddings: number[][] = []
  for (let row = from; row < to; row++) {
    for (const [, numbers] of models) {
      const width = numbers.length / ids.length
      embeddings.push([...numbers.subarray(row * width, (row + 1) * width)])
    }
  }
  return [
    { name: 'id', data: perModel(ids, 'text') },
    ...kinds.map(({ name, type }) => ({ name, data: perModel(columns[name] ?? [], type) })),
    { name: 'model', data: ids.slice(from, to).flatMap(() => models.map(([model]) => model as string)) },
    // Numbers of no order: what would shorten others costs time and saves nothing.
    {
      name: 'embedding',
      data: embeddings,
      encoding: 'PLAIN' as const,
      codec: 'UNCOMPRESSED' as const,
    },
  ]
}
