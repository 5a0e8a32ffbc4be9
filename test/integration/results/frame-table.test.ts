import { expect, test } from 'bun:test'
import { randomSource } from '../../../scripts/support/random.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { type FrameRow, FrameTable } from '../../../src/results/index.ts'
import { writeAtomically } from '../../../src/system/atomic.ts'
import { readFrameTable } from '../../support/frame-table.ts'
import { hasPython, runPython } from '../../support/python.ts'

const FRAMES = ['F1', 'F2', 'F3', 'R1', 'R2', 'R3'] as const

/** Frames of records of any length, also beyond what 32 bits count, in more groups than one. */
function frames(count: number): FrameRow[] {
  const random = randomSource(2)
  return Array.from({ length: count }, (_, i) => {
    const chunk = 1 + Math.floor(i / 3) * (i % 1000 === 0 ? 1000 : 1)
    const virus = Math.fround(random())
    return {
      name: `contig é|${Math.floor(i / 60)}`,
      chunk,
      start: 480 * (chunk - 1) + 1,
      end: 480 * (chunk - 1) + 500,
      frame: FRAMES[i % 6] as (typeof FRAMES)[number],
      virus,
      others: Math.fround(1 - virus),
      file: i < count / 2 ? 'one.fa' : 'two.fa',
    }
  })
}

async function write(
  path: string,
  rows: readonly FrameRow[],
  hasFiles: boolean,
  stamp?: string,
): Promise<void> {
  await writeAtomically(path, async (sink) => {
    const table = await FrameTable.begin(sink, { hasFiles, stamp })
    for (const row of rows) {
      if (table.isFull) await table.flush()
      table.add(row)
    }
    await table.end()
  })
}

const ROWS = frames(70_000)

test('what was written is read, in groups', async () => {
  await using folder = temporaryFolder()
  const path = folder.join('frames.parquet')
  await write(path, ROWS, true)
  const groups: FrameRow[][] = []
  for await (const rows of readFrameTable(path)) groups.push(rows)
  expect(groups.length).toBeGreaterThan(1)
  expect(groups.flat()).toEqual(ROWS)
  await write(path, [], false)
  for await (const rows of readFrameTable(path)) expect(rows).toEqual([])
})

test.skipIf(!hasPython)('DuckDB, pandas and Polars read the same rows, types and metadata', async () => {
  await using folder = temporaryFolder()
  await write(folder.join('several.parquet'), ROWS, true, 'DEMONSTRATION: é')
  await write(folder.join('one.parquet'), ROWS.slice(0, 7), false)
  await write(folder.join('none.parquet'), [], false)
  await Bun.write(folder.join('rows.json'), JSON.stringify(ROWS))
  const program = `
import json, sys
import duckdb, pandas, polars, pyarrow.parquet
from numpy import float32
folder = sys.argv[1]
named = {'name': 'seq_name', 'virus': 'virus_score', 'others': 'others_score'}
expected = pandas.DataFrame(json.load(open(folder + '/rows.json'))).rename(columns=named)
expected['strand'] = expected.frame.map(lambda frame: '+' if frame[0] == 'F' else '-')
expected = expected.astype({'chunk': 'int32', 'virus_score': float32, 'others_score': float32})
path = folder + '/several.parquet'
order = 'seq_name chunk start end strand frame virus_score others_score'.split()
for name, read in {
    'pandas': pandas.read_parquet,
    'polars': lambda path: polars.read_parquet(path).to_pandas(),
    'duckdb': lambda path: duckdb.sql(f"from '{path}'").df(),
}.items():
    for table, columns, rows in (('several', order + ['file'], len(expected)), ('one', order, 7), ('none', order, 0)):
        found = read(f'{folder}/{table}.parquet')
        assert list(found.columns) == columns, (name, table, list(found.columns))
        pandas.testing.assert_frame_equal(found, expected[columns][:rows], check_dtype=rows > 0)
assert duckdb.sql(f"select count(*) from '{path}' where frame = 'R2' and \\"start\\" > 4e9").fetchall()[0][0] > 0
print(json.dumps({key.decode(): value.decode() for key, value in pyarrow.parquet.read_metadata(path).metadata.items()}))`
  const metadata = JSON.parse(await runPython(program, folder.path))
  expect(metadata).toMatchObject({ 'virnucpro.frames': '1', 'virnucpro.demonstration': 'DEMONSTRATION: é' })
})
