import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { type BrowserPage, hasBrowser, openBrowser, type View } from '../../support/browser.ts'
import { succeed } from '../../support/cli.ts'
import { overlapping, pale } from './readable.ts'
import { addMetrics, contigs, runDemo } from './support.ts'

const VIEWS: readonly View[] = [
  { width: 1400, scheme: 'light' },
  { width: 1400, scheme: 'dark' },
  { width: 360, scheme: 'light' },
  { width: 360, scheme: 'dark' },
]
/** Charts that a page with metrics of GPUs has, by their headings. */
const CHARTS = [
  'Contig calls',
  'Chunk scores',
  'Frame scores',
  'Contig and read lengths',
  'Chunk lengths',
  'Busy share of each device',
  'Tokens per second',
  'Memory of the devices',
  'Memory of the program',
  'Stages',
]

describe.skipIf(!hasBrowser)('the page in a browser', () => {
  const folder = temporaryFolder()
  const path = folder.join('out', 'a_report', 'report.html')
  let page: BrowserPage

  beforeAll(async () => {
    const inputs = [folder.join('a.fa'), folder.join('b <i>.fa')]
    await writeFile(inputs[0]!, (await readFile(contigs, 'utf8')).replaceAll('>', '>a'))
    await writeFile(inputs[1]!, (await readFile(contigs, 'utf8')).replaceAll('>', '>b'))
    await runDemo(folder.join('out'), inputs)
    await addMetrics(folder.join('out', 'a_report'))
    await succeed('report', folder.join('out'))
    page = await openBrowser()
  })

  afterAll(async () => {
    await page?.[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  test.each(VIEWS)(
    '$width wide and $scheme: every chart shows something, every word can be read',
    async (view) => {
      await page.view(view)
      await page.open(path)
      const [wide, names] = await page.evaluate<[number, string[]]>(
        `[document.documentElement.scrollWidth, [...document.querySelectorAll('figure:has(svg[role=img]) h3')].map((title) => title.textContent)]`,
      )
      expect(wide).toBe(view.width)
      expect(names).toEqual(CHARTS)
      expect(await page.evaluate<string[]>(`(${overlapping})()`)).toEqual([])
      expect(await page.evaluate<string[]>(`(${pale})()`)).toEqual([])
      const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
      expect(background).toBe(view.scheme === 'dark' ? 'rgb(19, 22, 27)' : 'rgb(255, 255, 255)')
      for (let chart = 0; chart < names.length; chart++) {
        const { colours, coloured } = await looks(page, await page.screenshot(nthChart(chart)))
        // Paper, grid and letters are grey in both schemes: an empty chart has no colour.
        const shown = { colours: colours > 12, coloured: coloured > 0.003 }
        expect({ chart: names[chart], ...shown }).toEqual({
          chart: names[chart],
          colours: true,
          coloured: true,
        })
      }
    },
  )

  test('nothing but the file is asked for, nothing goes wrong, and it is small', async () => {
    await page.view({ width: 1000 })
    const before = page.requests.length
    await page.open(path)
    expect(page.requests.slice(before)).toEqual([pathToFileURL(path).href])
    expect(page.faults).toEqual([])
    const text = await readFile(path, 'utf8')
    expect(text.length).toBeLessThan(2e6)
    expect(text.match(/(?:src|href|action|data|poster|srcset)\s*=\s*["']?(?!data:,)[^"'\s>]*:/gi)).toBeNull()
    expect(
      text.match(/@import|url\(|<script src|<iframe|<object|<embed|<base|\bfetch\(|XMLHttp|import\(/gi),
    ).toBeNull()
    // One that runs, which the policy of the page names by its digest, and one of data.
    expect(text.match(/<script/g)?.length).toBe(2)
    expect(text.match(/script-src '(sha256-)/)?.[1]).toBe('sha256-')
  })

  test('without drawings there are titles, descriptions and tables', async () => {
    await page.open(path)
    const found = await page.evaluate<Record<string, unknown>>(`({
      language: document.documentElement.lang,
      headings: document.querySelectorAll('h1').length,
      unnamed: [...document.querySelectorAll('svg[role=img]')].filter((svg) => !svg.querySelector(':scope > title')?.textContent.trim() ||
        svg.getAttribute('aria-labelledby')?.split(' ').some((id) => !document.getElementById(id)?.textContent.trim())).length,
      silent: [...document.querySelectorAll('svg:not([role=img])')].filter((svg) => svg.getAttribute('aria-hidden') !== 'true').length,
      tableless: [...document.querySelectorAll('figure')].filter((figure) => !figure.querySelector('table tbody tr')).length,
      headless: [...document.querySelectorAll('th')].filter((th) => !th.scope).length,
      stamps: document.querySelectorAll('header .notice').length,
      doubled: (() => { const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id); return ids.length - new Set(ids).size })(),
    })`)
    expect(found).toEqual({
      language: 'en',
      headings: 1,
      unnamed: 0,
      silent: 0,
      tableless: 0,
      headless: 0,
      stamps: 1,
      doubled: 0,
    })
    expect(await page.evaluate<string>(`document.querySelector('header .notice').textContent`)).toContain(
      'DEMONSTRATION',
    )
  })

  test('each input has its row, with the calls that the tables hold', async () => {
    const rows = await page.evaluate<string[][]>(
      `[...document.querySelectorAll('[aria-label="Calls per input"] tbody tr')].map((row) => [...row.cells].slice(0, 7).map((cell) => cell.textContent))`,
    )
    expect(rows.map(([name]) => name)).toEqual(['a.fa', 'b <i>.fa'])
    // The same sequences twice, so the same numbers; together they are those of the table.
    expect(rows[0]!.slice(1)).toEqual(rows[1]!.slice(1))
    const table = await readFile(
      folder.join('out', 'a_merged', 'prediction_results_highestscore.csv'),
      'utf8',
    )
    const viral = table.split('\n').filter((line) => line.endsWith('\tTrue')).length
    const others = table.split('\n').filter((line) => line.endsWith('\tFalse')).length
    expect(2 * Number(rows[0]![4])).toBe(viral)
    expect(2 * Number(rows[0]![5])).toBe(others)
  })

  test('on paper it is light, whatever the screen is, and without what cannot be unfolded', async () => {
    await page.view({ width: 800, scheme: 'dark', media: 'print' })
    await page.open(path)
    expect(
      await page.evaluate<unknown>(
        `[getComputedStyle(document.body).backgroundColor, [...document.querySelectorAll('details')].filter((part) => part.checkVisibility()).length]`,
      ),
    ).toEqual(['rgb(255, 255, 255)', 0])
    expect(await page.evaluate<string[]>(`(${pale})()`)).toEqual([])
    await page.view({ width: 1000, scheme: 'dark' })
    const pdf = Buffer.from(await page.pdf()).toString('latin1')
    expect(pdf.slice(0, 5)).toBe('%PDF-')
    const pages = pdf.match(/\/Type \/Page\b/g)?.length ?? 0
    expect(pages).toBeGreaterThanOrEqual(2)
    expect(pages).toBeLessThan(8)
  })
})

/** Selector of the drawing of the chart at a place, from 0. */
function nthChart(chart: number): string {
  return `svg[aria-labelledby^="chart${chart + 1}t"]`
}

/** How many colours a picture has, and which share of it is no shade of grey. */
async function looks(page: BrowserPage, png: Uint8Array): Promise<{ colours: number; coloured: number }> {
  return await page.evaluate(`(async () => {
    const image = new Image()
    image.src = 'data:image/png;base64,${Buffer.from(png).toString('base64')}'
    await image.decode()
    const canvas = new OffscreenCanvas(image.width, image.height)
    const drawing = canvas.getContext('2d')
    drawing.drawImage(image, 0, 0)
    const { data } = drawing.getImageData(0, 0, image.width, image.height)
    const counts = new Map()
    for (let i = 0; i < data.length; i += 4) {
      const colour = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2]
      counts.set(colour, (counts.get(colour) ?? 0) + 1)
    }
    let coloured = 0
    for (const [colour, count] of counts) {
      const channels = [16, 8, 0].map((shift) => (colour >> shift) & 255)
      if (Math.max(...channels) - Math.min(...channels) > 60) coloured += count
    }
    return { colours: counts.size, coloured: coloured / (data.length / 4) }
  })()`)
}
