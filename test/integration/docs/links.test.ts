import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, resolve } from 'node:path'

const root = resolve(import.meta.dir, '../../..')
/** What is used without the rest: each has a page of its own. */
const PARTS = ['workflow', 'nextflow', 'wdl', 'deploy'].map((part) => `${part}/README.md`)
const pages = ['*.md', 'docs/**/*.md', 'model_repository/*.md', 'src/**/*.md', ...PARTS]
  .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(root)])
  .sort()
const textOf = (page: string) => readFileSync(join(root, page), 'utf8').replace(/^```.*?^```/gms, '')

/** Names that a page's headings can be linked by, as GitHub makes them. */
function anchorsOf(page: string): Set<string> {
  const headings = [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-'),
  )
  return new Set(headings)
}

/** Links of Markdown and of HTML, pictures included. */
const LINK = /\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"\s]+)"/g

function isBroken(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : normalize(join(dirname(page), path))
  if (!existsSync(join(root, target))) return true
  return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor)
}

test('every link between pages leads to a file, and to a heading where it names one', () => {
  expect(pages).toEqual(expect.arrayContaining(['docs/adr/README.md', ...PARTS]))
  const broken = pages.flatMap((page) =>
    [...textOf(page).matchAll(LINK)]
      .map(([, link, attribute]) => link ?? attribute ?? '')
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => isBroken(page, link))
      .map((link) => `${page}: ${link}`),
  )
  expect(broken).toEqual([])
})

const SOURCES =
  '{src,scripts,bench,model_repository,packaging,workflow,nextflow,wdl}/**/*.{ts,py,sh,md,json,nf,wdl,yaml}'

test('every page that the program or a comment names is there', () => {
  const broken = [...new Bun.Glob(SOURCES).scanSync(root)].flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/\bdocs\/(?:[\w-]+\/)*[\w-]+\.md(?:#[\w-]+)?/g)]
      .filter(([link]) => isBroken('README.md', link))
      .map(([link]) => `${file}: ${link}`),
  )
  expect(broken).toEqual([])
})

test('no page is too long to be read in one go, what is generated aside', () => {
  const long = pages.filter((page) => {
    const text = readFileSync(join(root, page), 'utf8').replace(
      /<!-- (?:options|reliability): .*?<!-- end -->\n*/gs,
      '',
    )
    return text.split('\n').length > 251
  })
  expect(long).toEqual([])
})

test('every decision is in the list of decisions, with the title and the date of its page', () => {
  const list = textOf('docs/adr/README.md')
  const decisions = pages.filter((page) => /^docs\/adr\/\d{4}-/.test(page))
  expect(decisions.length).toBeGreaterThan(5)
  for (const page of decisions) {
    const [name] = page.split('/').slice(-1)
    const [, title] = /^# \d+\. (.*)$/m.exec(textOf(page)) ?? []
    const [date] = /\d{4}-\d\d-\d\d/.exec(textOf(page)) ?? []
    expect(list).toContain(`| [${name?.slice(0, 4)}](${name}) | ${title} | ${date} |`)
  }
})
