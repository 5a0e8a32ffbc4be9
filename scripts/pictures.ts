/**
 * Makes the pictures of the documentation, docs/pictures, from runs of the demonstration, and the diagram of the program.
 * Usage: bun scripts/pictures.ts [NAME…] [--output FOLDER]   (default all: architecture, live-view, report, track)
 * Needs what scripts/test-browser.sh and scripts/test-terminal.sh prepare. Times and speeds in them are those of this machine.
 */
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { architecture } from './support/architecture.ts'
import { type BrowserPage, openBrowser } from './support/browser.ts'
import { randomFasta } from './support/fasta.ts'
import { randomSource } from './support/random.ts'
import { SCHEMES, type Scheme } from './support/schemes.ts'
import { temporaryFolder } from './support/temporary.ts'
import { openTerminal } from './support/terminal.ts'
import { terminalPicture } from './support/terminal-picture.ts'

const repository = join(import.meta.dir, '..')

const { values, positionals } = parseArgs({
  options: { output: { type: 'string', default: join(repository, 'docs/pictures') } },
  allowPositionals: true,
})
const output = resolve(values.output)
await using folder = temporaryFolder()

type Picture = (scheme: Scheme) => Promise<string | Uint8Array> | string

const MAKERS: Readonly<Record<string, () => Promise<{ ending: string; picture: Picture }>>> = {
  architecture: async () => ({ ending: 'svg', picture: architecture }),
  async 'live-view'() {
    const screen = await liveScreen()
    return { ending: 'svg', picture: (scheme) => terminalPicture(screen, scheme) }
  },
  async report() {
    const path = await demonstrationReport()
    return {
      ending: 'png',
      picture: (scheme) =>
        onPage(path, scheme, 1240, async (page) => {
          // As far as the first rows of the table.
          await page.evaluate("document.body.style.cssText = 'height: 1180px; overflow: hidden'")
          return await page.screenshot('body')
        }),
    }
  },
  async track() {
    const path = await demonstrationReport()
    return {
      ending: 'png',
      picture: (scheme) =>
        onPage(path, scheme, 1000, async (page) => {
          await page.evaluate(OPEN_FIRST_TRACK)
          return await page.screenshot('#picture')
        }),
    }
  },
}

/** Runs in the page: the first contig large, with a line that says what it is. */
const OPEN_FIRST_TRACK = `(() => {
  const named = [...document.querySelectorAll('#contig-table button.more')]
  const button = named.find((each) => each.textContent.startsWith('contig_'))
  button.click()
  const picture = document.querySelector('.detail .sticky')
  const caption = document.createElement('p')
  caption.textContent = button.textContent + ', made of random letters; models of the demonstration'
  picture.prepend(caption)
  picture.id = 'picture'
  picture.style = 'padding: 8px 12px; background: var(--paper)'
})()`

/** The screen of a terminal in the middle of a run, with the codes of its colours. */
async function liveScreen(): Promise<string> {
  await Bun.write(folder.join('reads.fasta'), randomFasta(3, 7000))
  using terminal = openTerminal(100, 13)
  const program = `'${process.execPath}' '${join(repository, 'src/cli/main.ts')}' "$@" --metrics-interval 1`
  const prepare = [`cd '${folder.path}'`, `virnucpro() { ${program}; }`, "PS1='$ '", 'clear']
  terminal.type(prepare.join('; '), 'Enter')
  await terminal.until((screen) => screen.trim() === '$')
  terminal.type('virnucpro predict reads.fasta --bundle demo --model-type 300 --token-budget 512', 'Enter')
  const wanted = [/ESM-2 .* [2-8]\d % .* seq\/s/, /processor .* seq\/s/, /Time left +(about )?[\d:]+ .*saved/]
  let picture = ''
  await terminal.until((screen) => {
    if (!wanted.every((each) => each.test(screen))) return false
    picture = terminal.coloured()
    return wanted.every((each) => each.test(Bun.stripANSI(picture)))
  }, 180)
  terminal.type('C-c')
  return picture.trimEnd()
}

let reportPath: Promise<string> | undefined

/** The report of a run of the demonstration over its example. */
async function demonstrationReport(): Promise<string> {
  reportPath ??= (async () => {
    const example = await Bun.file(join(repository, 'examples/contigs.fasta')).text()
    const [, first = ''] = example.split('>')
    const gene = first.slice(first.indexOf('\n')).replaceAll('\n', '')
    await Bun.write(folder.join('contigs.fasta'), example + randomContigs(gene))
    const words = ['predict', 'contigs.fasta', '--bundle', 'demo', '--output-dir', 'results', '--no-progress']
    const program = [process.execPath, join(repository, 'src/cli/main.ts')]
    const { exitCode, stderr } = Bun.spawnSync([...program, ...words], { cwd: folder.path, stderr: 'pipe' })
    if (exitCode !== 0) throw new Error(stderr.toString())
    return folder.join('results/contigs_report/report.html')
  })()
  return await reportPath
}

async function onPage(
  path: string,
  scheme: Scheme,
  width: number,
  take: (page: BrowserPage) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  await using page = await openBrowser()
  await page.view({ width, scheme })
  await page.open(path)
  return await take(page)
}

/** Contigs in which three kinds of stretches take turns: random letters without a stop codon, variants of one gene, and silence. */
function randomContigs(gene: string): string {
  const random = randomSource(8)
  const letter = (of: string) => of[Math.floor(random() * of.length)]!
  const kinds = [
    (length: number) => Array.from({ length }, () => letter('ACG')).join(''),
    (length: number) =>
      Array.from({ length }, (_, at) => (random() < 0.03 ? letter('ACG') : gene[at % gene.length])).join(''),
    (length: number) => Array.from({ length }, () => letter('ACGT')).join(''),
  ]
  const records = Array.from({ length: 9 }, (_, number) => {
    const stretches = Array.from({ length: 3 + Math.floor(4 * random()) }, (_, at) =>
      kinds[(at + number) % 3]!(Math.floor(1000 + 2500 * random())),
    )
    return `>contig_${number + 1}\n${stretches.join('')}\n`
  })
  return records.join('')
}

const names = positionals.length === 0 ? Object.keys(MAKERS) : positionals
await mkdir(output, { recursive: true })
for (const name of names) {
  const maker = MAKERS[name]
  if (maker === undefined) throw new Error(`${name}: expected ${Object.keys(MAKERS).join(', ')}`)
  const { ending, picture } = await maker()
  for (const scheme of SCHEMES) {
    const path = join(output, `${name}-${scheme}.${ending}`)
    console.log(`${path}: ${await Bun.write(path, await picture(scheme))} bytes`)
  }
}
