import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasBrowser, openBrowser } from '../../support/browser.ts'
import { succeed, virnucpro } from '../../support/cli.ts'
import { pale } from './readable.ts'

const OPTIONS = ['--bundle', 'demo', '--backend', 'onnx', '--expected-length', '300']
const COLUMNS =
  'sample files records frames viral non_viral ambiguous uncalled viral_chunks status reason contigs'

describe('the page of several samples', () => {
  const folder = temporaryFolder()
  const output = folder.join('out')
  const path = folder.join('out', 'samples_report', 'report.html')
  let said = ''

  beforeAll(async () => {
    await writeFile(folder.join('a.fa'), `>a\n${'ACGTTGCA'.repeat(90)}\n`)
    await writeFile(folder.join('b.fa'), `>b\n${'TAATTAGATTAACTAG'.repeat(30)}\n`)
    await writeFile(folder.join('twice.fa'), `>c\n${'ACG'.repeat(90)}\n>c\n${'ACG'.repeat(90)}\n`)
    const rows = ['lake #1', 'soil', 'twice'].map(
      (name, i) => `${name},${folder.join(`${'a b twice'.split(' ')[i]}.fa`)}`,
    )
    await writeFile(folder.join('sheet.csv'), `sample,fasta\n${rows.join('\n')}\n`)
    const { code, stderr } = await virnucpro([
      ...['predict', '--sample-sheet', folder.join('sheet.csv'), '-o', output, '--duplicate-ids', 'fail'],
      ...OPTIONS,
    ])
    said = stderr
    expect(code).toBe(2)
  })

  afterAll(() => folder[Symbol.dispose]())

  test('has the sample that failed on top, a row for each, and links to their reports', async () => {
    expect(said).toContain(`report: ${path}`)
    const text = await readFile(path, 'utf8')
    const [warnings = '', samples = ''] = text.split('<h2>Samples</h2>')
    expect(warnings).toContain('1 sample did not end well')
    expect(warnings).toMatch(/twice<\/th><td>failed<\/td><td class="path">.*duplicate id/s)
    expect(samples.match(/<th scope="row"/g)).toHaveLength(3)
    const links = [...samples.matchAll(/href="([^"]*)"/g)].map(([, link]) => link!)
    expect(links).toHaveLength(2)
    for (const link of links) {
      const linked = await readFile(new URL(link, Bun.pathToFileURL(path)), 'utf8')
      expect(linked).toContain('VirNucPro report')
    }
    expect(text).not.toContain('<script')
    expect(text.match(/DEMONSTRATION/g)).toHaveLength(2)
  })

  test('is made again with those of the samples, to the byte', async () => {
    const before = await readFile(path, 'utf8')
    await rm(path)
    const { stdout } = await succeed('report', output)
    expect(stdout.trim().split('\n')).toHaveLength(3)
    expect(stdout.trim().split('\n').at(-1)).toBe(path)
    expect(await readFile(path, 'utf8')).toBe(before)
    await succeed('report', folder.join('out', 'samples_report'))
    expect(await readFile(path, 'utf8')).toBe(before)
  })

  test.skipIf(!hasBrowser)('a thousand samples can be read, on a narrow screen too', async () => {
    const many = folder.join('many')
    await mkdir(many)
    const rows = Array.from({ length: 1000 }, (_, i) =>
      [
        `sample_${i}`,
        'a.fa;b.fa',
        90,
        300,
        i % 7,
        60,
        3,
        27,
        10 + i,
        'finished',
        'NA',
        `sample_${i}/x_results/contigs.tsv`,
      ].join('\t'),
    )
    await writeFile(
      folder.join('many', 'samples.tsv'),
      `${COLUMNS.replaceAll(' ', '\t')}\n${rows.join('\n')}\n`,
    )
    await mkdir(folder.join('many', 'samples_report'))
    await succeed('report', folder.join('many', 'samples_report'))
    await using page = await openBrowser()
    for (const [width, scheme] of [
      [360, 'light'],
      [1400, 'dark'],
    ] as const) {
      await page.view({ width, scheme })
      await page.open(folder.join('many', 'samples_report', 'report.html'))
      expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(width)
      expect(await page.evaluate<string[]>(`(${pale})()`)).toEqual([])
    }
    expect(
      await page.evaluate<number>(`document.querySelectorAll('[aria-label=Samples] tbody tr').length`),
    ).toBe(1000)
    expect(page.faults).toEqual([])
  })
})
