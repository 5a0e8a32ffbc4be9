import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { bam, bgzip, record } from '../../../scripts/support/bam.ts'
import { randomSource } from '../../../scripts/support/random.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { repository, virnucpro } from '../../support/cli.ts'

setDefaultTimeout(120_000)

const folder = temporaryFolder()
afterAll(() => folder[Symbol.asyncDispose]())

const random = randomSource(3)
const letters = (length: number) => Array.from({ length }, () => 'ACG'[Math.floor(random() * 3)]).join('')
const PARTNER: Readonly<Record<string, string>> = { A: 'T', C: 'G', G: 'C', T: 'A' }
const turned = (sequence: string) =>
  [...sequence]
    .reverse()
    .map((base) => PARTNER[base])
    .join('')

const pairs = Array.from({ length: 40 }, (_, i) => ({
  name: `p${i}`,
  first: letters(150),
  last: letters(140),
}))
const FASTA = `${pairs.map(({ name, first, last }) => `>${name}/1\n${first}\n>${name}/2\n${last}\n`).join('')}>gone\n`
// The second mates as an aligner stores them that found them on the other strand.
const RECORDS = pairs.flatMap(({ name, first, last }) => [
  record(name, first, { flag: 0x41 }),
  record(name, first.slice(30), { flag: 0x841 }),
  record(name, turned(last), { flag: 0x91 }),
])
const BAM = bam(...RECORDS, record('gone', ''))

const predict = (input: string, output: string, ...words: string[]) =>
  virnucpro(['predict', input, '-o', output, '--bundle', 'demo', '--no-progress', ...words], folder.path)
const file = (path: string) => readFileSync(folder.join(path), 'utf8')
const TABLES = ['merged/prediction_results.txt', 'merged/prediction_results_highestscore.csv']
const RESULTS = ['results/contigs.tsv', 'results/chunks.tsv', 'results/viral.fasta.gz']

beforeAll(async () => {
  writeFileSync(folder.join('reads.fasta'), FASTA)
  writeFileSync(folder.join('reads.bam'), bgzip(BAM, 5000))
  writeFileSync(folder.join('cut.ubam'), bgzip(BAM, 5000, false))
  expect((await predict('reads.fasta', 'fasta')).code).toBe(0)
})

test('reads in BAM give what they give in FASTA, mates and strands included', async () => {
  const { code, stderr } = await predict('reads.bam', 'bam')
  expect(code).toBe(0)
  expect(stderr).toContain('reads.bam: 40 secondary or supplementary records passed over')
  expect(stderr).toContain('left out: reads.bam, record 121: record "gone" has no sequence')
  for (const name of [...TABLES, ...RESULTS])
    expect(file(`bam/reads_${name}`)).toBe(file(`fasta/reads_${name}`))
  expect(file('bam/reads_results/contigs.tsv')).toContain('\ngone\t0\t0\t0\t0\tNA')
})

async function predictPiped(input: string, output: string) {
  const line = `cat ${input} | "$0" ${repository}/src/cli/main.ts predict - -o ${output} --bundle demo -q`
  const child = Bun.spawn(['bash', '-c', line, process.execPath], { cwd: folder.path, stderr: 'pipe' })
  const stderr = await new Response(child.stderr).text()
  return { code: await child.exited, stderr }
}

test('the same from a pipe, and estimated', async () => {
  expect((await predictPiped('reads.bam', 'piped')).code).toBe(0)
  for (const name of TABLES) expect(file(`piped/stdin_${name}`)).toBe(file(`fasta/reads_${name}`))
  const figures = async (input: string) =>
    JSON.parse((await virnucpro(['estimate', input, '--bundle', 'demo', '--json'], folder.path)).stdout)
      .figures
  expect(await figures('reads.bam')).toEqual(await figures('reads.fasta'))
})

test('a file without its end is refused before anything is written; with --on-invalid skip it is read', async () => {
  const { code, stderr } = await predict('cut.ubam', 'cut')
  expect(code).toBe(65)
  expect(stderr).toContain('cut.ubam: the BAM end marker is missing, the file may be cut off')
  expect(stderr).toContain('--on-invalid skip')
  expect(existsSync(folder.join('cut/cut_merged'))).toBe(false)
  // Of a pipe only the end shows it.
  const piped = await predictPiped('cut.ubam', 'cut')
  expect(piped.code).toBe(65)
  expect(piped.stderr).toContain('<stdin>, record 121: the BAM end marker is missing')
  expect(existsSync(folder.join('cut/stdin_merged'))).toBe(false)
  expect((await predict('cut.ubam', 'cut', '--on-invalid', 'skip')).code).toBe(0)
  expect(file('cut/cut_merged/prediction_results.txt')).toBe(
    file('fasta/reads_merged/prediction_results.txt'),
  )
})
