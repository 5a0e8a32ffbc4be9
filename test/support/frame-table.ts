import { open } from 'node:fs/promises'
import { zstdDecompressSync } from 'node:zlib'
import { type AsyncBuffer, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import type { FrameRow } from '../../src/results/index.ts'

/** The rows of `frames.parquet`, a group at a time. */
export async function* readFrameTable(path: string): AsyncGenerator<FrameRow[]> {
  await using handle = await open(path)
  const { size } = await handle.stat()
  const file: AsyncBuffer = {
    byteLength: size,
    async slice(start, end = size) {
      const bytes = new Uint8Array(end - start)
      await handle.read(bytes, 0, bytes.length, start)
      return bytes.buffer
    },
  }
  const metadata = await parquetMetadataAsync(file)
  let rowStart = 0
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows)
    const rows = await parquetReadObjects({
      file,
      metadata,
      rowStart,
      rowEnd,
      compressors: { ZSTD: (bytes) => zstdDecompressSync(bytes) },
    })
    yield (rows as Readonly<Record<string, never>>[]).map((row) => ({
      name: row.seq_name as never,
      chunk: Number(row.chunk),
      start: Number(row.start),
      end: Number(row.end),
      frame: row.frame as never,
      virus: row.virus_score as never,
      others: row.others_score as never,
      ...(row.file !== undefined && { file: row.file }),
      ...(row.precision !== undefined && { precision: row.precision }),
    }))
    rowStart = rowEnd
  }
}
