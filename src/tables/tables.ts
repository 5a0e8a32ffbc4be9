import type { OutputPaths } from '../layout/index.ts'
import { AtomicFile } from '../system/atomic.ts'
import { type ChunkCall, ConsensusBuilder } from './consensus.ts'
import { formatFloat32, formatFloat64, parseLikePandas } from './numbers.ts'
import { formatPandasField } from './pandas.ts'
import { ChunkCallSorter } from './sort.ts'

/** Scores of some frames in the order of the table. */
export interface ScoredFrames {
  ids: readonly string[]
  /** Row-major [n, 2] float32: softmax of the classes `others`, `virus`. */
  scores: Float32Array
}

export interface TableCounts {
  frames: number
  viralFrames: number
  /** Chunks with at least one frame, so with a row. */
  calledChunks: number
  viralChunks: number
}

export interface TableOptions {
  /** Line put before the header of both tables; only demonstration bundles have one. */
  stamp: string | undefined
  /** Names the files that a sort too large for memory spills to. */
  spillPath: (run: number) => string
}

/**
 * Writes `prediction_results.txt` (one row per frame, in order) and `prediction_results_highestscore.csv`
 * (one row per chunk) in the form of the chosen layout. Both appear whole or not at all.
 *
 * | layout | score text | rows of chunks |
 * | --- | --- | --- |
 * | vanilla | shortest float32 | sorted by id |
 * | broad | float32 widened to double | in order of appearance, with the two best scores |
 */
export async function writeTables(
  paths: OutputPaths,
  parts: AsyncIterable<ScoredFrames>,
  options: TableOptions,
): Promise<TableCounts> {
  const stamp = options.stamp === undefined ? '' : `# ${options.stamp}\n`
  const counts: TableCounts = { frames: 0, viralFrames: 0, calledChunks: 0, viralChunks: 0 }
  const predictions = await AtomicFile.create(paths.predictions)
  const consensus = await AtomicFile.create(paths.consensus).catch(async (error) => {
    await predictions.abandon()
    throw error
  })
  const chunks =
    paths.layout === 'broad'
      ? broadChunks(consensus, counts, stamp)
      : vanillaChunks(consensus, counts, options, stamp)
  try {
    await predictions.write(`${stamp}Sequence_ID\tPrediction\tscore1\tscore2\n`)
    const format = paths.layout === 'broad' ? formatFloat64 : formatFloat32
    for await (const part of parts) await writeFrames(part, format, predictions, counts, chunks)
    await chunks.finish()
    await predictions.commit()
    await consensus.commit()
  } catch (error) {
    await predictions.abandon()
    await consensus.abandon()
    throw error
  } finally {
    await chunks.close()
  }
  return counts
}

/** Where the printed frames go on to become calls of chunks: some thousand at a time, for waiting takes longer than a row. */
interface ChunkTable {
  /** The call that this frame is the first behind. */
  add(id: string, others: string, viral: string): ChunkCall | undefined
  keep(calls: readonly ChunkCall[]): Promise<void>
  finish(): Promise<void>
  close(): Promise<void>
}

async function writeFrames(
  { ids, scores }: ScoredFrames,
  format: (score: number) => string,
  file: AtomicFile,
  counts: TableCounts,
  chunks: ChunkTable,
): Promise<void> {
  let rows = ''
  const calls: ChunkCall[] = []
  for (const [row, id] of ids.entries()) {
    const others = scores[2 * row] as number
    const viral = scores[2 * row + 1] as number
    // A tie between the classes goes to the first one: the frame rule is the opposite of the chunk rule.
    const virus = viral > others
    const first = format(others)
    const second = format(viral)
    rows += `${id}\t${virus ? 'virus' : 'others'}\t${first}\t${second}\n`
    counts.frames++
    if (virus) counts.viralFrames++
    const call = chunks.add(id, first, second)
    if (call !== undefined) calls.push(call)
  }
  await file.write(rows)
  await chunks.keep(calls)
}

function vanillaChunks(
  file: AtomicFile,
  counts: TableCounts,
  { spillPath }: TableOptions,
  stamp: string,
): ChunkTable {
  const builder = new ConsensusBuilder()
  const sorter = new ChunkCallSorter(spillPath)
  return {
    // The original compares what it printed, so the text is read back instead of using the score itself.
    add: (id, others, viral) => builder.add({ id, others: Number(others), viral: Number(viral) }),
    keep: (calls) => sorter.add(calls),
    async finish() {
      await sorter.add(listed(builder.finish()))
      await file.write(`${stamp}Modified_ID\tIs_Virus\n`)
      for await (const calls of sorter.sorted()) {
        let rows = ''
        for (const call of calls) {
          count(call, counts)
          rows += `${formatPandasField(call.id)}\t${call.virus ? 'True' : 'False'}\n`
        }
        await file.write(rows)
      }
    },
    close: () => sorter.close(),
  }
}

function broadChunks(file: AtomicFile, counts: TableCounts, stamp: string): ChunkTable {
  const builder = new ConsensusBuilder()
  let header = `${stamp}Modified_ID\tIs_Virus\tmax_score_0\tmax_score_1\n`
  const keep = async (calls: readonly ChunkCall[]) => {
    let rows = ''
    for (const call of calls) {
      count(call, counts)
      const { id, virus, others, viral } = call
      rows += `${formatPandasField(id)}\t${virus ? 'True' : 'False'}\t${cell(others)}\t${cell(viral)}\n`
    }
    if (rows === '') return
    await file.write(header + rows)
    header = ''
  }
  return {
    add: (id, others, viral) =>
      builder.add({ id, others: parseLikePandas(others), viral: parseLikePandas(viral) }),
    keep,
    async finish() {
      await keep(listed(builder.finish()))
      // Without any row Broad's table has no columns either, only the end of an empty line.
      if (header !== '') await file.write(`${stamp}\n`)
    },
    close: async () => {},
  }
}

function listed(call: ChunkCall | undefined): ChunkCall[] {
  return call === undefined ? [] : [call]
}

/** pandas leaves the cell of a missing score empty. */
function cell(score: number): string {
  return Number.isNaN(score) ? '' : formatFloat64(score)
}

function count(call: ChunkCall, counts: TableCounts): void {
  counts.calledChunks++
  if (call.virus) counts.viralChunks++
}
