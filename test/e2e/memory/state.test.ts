import { expect, setDefaultTimeout, test } from 'bun:test'
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { measure, SILENT } from './support.ts'

setDefaultTimeout(300_000)

/** MB. */
const BOUND = 400
const RUN = 'predict in.fa --bundle demo --no-progress --no-metrics --output-dir out'.split(' ')

test.each([
  ['run.json', 'is not from a run that could be continued'],
  ['files.log', 'is damaged, so that its files cannot be told from yours'],
])('a state that is a hole of 10 GB is damage, and takes no memory: %s', async (name, says) => {
  await using folder = temporaryFolder()
  writeFileSync(folder.join('in.fa'), `>a\n${SILENT}\n`)
  expect((await measure(folder.path, RUN)).code).toBe(0)
  const table = readFileSync(folder.join('out', 'in_merged', 'prediction_results.txt'))
  truncateSync(folder.join('out', '.virnucpro', 'in', name), 10e9)
  const { code, stderr, peak } = await measure(folder.path, RUN)
  expect(stderr).toContain(says)
  expect(code).toBe(name === 'run.json' ? 64 : 65)
  expect(peak).toBeLessThan(BOUND)
  expect(readFileSync(folder.join('out', 'in_merged', 'prediction_results.txt'))).toEqual(table)
})

test('the record of the files of a hundred thousand parts is read line by line', async () => {
  await using folder = temporaryFolder()
  writeFileSync(folder.join('in.fa'), `>a\n${SILENT}\n`)
  const small = await measure(folder.path, RUN)
  const record = folder.join('out', '.virnucpro', 'in', 'files.log')
  let crc = Number.parseInt(readFileSync(record, 'utf8').trimEnd().split('\n').at(-1)?.slice(0, 8) ?? '', 16)
  let added = ''
  for (let part = 1; part <= 100_000; part++) {
    const path = `in_nucleotide/output_${part}.pt`
    for (const line of [
      ['appear', path, '', '1'],
      ['made', path],
      ['go', path],
      ['gone', path],
    ]) {
      const text = JSON.stringify(line)
      crc = crc32(text, crc)
      added += `${crc.toString(16).padStart(8, '0')} ${text}\n`
    }
  }
  appendFileSync(record, added)
  const { code, stderr, peak } = await measure(folder.path, RUN)
  expect(stderr).toContain('this run has finished before')
  expect(code).toBe(0)
  expect(peak - small.peak).toBeLessThan(100)
})
