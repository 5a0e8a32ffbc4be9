import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { IdTable } from '../../../src/fasta/ids.ts'
import { failure, scratch, skipping } from './support.ts'

const { folder, file } = scratch()

test('a duplicate in another file names both places', async () => {
  const first = file('first.fa', '>x\nA\n\n>same\nA\n')
  const second = file('second.fq', '@y\nA\n+\nI\n@same 2\nA\n+\nI\n')
  const error = await failure([first, second])
  expect(error.message).toStartWith(`${second}:5: duplicate id "same", first at ${first}:4; `)
  expect(error).toMatchObject({ id: 'same', line: 5, first: { source: first, line: 4 } })
  const { records, reports } = await skipping([first, second])
  expect(records.map(({ id }) => id)).toEqual(['x', 'same', 'y'])
  expect(reports).toMatchObject([{ reason: 'duplicate_id', id: 'same', first: { source: first, line: 4 } }])
})

test('ids that differ in case, accents or description only', async () => {
  const path = file(
    'near.fa',
    '>a\nA\n>A\nA\n>e\u0301\nA\n>\u00e9\nA\n>b same\nA\n>c same\nA\n>\u00e9 again\nA\n',
  )
  const { records, reports } = await skipping(path)
  expect(records.length).toBe(6)
  expect(reports).toMatchObject([{ line: 13, first: { line: 7 } }])
})

test('a record skipped for another reason does not take its id', async () => {
  const { records } = await skipping(file('freed.fa', '>a\n>a\nAC\n'))
  expect(records).toMatchObject([{ id: 'a', sequence: 'AC' }])
})

test('half a million ids, beyond what is kept in memory, each found where it was', async () => {
  const id = (index: number) => `M0123:45:000000000-ABCDE:1:1101:${index}`
  const count = 500_000
  const parts = Array.from({ length: count }, (_, index) => `>${id(index)}\nAC\n`)
  const again = [0, 1, 77_777, 300_000, count - 1]
  const path = file('many.fa', `${parts.join('')}${again.map((index) => `>${id(index)} x\nA\n`).join('')}`)
  const { records, reports } = await skipping(path, { tempDir: folder })
  expect(records.length).toBe(count)
  expect(reports.map(({ first }) => first!.line)).toEqual(again.map((index) => 2 * index + 1))
  expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
})

test.each([
  ['ids close to each other', 0xffffffff, 200_000],
  ['ids that share their hash', 0x3f, 3000],
])('the table is exact: %s', (_, hashMask, count) => {
  const table = new IdTable(tmpdir(), hashMask)
  const key = new Uint8Array(3)
  const add = (value: number) => {
    key.set([value & 255, (value >> 8) & 255, value >> 16])
    return table.add(key, 0, 3, value + 1, value & 1)
  }
  for (let value = 0; value < count; value++) expect(add(value)).toBeUndefined()
  for (let value = 0; value < count; value += 97) {
    expect(add(value)).toMatchObject({ line: value + 1, sourceIndex: value & 1 })
  }
  table.close()
})
