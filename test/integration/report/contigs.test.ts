import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { type BrowserPage, hasBrowser, openBrowser } from '../../support/browser.ts'
import { succeed, virnucpro } from '../../support/cli.ts'
import { type MadeRun, makeRun, rowsOf } from './made-run.ts'
import { pale } from './readable.ts'
import { runDemo, summaryOf } from './support.ts'

/** Viral from the first chunk on, after the fourth, or nowhere. */
const virus = (record: number, chunk: number) =>
  [0.1, 0.95, 0.5, 0.15, 0.05][(record + (chunk > 4 ? 1 : 0)) % 5]!
const RUNS: Readonly<Record<'one' | 'hundreds' | 'many' | 'reads', MadeRun>> = {
  one: { records: 1, length: () => 48_502, virus: (_, chunk) => (chunk < 50 ? 0.9 : 0.2) },
  hundreds: { records: 300, length: (record) => 400 + ((record * 7919) % 20_000), virus, name },
  many: { records: 50_000, length: (record) => (record % 10 === 0 ? 3000 : 300), virus },
  reads: { records: 4000, length: () => 250, virus },
}
function name(record: number): string {
  return record === 6
    ? 'a_name_<i>of</i>_a_contig|that_is_as_long_as_names_of_assemblers_are'
    : `contig_${record}`
}

describe('contigs in the page', () => {
  const folder = temporaryFolder()
  const reports = {} as Record<keyof typeof RUNS, string>
  let page: BrowserPage | undefined

  beforeAll(async () => {
    await runDemo(folder.join('demo'))
    const like = await summaryOf(folder.join('demo', 'contigs_report'))
    for (const [kind, run] of Object.entries(RUNS) as [keyof typeof RUNS, MadeRun][]) {
      reports[kind] = await makeRun(folder.join(kind), like, run)
      await succeed('report', folder.join(kind))
    }
    if (hasBrowser) page = await openBrowser()
  })

  afterAll(async () => {
    await page?.[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  const pageOf = (kind: keyof typeof RUNS) => join(reports[kind], 'report.html')
  async function open(
    kind: keyof typeof RUNS,
    width = 1400,
    scheme: 'light' | 'dark' = 'light',
  ): Promise<BrowserPage> {
    await page!.view({ width, scheme })
    await page!.open(pageOf(kind))
    return page!
  }
  const shown = async (column: number) =>
    await page!.evaluate<string[]>(
      `[...document.querySelectorAll('.contigs tbody tr[data-rank]')].map((row) => row.cells[${column}].textContent)`,
    )
  const status = async () =>
    await page!.evaluate<string>(`document.querySelector('[role=status]').textContent`)
  const sortedBy = async () =>
    await page!.evaluate<string[]>(
      `[...document.querySelectorAll('.contigs th[aria-sort]')].filter((head) => head.ariaSort !== 'none').map((head) => head.textContent + ' ' + head.ariaSort)`,
    )

  test('of 50,000 contigs the first are there, the rest is named, and the page stays small', async () => {
    const text = await readFile(pageOf('many'), 'utf8')
    expect(text.length).toBeLessThan(2e6)
    expect(text).toContain('Records of a single chunk are not listed. These are the first 3,000 by rank.')
    expect(text).toMatch(/<code>contigs\.tsv<\/code> has all 50,000 records/)
    const data = JSON.parse(/id="contig-data">(.*?)<\/script>/s.exec(text)![1]!) as { rows: unknown[][] }
    const rows = await rowsOf(reports.many, 'contigs.tsv')
    const place = ['viral', 'ambiguous', 'non_viral', 'NA']
    const tiers = ['high', 'moderate', 'low', 'review']
    const rank = (row: string[]) =>
      [
        place.indexOf(row[9]!),
        row[9] === 'viral' ? tiers.indexOf(row[10]!) : 0,
        -Number(row[8]),
        -Number(row[6]),
      ] as const
    const expected = rows
      .map((row, i) => ({ row, key: [...rank(row), i] }))
      .filter(({ row }) => Number(row[2]) > 1)
      .sort((a, b) => a.key.map((value, i) => value - b.key[i]!).find((difference) => difference) ?? 0)
    expect(data.rows.map(([id]) => id)).toEqual(expected.slice(0, 3000).map(({ row }) => row[0]))
    // The tiles count all records, those that are not listed too.
    for (const [call, tile] of [
      ['viral', 'Viral contigs'],
      ['NA', 'Contigs without a call'],
    ] as const) {
      const count = rows.filter((row) => row[9] === call).length.toLocaleString('en-US')
      expect(text).toContain(`${tile}<b>${count}</b>`)
    }
  })

  test.skipIf(!hasBrowser)(
    'columns sort both ways by keyboard, and what has no score stays last',
    async () => {
      const page = await open('hundreds')
      expect(await sortedBy()).toEqual(['Rank ascending'])
      expect(await status()).toBe('1 to 25 of 300')
      await page.evaluate(`document.querySelector('#contig-call').focus()`)
      // Past the buttons for pages, of which the first is disabled, the region of the table, rank and name to the length.
      for (let i = 0; i < 5; i++) await page.press('Tab')
      await page.press('Enter')
      expect(await sortedBy()).toEqual(['Length descending'])
      const lengths = (await rowsOf(reports.hundreds, 'contigs.tsv'))
        .map((row) => Number(row[1]))
        .sort((a, b) => b - a)
      const asShown = (values: number[]) => values.slice(0, 25).map((value) => value.toLocaleString('en-US'))
      expect(await shown(2)).toEqual(asShown(lengths))
      await page.press('Enter')
      expect(await sortedBy()).toEqual(['Length ascending'])
      expect(await shown(2)).toEqual(asShown(lengths.toReversed()))
      const click = `[...document.querySelectorAll('.contigs thead button')].find((button) => button.textContent === 'Virus').click()`
      const next = `[...document.querySelectorAll('.pager button')][1].click()`
      const silent = (await rowsOf(reports.hundreds, 'contigs.tsv')).filter((row) => row[6] === 'NA').length
      expect(silent).toBeGreaterThan(0)
      for (const direction of [-1, 1]) {
        await page.evaluate(click)
        const scores: string[] = []
        for (let number = 0; number < 12; number++) {
          scores.push(...(await shown(6)))
          await page.evaluate(next)
        }
        expect(scores.slice(-silent)).toEqual(Array(silent).fill('–'))
        const numbers = scores.slice(0, -silent).map(Number)
        expect(numbers).toEqual(numbers.toSorted((a, b) => direction * (a - b)))
      }
      expect(await page.evaluate<boolean>(`document.activeElement.matches('thead button')`)).toBe(true)
      expect(page.faults).toEqual([])
    },
  )

  test.skipIf(!hasBrowser)('names are found, calls are filtered, pages are turned', async () => {
    const page = await open('hundreds')
    await page.evaluate(`document.querySelector('#contig-search').focus()`)
    await page.type('CONTIG_1')
    const names = (await rowsOf(reports.hundreds, 'contigs.tsv')).filter((row) =>
      row[0]!.startsWith('contig_1'),
    )
    expect(await status()).toBe(`1 to 25 of ${names.length}`)
    await page.evaluate(`[...document.querySelectorAll('.pager button')][1].click()`)
    expect(await status()).toBe(`26 to 50 of ${names.length}`)
    await page.evaluate(
      `(() => { const call = document.querySelector('#contig-call'); call.value = 'viral'; call.dispatchEvent(new Event('change')) })()`,
    )
    expect(await status()).toMatch(new RegExp(` of ${names.filter((row) => row[9] === 'viral').length}$`))
    expect(new Set(await shown(3))).toEqual(new Set(['viral']))
    await page.type(' and no more')
    expect(await status()).toBe('No contig is called or named like that.')
    expect(await shown(0)).toEqual([])
  })

  test.skipIf(!hasBrowser)(
    'a name is shown as it is, and opens its track with its viral stretches',
    async () => {
      const page = await open('hundreds')
      await page.evaluate(`document.querySelector('#contig-search').focus()`)
      await page.type('<i>')
      expect(await shown(1)).toEqual([name(6)])
      await page.evaluate(`document.querySelector('.more').focus()`)
      await page.press('Enter')
      expect(
        await page.evaluate<unknown>(
          `[document.activeElement.className, document.activeElement.ariaExpanded]`,
        ),
      ).toEqual(['more', 'true'])
      const detail = await page.evaluate<string>(`document.querySelector('.detail').textContent`)
      const bed = await readFile(join(reports.hundreds, '..', 'made_results', 'viral.bed'), 'utf8')
      const stretches = bed.split('\n').filter((line) => line.startsWith(`${name(6)}\t`))
      expect(stretches.length).toBeGreaterThan(0)
      for (const line of stretches) {
        const [start, end] = line.split('\t').slice(1, 3).map(Number)
        expect(detail).toContain(`${(start! + 1).toLocaleString('en-US')} to ${end!.toLocaleString('en-US')}`)
      }
      // A step for each scored chunk, and none where a chunk is silent.
      const chunks = (await rowsOf(reports.hundreds, 'chunks.tsv')).filter(([id]) => id === name(6))
      const scored = chunks.filter((row) => row[9] === 'scored').length
      expect(scored).toBeLessThan(chunks.length)
      for (const series of ['viral', 'others']) {
        const path = await page.evaluate<string>(
          `document.querySelector('.detail path.${series}').getAttribute('d')`,
        )
        expect(path.match(/M/g)).toHaveLength(scored)
      }
      await page.press('Enter')
      expect(await page.evaluate<unknown>(`document.querySelector('.detail')`)).toBeNull()
    },
  )

  test.skipIf(!hasBrowser).each([
    ['one', 1400, 'light'],
    ['many', 1400, 'dark'],
    ['hundreds', 360, 'light'],
    ['reads', 360, 'dark'],
  ] as const)('%s at %d, %s: readable, nothing moves, nothing is fetched', async (kind, width, scheme) => {
    const page = await open(kind, width, scheme)
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(width)
    const moved = await page.evaluate<number>(`new Promise((answer) => {
      let sum = 0
      new PerformanceObserver((list) => { for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) sum += value })
        .observe({ type: 'layout-shift', buffered: true })
      setTimeout(() => answer(sum), 100)
    })`)
    expect(moved).toBe(0)
    await page.evaluate(`document.querySelector('.more')?.click()`)
    expect(await page.evaluate<string[]>(`(${pale})()`)).toEqual([])
    expect(page.requests.filter((url) => !url.startsWith('file:') && !url.startsWith('data:'))).toEqual([])
    expect(page.faults).toEqual([])
  })

  test.skipIf(!hasBrowser)('a single contig is open, and nothing asks to search it', async () => {
    const page = await open('one')
    const found = await page.evaluate<unknown>(
      `[document.querySelectorAll('.detail svg.large').length, document.querySelector('.controls').checkVisibility()]`,
    )
    expect(found).toEqual([1, false])
  })

  test('reads are counted and drawn, and none is listed', async () => {
    const text = await readFile(pageOf('reads'), 'utf8')
    expect(text).toContain('None of the 4,000 records has more than one chunk')
    expect(text).toContain('Contig calls: histogram of ')
    expect(text).not.toContain('<script')
    expect(text.length).toBeLessThan(150_000)
  })

  test('where the browser runs no script, the first contigs stand in a plain table', async () => {
    const text = await readFile(pageOf('hundreds'), 'utf8')
    const plain = /<noscript>(.*?)<\/noscript>/s.exec(text)![1]!
    expect(plain.match(/<tr>/g)).toHaveLength(51)
    expect(plain).not.toContain('<i>')
  })

  test('tables of contigs of another run, or damaged ones, are refused; none is said', async () => {
    const table = join(reports.reads, '..', 'made_results', 'contigs.tsv')
    const text = await readFile(table, 'utf8')
    const refused = async (...words: string[]) => {
      const { code, stderr } = await virnucpro(['report', reports.reads])
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('contigs.tsv') })
      for (const word of words) expect(stderr).toContain(word)
    }
    await appendFile(table, 'more\t250\t1\t0\t0\tNA\tNA\tNA\tNA\tNA\tNA\tnot_scored\tno_open_frame\n')
    await refused('is not the table of this run', '4001', '4000')
    await writeFile(table, `${text}cut of`)
    await refused('contigs.tsv:4002')
    await writeFile(table, text.replace('seq_name', 'name'))
    await refused('contigs.tsv:1', 'seq_name')
    await rm(table)
    await succeed('report', reports.reads)
    expect(await readFile(pageOf('reads'), 'utf8')).toContain('This run has no <code>contigs.tsv</code>')
  })
})
