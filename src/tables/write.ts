import type { FileName, OutputPaths } from '../layout/index.ts'
import { AtomicFile } from '../system/atomic.ts'
import { chunkTable } from './chunks.ts'
import type { FrameScore } from './consensus.ts'
import { frameTable, scoreFormat } from './frames.ts'
import type { PrintedFrame, Table, TableContext, TableCounts, TableWriter } from './table.ts'

/** Every result table, by its name in the catalogue of files. */
const TABLES = { predictions: frameTable, consensus: chunkTable } satisfies Partial<Record<FileName, Table>>

/** Scores of some frames in the order of the table. */
export interface ScoredFrames {
  ids: readonly string[]
  /** Row-major [n, 2] float32: softmax of the classes `others`, `virus`. */
  scores: Float32Array
  /** 1 for each row that was computed once more; undefined where none was. */
  rechecked?: Uint8Array | undefined
}

/** Rows of a table of frames as they were computed: printed scores have all their digits. */
export function scoredFrames(rows: readonly FrameScore[]): ScoredFrames {
  const scores = new Float32Array(2 * rows.length)
  for (const [i, { others, viral }] of rows.entries()) scores.set([others, viral], 2 * i)
  return { ids: rows.map(({ id }) => id), scores }
}

export interface TableOptions extends Pick<TableContext, 'spillPath'> {
  /** Line put before the header of all tables; only demonstration bundles have one. */
  stamp: string | undefined
}

/** Writes the result tables in the form of the layout of the paths. Each appears whole or not at all. */
export async function writeTables(
  paths: OutputPaths,
  parts: AsyncIterable<ScoredFrames>,
  { stamp, spillPath }: TableOptions,
): Promise<TableCounts> {
  const counts: TableCounts = { frames: 0, viralFrames: 0, calledChunks: 0, viralChunks: 0 }
  const context = {
    layout: paths.layout,
    stamp: stamp === undefined ? '' : `# ${stamp}\n`,
    counts,
    spillPath,
  }
  await using closing = new AsyncDisposableStack()
  const files: AtomicFile[] = []
  const writers: TableWriter[] = []
  for (const [name, table] of Object.entries(TABLES)) {
    const file = closing.use(await AtomicFile.create(paths[name as keyof typeof TABLES]))
    const writer = await table(file, context)
    closing.defer(async () => await writer.close?.())
    files.push(file)
    writers.push(writer)
  }
  const format = scoreFormat(paths.layout)
  for await (const part of parts) {
    const frames = printed(part, format)
    for (const writer of writers) await writer.add(frames)
  }
  for (const writer of writers) await writer.finish?.()
  for (const file of files) await file.commit()
  return counts
}

function printed({ ids, scores }: ScoredFrames, format: (score: number) => string): PrintedFrame[] {
  return ids.map((id, row) => {
    const others = scores[2 * row] as number
    const viral = scores[2 * row + 1] as number
    // A tie between the classes goes to the first one: the frame rule is the opposite of the chunk rule.
    return { id, isViral: viral > others, others: format(others), viral: format(viral) }
  })
}
