import { expect, test } from 'bun:test'
import { newReadStatistics } from '../../../src/fasta/index.ts'
import { readSequences } from '../../../src/fasta/read.ts'
import { scratch } from './support.ts'

const { file } = scratch()

test.each([
  ['no record is', ''],
  ['the first record alone is', '>valid\nACGT\n'],
])('reports do not gather where %s valid', async (_, head) => {
  const path = file('faults.fa', head + '>x\n'.repeat(400_000))
  const statistics = newReadStatistics()
  // As a caller that writes them down in the order of the input.
  const waiting: number[] = []
  let [reports, most, taken] = [0, 0, 0]
  const batches = readSequences([path], {
    onInvalid: 'skip',
    statistics,
    onInvalidRecord() {
      reports++
      most = Math.max(most, waiting.push(statistics.records))
    },
    afterReports() {
      while (waiting.length > 0 && waiting[0]! <= taken) waiting.pop()
    },
  })
  for await (const batch of batches) taken += batch.length
  expect({ reports, taken }).toEqual({ reports: 400_000, taken: head === '' ? 0 : 1 })
  expect(most).toBeLessThan(200_000)
})
