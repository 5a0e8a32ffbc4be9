import { expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { measure, SILENT } from './support.ts'

setDefaultTimeout(300_000)

/** What the collector of the runtime may leave lying about, in MB. */
const GARBAGE = 150
const DEMO = ['--bundle', 'demo', '--no-progress', '--no-report', '--no-metrics']

test('memory has a bound for samples of a sheet', async () => {
  await using folder = temporaryFolder()
  writeFileSync(folder.join('in.fa'), `>a\n${SILENT}\n`)
  const run = async (samples: number) => {
    const rows = Array.from({ length: samples }, (_, i) => `s${i},in.fa\n`)
    writeFileSync(folder.join(`${samples}.csv`), `sample,fasta\n${rows.join('')}`)
    const words = ['predict', '--sample-sheet', `${samples}.csv`, '--output-dir', `out-${samples}`, ...DEMO]
    return await measure(folder.path, words)
  }
  const [few, many] = [await run(20), await run(80)]
  expect([few.code, many.code], many.stderr).toEqual([0, 0])
  expect(many.peak - few.peak).toBeLessThan(GARBAGE)
})

test('memory has a bound for rows of a sheet that names missing files', async () => {
  await using folder = temporaryFolder()
  const run = async (count: number) => {
    const rows = Array.from({ length: count }, (_, i) => `s${i},missing${i}.fa\n`)
    writeFileSync(folder.join('sheet.csv'), `sample,fasta\n${rows.join('')}`)
    return await measure(folder.path, [
      'predict',
      '--sample-sheet',
      'sheet.csv',
      '--output-dir',
      'out',
      ...DEMO,
    ])
  }
  const [few, many] = [await run(2000), await run(20_000)]
  expect([few.code, many.code]).toEqual([66, 66])
  expect(many.stderr).toContain('and 19950 more')
  expect(many.peak - few.peak).toBeLessThan(GARBAGE)
})

test('memory has a bound for servers', async () => {
  await using folder = temporaryFolder()
  writeFileSync(folder.join('in.fa'), `>a\n${SILENT}\n`)
  const run = async (count: number) => {
    // Addresses of this machine at which nobody listens.
    const servers = Array.from({ length: count }, (_, i) => `127.1.${i >> 8}.${i & 255}:9`)
    const words = ['predict', 'in.fa', '--output-dir', 'out', '--triton', servers.join(','), ...DEMO]
    return await measure(folder.path, [...words, '--server-timeout', '1'])
  }
  const [few, many] = [await run(100), await run(600)]
  expect([few.code, many.code], many.stderr).toEqual([69, 69])
  expect(many.peak - few.peak).toBeLessThan(GARBAGE + 500 * 0.2)
})
