import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { repository, virnucpro } from '../../support/cli.ts'

const page = readFileSync(join(repository, 'docs/tutorials/first-table.md'), 'utf8')

test('the first tutorial shows what the program prints and writes', async () => {
  await using folder = temporaryFolder()
  const input = join(repository, 'examples/contigs.fasta')
  const words = ['predict', input, '--bundle', 'demo', '--output-dir', 'results', '--no-progress']
  const { code, stderr } = await virnucpro(words, folder.path)
  expect(code).toBe(0)
  const [, shown = ''] = /After a second you see:\n\n```\n([\s\S]*?)```/.exec(page) ?? []
  // What computes depends on the machine.
  const lines = (text: string) =>
    text
      .replace(/, \d+ threads?/, '')
      .split('\n')
      .filter((line) => !line.startsWith('computing in '))
  expect(lines(stderr)).toEqual(lines(shown))

  const rows = readFileSync(folder.join('results/contigs_results/contigs.tsv'), 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.split('\t'))
  const [header = []] = rows
  const [columns = [], ...cells] = [...page.matchAll(/^\| (.*_.*) \|$/gm)].map(([, row = '']) =>
    row.split(' | '),
  )
  expect(cells).toHaveLength(3)
  for (const row of cells) {
    const written = rows.find(([name]) => name === row[0])
    expect(columns.map((column) => written?.[header.indexOf(column)])).toEqual(row)
  }
  const again = await virnucpro(words, folder.path)
  expect(again.stderr).toContain('this run has finished before')
})
