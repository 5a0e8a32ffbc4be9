import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { bam, bgzip, record } from '../../../scripts/support/bam.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { commonOptions } from '../../../src/cli/command.ts'
import { readCommandLine } from '../../../src/cli/command-line.ts'
import { COMMANDS, loadCommand } from '../../../src/cli/commands.ts'
import { repository, virnucpro } from '../../support/cli.ts'
import {
  type Block,
  IN_ONE_GO,
  OTHER_ENDS,
  REPLACED,
  STAND_INS,
  shellBlocks,
} from '../../support/doc-commands.ts'

const pages = [
  ...[
    'README.md',
    'CONTRIBUTING.md',
    '{docs,packages,deploy,workflow,nextflow,wdl,examples}/**/*.md',
  ].flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(repository)]),
].filter((page) => !/node_modules|^docs\/api\//.test(page))
const blocks = pages.flatMap(shellBlocks)
const tiny = join(repository, 'test/data/tiny')
const all = temporaryFolder()
afterAll(() => all[Symbol.dispose]())

/** What a reader has before the first command: files of the names that the pages use, and a bundle in the home. */
const files = all.join('files')
let bundleId = ''

beforeAll(async () => {
  mkdirSync(join(files, 'runs'), { recursive: true })
  const contigs = readFileSync(join(tiny, 'contigs.fasta'), 'utf8')
  const some = `>${contigs.split('>').slice(1, 3).join('>')}`
  const reads =
    '>read_1\nACGGCAGTCGATCGGCTAGCACGGCAGTCGATCGGCTAGC\n>read_2\nGGCAAACGCGACGATCGACGGGCAAACGCGACGATCGACG\n'
  for (const name of ['contigs', 'one', 'two']) writeFileSync(join(files, `${name}.fasta`), some)
  for (const name of ['reads.fasta', 'soil.fa']) writeFileSync(join(files, name), reads)
  for (const name of ['reads.fa.gz', 'lane1.fq.gz', 'lake.fastq.gz', 'reads.fastq.gz', 'runs/soil.fastq.gz'])
    writeFileSync(join(files, name), gzipSync(reads))
  writeFileSync(join(files, 'lane2.fq.zst'), zstdCompressSync(reads.replaceAll('read', 'other')))
  writeFileSync(join(files, 'reads.bam'), bgzip(bam(record('read_1', 'ACGGCAGTCGATCGGCTAGC'))))
  writeFileSync(join(files, 'proteins.faa'), '>protein_1\nMKTAYIAKQRQISFVKSHFSRQ\n')
  writeFileSync(join(files, 'samples.csv'), 'sample,fasta\nsoil,soil.fa\nlake,contigs.fasta\n')
  copyFileSync(join(tiny, 'models/esm2_t2_tiny.pt'), join(files, 'esm2_t36_3B_UR50D.pt'))
  cpSync(join(tiny, 'models/dnabert_s_tiny'), join(files, 'DNABERT-S'), { recursive: true })
  for (const length of [300, 500])
    copyFileSync(join(tiny, 'models/500_model.pth'), join(files, `${length}_model.pth`))
  const old = join(repository, 'test/data/old-runs')
  copyFileSync(join(old, 'old_reads.fa'), join(files, 'sample.fasta'))
  for (const file of new Bun.Glob('**/*').scanSync(join(old, 'vanilla')))
    cpSync(join(old, 'vanilla', file), join(files, 'old-run', file.replaceAll('old_reads', 'sample')), {
      preserveTimestamps: true,
    })

  mkdirSync(all.join('bin'))
  mkdirSync(all.join('packages'))
  symlinkSync(repository, all.join('packages', 'virnucpro'))
  const program = all.join('bin', 'virnucpro')
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${repository}/src/cli/main.ts" "$@"\n`)
  chmodSync(program, 0o755)
  const weights = ['--esm', 'esm2_t36_3B_UR50D.pt', '--dnabert', 'DNABERT-S']
  const mlp = ['--mlp', '300_model.pth', '--mlp', '500_model.pth']
  const home = { VIRNUCPRO_HOME: all.join('home') }
  const imported = await virnucpro(['models', 'import', ...weights, ...mlp], files, home)
  expect(imported).toMatchObject({ code: 0 })
  const [known] = JSON.parse((await virnucpro(['models', 'list', '--json'], files, home)).stdout)
  bundleId = known.id
  cpSync(known.folder, join(files, 'models/virnucpro-500'), { recursive: true })
  // Pages that look at results begin where those of the quick start end.
  const ran = await virnucpro(['predict', 'sample.fasta', '--output-dir', 'out'], files, home)
  expect(ran).toMatchObject({ code: 0 })
})

const standIn = (command: string) => STAND_INS.find(([line]) => line.test(command))

/** Runs commands as a reader would, in one shell. */
async function run(commands: readonly string[], folder: string): Promise<string> {
  const lines = commands.map((command) => {
    if (standIn(command) !== undefined) return ':'
    const [, code] = OTHER_ENDS.find(([line]) => line.test(command)) ?? []
    const text = REPLACED.reduce((line, [word, by]) => line.replaceAll(word, by), command)
    return code === undefined ? text : `${text.replace(/ +#.*$/, '')} || [ $? -eq ${code} ]`
  })
  const child = Bun.spawn(['bash', '-euo', 'pipefail', '-c', lines.join('\n')], {
    cwd: folder,
    env: {
      ...{ PATH: `${all.join('bin')}:${process.env.PATH}`, HOME: folder, NO_COLOR: '1' },
      ...{ VIRNUCPRO_HOME: all.join('home'), BUNDLE_ID: bundleId, PACKAGES: all.join('packages') },
    },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  return code === 0 ? '' : `exit code ${code} in:\n${lines.join('\n')}\n${stderr}`
}

/** Command lines of this program in a command, each as words; what the shell would fill in stands for a file. */
function linesOfProgram(command: string): string[][] {
  const text = command.replace(/ +#.*$/, '').replace(/<\([^)]*\)|"?\$\([^)]*\)"?|"[^"]*"/g, 'FILE')
  return [...text.matchAll(/(?:^|\| |; |bin\/)virnucpro ([^|;&>]+)/g)].map(([, words = '']) =>
    words.trim().split(/\s+/),
  )
}

async function parse(words: readonly string[]): Promise<void> {
  const two = words.slice(0, 2).join(' ')
  const name = Object.hasOwn(COMMANDS, two) ? two : (words[0] ?? '')
  const { options } = await loadCommand(name)
  readCommandLine(words.slice(name.split(' ').length), { ...options, ...commonOptions })
}

test('every line of this program in the documentation is one that it takes', async () => {
  const lines = blocks.flatMap(({ page, commands }) =>
    commands
      .filter((each) => standIn(each) !== undefined)
      .flatMap((each) => linesOfProgram(each).map((words) => ({ page, words }))),
  )
  expect(lines.length).toBeGreaterThan(10)
  const wrong: string[] = []
  for (const { page, words } of lines)
    await parse(words).catch((error) => wrong.push(`${page}: ${words.join(' ')}: ${error.message}`))
  expect(wrong).toEqual([])
})

test('each stand-in stands for some line', () => {
  const commands = blocks.flatMap((block) => block.commands)
  const unused = [...STAND_INS, ...OTHER_ENDS].filter(([line]) => !commands.some((each) => line.test(each)))
  expect(unused).toEqual([])
})

const scripts: Block[] = pages.flatMap((page) => {
  const own = blocks.filter((block) => block.page === page)
  const [first] = own
  return IN_ONE_GO.test(page) && first !== undefined
    ? [{ ...first, commands: own.flatMap(({ commands }) => commands) }]
    : own
})
const runnable = scripts.filter(({ commands }) => commands.some((each) => standIn(each) === undefined))

test('there are commands to run', () => {
  expect(runnable.length).toBeGreaterThan(15)
})

/** What came of each, in their order; two at a time, since each is a program of its own. */
const outcomes: Promise<string>[] = []

function outcomeOf(at: number): Promise<string> {
  for (let next = outcomes.length; next < Math.min(at + 2, runnable.length); next++) {
    const { page, line, commands } = runnable[next] as Block
    const folder = all.join(`${page}:${line}`.replace(/\W+/g, '-'))
    cpSync(files, folder, { recursive: true, preserveTimestamps: true })
    outcomes.push(run(commands, folder))
  }
  return outcomes[at] as Promise<string>
}

test.each(runnable.map(({ page, line }, at) => [`${page}:${line}`, at] as const))(
  'the commands of %s run',
  async (_, at) => {
    expect(await outcomeOf(at)).toBe('')
  },
)
