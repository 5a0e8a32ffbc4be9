import { expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder, virnucpro } from './support.ts'

const OPEN = `ATG${'GCT'.repeat(80)}TAA`

/** What a terminal acts on: a colour, a title, a bell, a line of ours, the direction of writing, an 8-bit escape. */
const HOSTILE = {
  colour: '\x1b[31mred',
  title: '\x1b]0;title\x07',
  line: 'x\nerror: forged\rgone',
  direction: 'a\u202egnp.exe',
  c1: 'a\u009b2Jb',
}

/** Everything but text and the line ends of this program. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const RAW = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/

function expectPrintable(text: string): void {
  expect(RAW.exec(text)).toBeNull()
  expect(text).not.toMatch(/^error: forged/m)
  expect(text).not.toMatch(/ - ERROR - error: forged/)
}

test.concurrent.each(Object.entries(HOSTILE))(
  'a name with %s is shown with escapes everywhere',
  async (_, name) => {
    using folder = temporaryFolder()
    const { path: cwd } = folder
    writeFileSync(folder.join(`${name}.fa`), `>a\n${OPEN}\n>b\n${OPEN}\n>b\n${OPEN}\n`)
    const lines = [
      ['predict', `${name}.fa`, '--bundle', 'demo'],
      ['predict', `no${name}`, '--bundle', 'demo'],
      ['predict', 'x.fa', `--${name}`],
      ['predict', 'x.fa', `--resume=${name}`],
      ['predict', 'x.fa', '--layout', name],
      ['predict', 'x.fa', '--config', name],
      [name],
      ['models', 'show', name],
      ['checkpoints', 'list', name],
      ['engines', 'show', name],
      ['report', name],
      ['serve', '--repository', name],
      ['config', '--bundle', name],
      ['config', '--json', '--bundle', name],
    ]
    for (const line of lines) {
      const { code, out, err } = await virnucpro(
        [...line, '-l', 'run.log'].slice(0, line[0] === name ? 1 : undefined),
        {
          cwd,
        },
      )
      expect({ line, defect: err.includes('defect') }).toEqual({ line, defect: false })
      expectPrintable(out + err)
      if (line[0] === 'config') expect(code).toBe(0)
      else expect(code).toBeGreaterThanOrEqual(64)
    }
    expectPrintable(readFileSync(folder.join('run.log'), 'utf8'))
    const skipped = await virnucpro(
      ['predict', `${name}.fa`, '--bundle', 'demo', '--on-invalid', 'skip', '-o', 'out', '-l', 'run.log'],
      { cwd },
    )
    expectPrintable(skipped.out + skipped.err + readFileSync(folder.join('run.log'), 'utf8'))
    expect(skipped.code).toBe(0)
    const list = readdirSync(folder.join('out')).find((file) => file.endsWith('_invalid_records.tsv')) ?? ''
    const rows = readFileSync(folder.join('out', list), 'utf8')
    expectPrintable(rows.replaceAll('\t', ' '))
    expect(rows.trimEnd().split('\n')).toHaveLength(2)
    const report = readdirSync(folder.join('out')).find((file) => file.endsWith('_report')) ?? ''
    for (const file of readdirSync(folder.join('out', report)).filter((file) => /html$|tsv$/.test(file)))
      expectPrintable(readFileSync(folder.join('out', report, file), 'utf8').replaceAll('\t', ' '))
    const again = await virnucpro(['report', 'out'], { cwd })
    expectPrintable(again.out + again.err)
    expect(again.code).toBe(0)
  },
)

test.concurrent('a damaged file in an old run cannot forge a line either', async () => {
  using folder = temporaryFolder()
  const name = 'x\u009b2K\nerror: forged'
  mkdirSync(folder.join(`${name}_nucleotide`), { recursive: true })
  writeFileSync(join(folder.path, `${name}_nucleotide`, 'output_1_DNABERT_S.pt'), 'no tensors')
  for (const command of ['list', 'verify', 'clean']) {
    const { out, err } = await virnucpro(['checkpoints', command, folder.path, '-v'])
    expectPrintable(out + err)
  }
  const json = await virnucpro(['checkpoints', 'list', folder.path, '--json'])
  expectPrintable(json.out)
})
