import { expect, test } from 'bun:test'
import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { virnucpro } from '../../support/cli.ts'
import { contigs, runDemo, summaryOf } from './support.ts'

const MADE = [
  'report.html',
  'virnucpro_mqc.tsv',
  'virnucpro_contigs_mqc.tsv',
  'virnucpro_general_stats_mqc.tsv',
]

test('a report is made again to the byte, also where the folder was moved to', async () => {
  await using folder = temporaryFolder()
  await runDemo(folder.join('out'))
  await runDemo(folder.join('out'), [contigs], '--prefix', 'other', '--layout', 'broad')
  const read = async (output: string) => {
    const paths = ['contigs', 'other'].flatMap((stem) =>
      MADE.map((name) => join(output, `${stem}_report`, name)),
    )
    return { paths, texts: await Promise.all(paths.map((path) => readFile(path, 'utf8'))) }
  }
  const before = await read(folder.join('out'))
  for (const path of before.paths) await rm(path)
  await rename(folder.join('out'), folder.join('moved'))
  const { code, stdout } = await virnucpro(['report', folder.join('moved')])
  expect(code).toBe(0)
  expect(stdout.trim().split('\n')).toEqual(
    ['contigs', 'other'].map((stem) => folder.join('moved', `${stem}_report`, 'report.html')),
  )
  expect((await read(folder.join('moved'))).texts).toEqual(before.texts)
})

test('one folder of a report can be named by itself', async () => {
  await using folder = temporaryFolder()
  await runDemo(folder.path)
  const report = folder.join('contigs_report')
  await rm(join(report, 'report.html'))
  expect((await virnucpro(['report', report])).stdout).toBe(`${join(report, 'report.html')}\n`)
})

test('what is missing or does not belong together is named, and nothing is written', async () => {
  await using folder = temporaryFolder()
  await runDemo(folder.path)
  const report = folder.join('contigs_report')
  const table = folder.join('contigs_merged', 'prediction_results.txt')
  const summary = join(report, 'summary.json')
  const page = await readFile(join(report, 'report.html'))
  const rows = await readFile(table, 'utf8')
  const text = await readFile(summary, 'utf8')
  const refused = async (expected: number, ...words: string[]) => {
    const { code, stderr } = await virnucpro(['report', folder.path])
    expect(code).toBe(expected)
    for (const word of words) expect(stderr).toContain(word)
    expect(stderr).not.toContain('defect')
    expect(await readFile(join(report, 'report.html'))).toEqual(page)
  }
  await appendFile(table, 'x_chunk_1F1\tvirus\t0.1\t0.9\n')
  await refused(1, 'prediction_results.txt is not the table of this run', 'the summary counts')
  await writeFile(table, `${rows}x_chunk_1F1\tvirus\n`)
  await refused(1, `prediction_results.txt:${rows.split('\n').length}: expected an id, a call and two scores`)
  await writeFile(table, '')
  await refused(1, 'prediction_results.txt: expected the header')
  await rm(table)
  await refused(66, 'cannot read', 'prediction_results.txt')
  await writeFile(table, rows)
  await writeFile(summary, text.slice(0, 300))
  await refused(1, 'summary.json is damaged')
  await writeFile(summary, text.replace('"records": 28', '"records": -1'))
  await refused(1, 'summary.json is damaged: ', 'records')
  await writeFile(summary, text.replace('"version": 1,', '"version": 2,'))
  await refused(1, 'summary.json was made by a newer version of virnucpro')
  await rm(summary)
  await refused(66, 'no summary.json', '--no-report')
})

test('report wants one folder', async () => {
  await using folder = temporaryFolder()
  for (const words of [[], [folder.path, folder.path]]) {
    const { code, stderr } = await virnucpro(['report', ...words])
    expect({ code, usage: stderr.includes('Usage: virnucpro report DIR') }).toEqual({ code: 64, usage: true })
  }
  for (const word of [folder.join('nothing'), contigs]) {
    expect((await virnucpro(['report', word])).code).toBe(66)
  }
})

test('names from outside do not become markup', async () => {
  await using folder = temporaryFolder()
  const input = folder.join('<script>alert(1)<&script>.fa')
  await writeFile(input, `>a</script><script>\n${'ACG'.repeat(200)}\n`)
  await runDemo(folder.join('out'), [input])
  const [report] = [...new Bun.Glob('*_report').scanSync({ cwd: folder.join('out'), onlyFiles: false })]
  const page = await readFile(folder.join('out', report!, 'report.html'), 'utf8')
  expect(page).toContain('&lt;script&gt;alert(1)&lt;&amp;script&gt;')
  // Data and the one program of the page.
  expect(page.match(/<script/g)).toHaveLength(2)
  expect((await summaryOf(folder.join('out', report!))).name).toContain('<script>')
})
