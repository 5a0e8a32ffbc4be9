import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { COLUMNS, columnNames, FILES, outputPaths } from '../../../src/layout/index.ts'
import { repository, virnucpro } from '../../support/cli.ts'

test('the tables of a run have the columns that are described, in every row', async () => {
  using folder = temporaryFolder()
  const second = folder.join('second.fa')
  writeFileSync(second, `>empty\n>genes\n${'ACGGCA'.repeat(60)}\n>short\nAC\n`)
  const inputs = [`${repository}/test/data/tiny/contigs.fasta`, second]
  const ran = await virnucpro(['predict', ...inputs, '--bundle', 'demo', '-o', folder.join('out')])
  expect(ran).toMatchObject({ code: 0 })
  const paths = outputPaths({
    ...{ input: second, outputDir: folder.join('out'), prefix: 'contigs' },
    ...{ layout: 'vanilla', expectedLength: 500 },
  })
  const seen: string[] = []
  for (const name of [
    'contigs',
    'chunks',
    'predictions',
    'consensus',
    'invalidRecords',
    'gff',
    'bed',
  ] as const) {
    const lines = readFileSync(paths[name], 'utf8').trimEnd().split('\n')
    const rows = lines.filter((line) => !line.startsWith('#')).map((line) => line.split('\t'))
    // The tracks have no header.
    if (FILES[name].form === 'tsv')
      expect([name, rows.shift()?.join(' ')]).toEqual([name, columnNames(name, 'several inputs').join(' ')])
    const width =
      name === 'gff' || name === 'bed' ? COLUMNS[name].length : columnNames(name, 'several inputs').length
    expect([name, new Set(rows.map((cells) => cells.length))]).toEqual([
      name,
      new Set(rows.length > 0 ? [width] : []),
    ])
    if (rows.length > 0) seen.push(name)
  }
  expect(seen).toEqual(
    expect.arrayContaining(['contigs', 'chunks', 'predictions', 'consensus', 'invalidRecords', 'gff']),
  )
})
