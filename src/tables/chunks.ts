import { columnNames, type LayoutName } from '../layout/index.ts'
import { type ChunkCall, ConsensusBuilder } from './consensus.ts'
import { scoreParser } from './frames.ts'
import { formatFloat64 } from './numbers.ts'
import { formatPandasField } from './pandas.ts'
import { ChunkCallSorter } from './sort.ts'
import type { Table } from './table.ts'

/**
 * `prediction_results_highestscore.csv`: one row for each chunk that has a frame.
 *
 * | layout | rows |
 * | --- | --- |
 * | vanilla | sorted by id |
 * | broad | in order of appearance, with the two best scores |
 */
export const chunkTable: Table = async (file, { layout, stamp, counts, spillPath }) => {
  const isBroad = layout === 'broad'
  const builder = new ConsensusBuilder()
  const parse = scoreParser(layout)
  const sorter = isBroad ? undefined : new ChunkCallSorter(spillPath)
  let header = `${stamp}${headerOf(layout)}\n`
  const write = async (calls: readonly ChunkCall[]) => {
    let rows = ''
    for (const { id, virus, others, viral } of calls) {
      counts.calledChunks++
      if (virus) counts.viralChunks++
      const scores = isBroad ? `\t${cell(others)}\t${cell(viral)}` : ''
      rows += `${formatPandasField(id)}\t${virus ? 'True' : 'False'}${scores}\n`
    }
    if (rows === '') return
    await file.write(header + rows)
    header = ''
  }
  const keep = (calls: readonly ChunkCall[]) => sorter?.add(calls) ?? write(calls)
  return {
    // Both programs compare what they printed, so the text is read back instead of using the score itself.
    add: (frames) =>
      keep(
        frames.flatMap(
          ({ id, others, viral }) => builder.add({ id, others: parse(others), viral: parse(viral) }) ?? [],
        ),
      ),
    async finish() {
      const last = builder.finish()
      if (last !== undefined) await keep([last])
      for await (const calls of sorter?.sorted() ?? []) await write(calls)
      // Without any row Broad's table has no columns either, only the end of an empty line.
      if (header !== '') await file.write(isBroad ? `${stamp}\n` : header)
    },
    close: async () => await sorter?.close(),
  }
}

function headerOf(layout: LayoutName): string {
  return columnNames('consensus', layout === 'broad' ? layout : undefined).join('\t')
}

/** Whether a line may be one of the table. */
export function isChunkLine(line: string, number: number): boolean {
  return (
    (number === 1 && (line === '' || line.startsWith('# '))) ||
    (number <= 2 && ['', headerOf('vanilla'), headerOf('broad')].includes(line)) ||
    /^("[^\t]*"|[^\t]*)\t(True|False)(\t[^\t]*\t[^\t]*)?$/.test(line)
  )
}

/** pandas leaves the cell of a missing score empty. */
function cell(score: number): string {
  return Number.isNaN(score) ? '' : formatFloat64(score)
}
