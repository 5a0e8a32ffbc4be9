import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { readSummary } from '../../../src/report/index.ts'
import { virnucpro } from '../../support/cli.ts'

setDefaultTimeout(120_000)

const folder = temporaryFolder()
afterAll(() => folder[Symbol.asyncDispose]())

const OPEN = 'GCTGCAGCC'.repeat(10)
/** 100 letters, so many of them not a base. */
const ambiguous = (count: number) => OPEN + 'GCTGCAGCCA'.slice(count) + 'N-R'.repeat(4).slice(0, count)
const RECORDS: readonly [id: string, sequence: string, reason?: string][] = [
  ['long', `${OPEN}${OPEN}`],
  ['short', OPEN.slice(0, 79), 'below_min_length'],
  ['limit', OPEN.slice(0, 80)],
  ['tenth', ambiguous(10)],
  ['more', `${ambiguous(10)}N`, 'too_ambiguous'],
  ['rna', OPEN.replaceAll('T', 'u')],
  ['both', 'N'.repeat(50), 'below_min_length'],
  ['silent', 'TAACTAACTAA'.repeat(9)],
  ['masked', OPEN.toLowerCase()],
  ['last', 'NNNN'.repeat(30), 'too_ambiguous'],
]
const fasta = (records: typeof RECORDS) => records.map(([id, letters]) => `>${id} x\n${letters}\n`).join('')
const FILTER = ['--min-length', '80', '--max-ambiguous', '0.1']

const predict = (input: string, output: string, ...words: string[]) =>
  virnucpro(['predict', input, '-o', output, '--bundle', 'demo', '--no-progress', ...words], folder.path)
const file = (path: string) => readFileSync(folder.join(path), 'utf8')

let messages = ''
beforeAll(async () => {
  writeFileSync(folder.join('in.fa'), fasta(RECORDS))
  writeFileSync(folder.join('kept.fa'), fasta(RECORDS.filter(([, , reason]) => reason === undefined)))
  const { code, stderr } = await predict('in.fa', 'out', ...FILTER)
  messages = stderr
  expect(code).toBe(0)
})

test('the tables are those of an input without the filtered records', async () => {
  expect((await predict('kept.fa', 'kept')).code).toBe(0)
  for (const name of ['prediction_results.txt', 'prediction_results_highestscore.csv'])
    expect(file(`out/in_merged/${name}`)).toBe(file(`kept/kept_merged/${name}`))
})

test('every record has a row, the filtered ones with their length and the reason', () => {
  const rows = file('out/in_results/contigs.tsv')
    .replace(/^# .*\n/, '')
    .trimEnd()
    .split('\n')
    .slice(1)
  expect(rows.map((row) => row.split('\t')[0])).toEqual(RECORDS.map(([id]) => id))
  for (const [i, [id, sequence, reason]] of RECORDS.entries()) {
    const cells = rows[i]?.split('\t') ?? []
    expect(cells[1]).toBe(String(sequence.length))
    if (reason !== undefined)
      expect(rows[i]).toBe(
        [id, sequence.length, 0, 0, 0, ...Array(6).fill('NA'), 'filtered', reason].join('\t'),
      )
    else expect(cells[11]).not.toBe('filtered')
  }
  expect(file('out/in_results/chunks.tsv')).not.toMatch(/^(short|more|both|last)\t/m)
})

test('closing lines, summary, report and estimate count them', async () => {
  expect(messages).toContain('10 records (4 filtered), 6 chunks')
  const { counts, inputs } = await readSummary(folder.join('out/in_report/summary.json'))
  expect(counts).toMatchObject({ records: 10, filteredRecords: 4, skippedRecords: 0, chunks: 6 })
  expect(inputs[0]).toMatchObject({ records: 10, filteredRecords: 4 })
  expect(file('out/in_report/report.html')).toContain('4 filtered')
  const words = ['estimate', 'in.fa', '--bundle', 'demo', '--json', ...FILTER]
  const { figures } = JSON.parse((await virnucpro(words, folder.path)).stdout)
  expect(figures).toMatchObject({ records: 10, filteredRecords: 4, chunks: 6, frames: counts.frames })
})

test('the same filter finds the run finished, and makes a missing table again; another one is refused', async () => {
  const before = file('out/in_results/contigs.tsv')
  rmSync(folder.join('out/in_results/contigs.tsv'))
  expect(await predict('in.fa', 'out', ...FILTER)).toMatchObject({ code: 0 })
  expect(file('out/in_results/contigs.tsv')).toBe(before)
  const { code, stderr } = await predict('in.fa', 'out', '--min-length', '81', '--max-ambiguous', '0.1')
  expect(code).toBe(64)
  expect(stderr).toContain('minLength: 80 -> 81')
  expect((await predict('in.fa', 'out')).stderr).toContain('maxAmbiguous: 0.1 -> not set')
})

test('an input of which nothing is left gives headers, and a warning says why', async () => {
  const { code, stderr } = await predict('in.fa', 'nothing', '--min-length', '1000')
  expect(code).toBe(0)
  expect(stderr).toContain('warning: every record was filtered')
  expect(file('nothing/in_merged/prediction_results.txt').trimEnd().split('\n')).toHaveLength(2)
})

test.each<[option: string, value: string]>([
  ['--max-ambiguous', '10'],
  ['--max-ambiguous', '10%'],
  ['--min-length', '-1'],
])('%s %s is refused', async (option, value) => {
  const { code, stderr } = await predict('in.fa', 'refused', option, value)
  expect(code).toBe(64)
  expect(stderr).toContain(option)
})
