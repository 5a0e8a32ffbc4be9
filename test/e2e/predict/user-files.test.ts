import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { randomSource } from '../../../scripts/support/random.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { virnucpro } from '../../support/cli.ts'
import { start } from './resume-support.ts'

setDefaultTimeout(120_000)

const folder = temporaryFolder()
const reads = randomFasta(3, 12)
/** A finished run in each layout, to be copied. */
const finished = { vanilla: folder.join('finished-vanilla'), broad: folder.join('finished-broad') }
type Layout = keyof typeof finished
const layouts = ['vanilla', 'broad'] as const
const COMPUTE = [
  '--bundle',
  'demo',
  '--backend',
  'onnx',
  '-e',
  '300',
  '--sequences-per-file',
  '5',
  '--no-progress',
]

beforeAll(async () => {
  for (const layout of layouts) {
    mkdirSync(finished[layout])
    writeFileSync(join(finished[layout], 'x.fa'), reads)
    expect((await predict(finished[layout], layout, 'x.fa', '-k')).code).toBe(0)
  }
})
afterAll(() => folder[Symbol.asyncDispose]())

function predict(cwd: string, layout: Layout, ...words: string[]) {
  const [, demo, ...compute] = COMPUTE
  const bundle = words.includes('--bundle') ? [] : ['--bundle', demo as string]
  return virnucpro(['predict', ...words, '-o', '.', '--layout', layout, ...bundle, ...compute], cwd)
}

let folders = 0
/** A folder with an input and some files of the user's. */
function own(files: Readonly<Record<string, string>> = {}): string {
  const path = folder.join(`own_${++folders}`)
  mkdirSync(path)
  for (const [name, text] of Object.entries({ 'x.fa': reads, ...files })) put(path, name, text)
  return path
}

function put(root: string, name: string, text: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true })
  writeFileSync(join(root, name), text)
}

/** Everything in a folder by name: content, links unfollowed, folders too. */
function snapshot(root: string): Map<string, string> {
  const entries = new Map<string, string>()
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(root, name)
    const found = lstatSync(path)
    if (found.isSymbolicLink()) entries.set(name, `-> ${readlinkSync(path)}`)
    else entries.set(name, found.isDirectory() ? 'folder' : readFileSync(path, 'latin1'))
  }
  return entries
}

/** What of `before` is changed or gone. */
function harmed(before: ReadonlyMap<string, string>, root: string): string[] {
  const after = snapshot(root)
  return [...before].filter(([name, content]) => after.get(name) !== content).map(([name]) => name)
}

async function refused(root: string, layout: Layout, words: string[], names: string[], code = 64) {
  const before = snapshot(root)
  const { code: ended, stderr } = await predict(root, layout, ...words)
  expect({ words, ended, stderr }).toMatchObject({ ended: code })
  for (const name of names) expect(stderr).toContain(name)
  expect(stderr).not.toContain('defect')
  expect(snapshot(root)).toEqual(before)
}

/** Names of the files of stages one and two in each layout. */
const FRAMES = {
  vanilla: ['x_identified_nucleotide.fa', 'x_identified_protein.faa'],
  broad: ['x_nucleotide.fa', 'x_protein.faa'],
}

describe.each(layouts)('%s: an input that the run would write or remove is refused', (layout) => {
  const frames = FRAMES[layout][0] as string
  const cases: [string, string, string[]][] = [
    ['the chunks', 'x_chunked300.fa', ['x.fa', 'x_chunked300.fa']],
    ['the chunks, spelled otherwise', 'x_chunked300.fa', ['x.fa', './/x_merged/../x_chunked300.fa']],
    ['the frames, as the only input', frames, [frames, '--prefix', 'x']],
    ['the frames, with --force', frames, [frames, '--prefix', 'x', '--force']],
    ['the frames, with --force and -k', frames, [frames, '--prefix', 'x', '--force', '-k']],
    ['a part', 'x_nucleotide/output_1.fa', ['x_nucleotide/output_1.fa', '--prefix', 'x', '--force']],
    ['a part of a high number', 'x_protein/output_712.fa', ['x.fa', 'x_protein/output_712.fa']],
    ['a table', 'x_merged/prediction_results.txt', ['x.fa', 'x_merged/prediction_results.txt', '--force']],
  ]
  test.each(cases)('%s', async (_, name, words) => {
    const root = own({ [name]: reads, 'x_merged/keep': '' })
    await refused(root, layout, words, ['an input', name])
  })

  test('under another name: a hard link, a link, a link to a folder', async () => {
    const root = own({ 'data/mine.fa': reads })
    linkSync(join(root, 'data/mine.fa'), join(root, 'x_chunked300.fa'))
    await refused(root, layout, ['x.fa', 'data/mine.fa'], ['data/mine.fa is an input', 'x_chunked300.fa'])
    rmSync(join(root, 'x_chunked300.fa'))
    symlinkSync('data/mine.fa', join(root, frames))
    await refused(root, layout, ['x.fa', 'data/mine.fa', '--force'], ['data/mine.fa is an input', frames])
    rmSync(join(root, frames))
    renameSync(join(root, 'data/mine.fa'), join(root, 'data/output_3.fa'))
    symlinkSync('data', join(root, 'x_protein'))
    await refused(root, layout, ['x.fa', 'data/output_3.fa', '-k'], ['an input', 'x_protein/output_3.fa'])
  })

  test('what a finished run has recorded, with --force', async () => {
    const root = folder.join(`copy_${++folders}`)
    cpSync(finished[layout], root, { recursive: true })
    await refused(root, layout, ['x_chunked300.fa', '--prefix', 'x', '--force'], ['an input'])
    await refused(root, layout, ['x.fa', frames, '--force', '-k'], ['an input', frames])
  })

  test('the classifier, the log file and the configuration file count as well', async () => {
    const root = own({ 'settings.yaml': 'threads: 1\n' })
    cpSync(join(import.meta.dir, '../../../examples/demo-bundle'), join(root, 'bundle'), { recursive: true })
    linkSync(join(root, 'bundle/mlp/model.onnx'), join(root, 'x_chunked300.fa'))
    await refused(root, layout, ['x.fa', '--bundle', 'bundle'], ['bundle/mlp/model.onnx is the bundle'])
    rmSync(join(root, 'x_chunked300.fa'))
    linkSync(join(root, 'settings.yaml'), join(root, 'x_chunked300.fa'))
    await refused(root, layout, ['x.fa', '--config', 'settings.yaml', '-f'], ['the configuration file'])
    rmSync(join(root, 'x_chunked300.fa'))
    // The log has the refusal itself, at its end.
    put(root, 'x_merged/prediction_results.txt', 'mine')
    const words = ['x.fa', '--log-file', 'x_merged/prediction_results.txt', '--force']
    const { code, stderr } = await predict(root, layout, ...words)
    expect({ code, stderr }).toMatchObject({ code: 64, stderr: expect.stringContaining('is the log file') })
    expect(readFileSync(join(root, 'x_merged/prediction_results.txt'), 'utf8')).toStartWith('mine')
    // A file of a run is no log of any command: not a line is added.
    cpSync(finished[layout], join(root, 'done'), { recursive: true })
    for (const name of ['x_merged/prediction_results.txt', '.virnucpro/x/files.log', '.virnucpro/x.lock'])
      await refused(root, layout, ['x.fa', '-l', `done/${name}`], [`${name} is the log file`])
    await refused(
      root,
      layout,
      ['x.fa', '--log-file', 'x.fa'],
      ['x.fa is the log file (--log-file) and also x.fa'],
    )
  })
})

describe.each(layouts)('%s: a file that no run has recorded is never overwritten or removed', (layout) => {
  const [nucleotide, protein] = FRAMES[layout] as [string, string]
  test.each<[string[]]>([
    [['x_chunked300.fa', 'x_nucleotide/output_1.fa', 'x_protein/output_7.fa']],
    [[nucleotide, protein, 'x_merged/output_2_merged.pt']],
    [['x_merged/prediction_results.txt', 'x_merged/prediction_results_highestscore.csv']],
    [['x_report/report.html', 'x_report/metrics.jsonl', 'x_report/summary.json']],
    [['failed_files.txt']],
    [['x_invalid_records.tsv', 'x_merged/DEMONSTRATION.txt']],
    [['x_failed_frames.tsv']],
    [['.virnucpro/x/run.json']],
    [['.virnucpro/x/work/part_000001.scores', '.virnucpro/x/notes.txt']],
    [['.virnucpro/x/files.log']],
  ])('%p', async (names) => {
    const root = own(Object.fromEntries(names.map((name) => [name, `mine: ${name}\n`])))
    const shown = names.slice(0, 1)
    for (const words of [[], ['--force', '-k'], ['--resume', '-k']]) {
      const [code, more] = names[0]?.endsWith('files.log') ? [65, []] : [64, shown]
      await refused(root, layout, ['x.fa', ...words], more, code)
    }
  })

  test('dangling links and folders under its names are refused, too', async () => {
    const root = own()
    symlinkSync('nowhere', join(root, 'x_chunked300.fa'))
    mkdirSync(join(root, 'x_merged/prediction_results.txt'), { recursive: true })
    await refused(root, layout, ['x.fa', '--force'], ['x_chunked300.fa', 'x_merged/prediction_results.txt'])
  })

  test('what stands in the place of a folder of results is refused before anything is computed', async () => {
    const root = own({ x_merged: 'mine', 'data.txt': 'mine' })
    symlinkSync('data.txt', join(root, 'x_results'))
    symlinkSync('nowhere', join(root, 'x_report'))
    const names = ['x_merged', 'x_results', 'x_report']
    await refused(root, layout, ['x.fa', '--force'], layout === 'broad' ? names.slice(1) : names)
  })

  test('pipes under its names are refused without waiting for them', async () => {
    const root = own()
    const names = ['failed_files.txt', 'x_chunked300.fa']
    Bun.spawnSync(['mkfifo', ...names], { cwd: root })
    const { code, stderr } = await predict(root, layout, 'x.fa', '--force')
    expect({ code, stderr }).toMatchObject({ code: 64, stderr: expect.stringContaining('failed_files.txt') })
    expect(names.every((name) => lstatSync(join(root, name)).isFIFO())).toBe(true)
  })

  test('many are counted', async () => {
    const names = Array.from({ length: 9 }, (_, i) => `x_protein/output_${i + 1}.fa`)
    const root = own(Object.fromEntries(names.map((name) => [name, 'mine'])))
    await refused(root, layout, ['x.fa'], ['x_protein/output_1.fa', 'and 4 more'])
  })

  test('files beside a finished run outlive --force, whatever they are called', async () => {
    const root = folder.join(`copy_${++folders}`)
    cpSync(finished[layout], root, { recursive: true })
    const mine = [
      'x_nucleotide/notes.txt',
      'x_nucleotide/output_1.fa.bak',
      'x_merged/figure.png',
      'x_report/me',
    ]
    mine.push(
      'x_chunked500.fa',
      'y_chunked300.fa',
      'x_protein/old/output_1.fa',
      '.virnucpro/notes',
      '.x.fa.tmp',
    )
    mine.push('x_merged/.prediction_results.txt.tmp', `x_merged/.virnucpro-${'0'.repeat(32)}.tmp`)
    for (const name of mine) put(root, name, `mine: ${name}`)
    const before = new Map([...snapshot(root)].filter(([name]) => mine.includes(name)))
    expect((await predict(root, layout, 'x.fa', '--force')).code).toBe(0)
    expect(harmed(before, root)).toEqual([])
    const left = [...snapshot(root).keys()].filter((name) => /output_\d+(_\w+)?\.(pt|fa)$/.test(name))
    expect(left).toEqual(['x_protein/old/output_1.fa'])
    // One of its names that the user has taken since is the user's.
    put(root, 'x_chunked300.fa', 'mine now')
    await refused(root, layout, ['x.fa', '--force', '-k'], ['x_chunked300.fa'])
  })

  test('a run that is killed again and again leaves nothing behind and harms nothing', async () => {
    const root = own({
      'x_nucleotide/mine.fa': reads,
      'x_merged/mine.txt': 'mine',
      '.virnucpro/x.txt': 'mine',
    })
    const before = snapshot(root)
    const random = randomSource(17)
    const words = ['predict', join(root, 'x.fa'), '-o', root, '--layout', layout, '-k', ...COMPUTE]
    let kills = 0
    for (let attempt = 0; ; attempt++) {
      expect(attempt).toBeLessThan(40)
      const run = start([...words, '--metrics-interval', '1'])
      // Later each time, so that the run comes to its end.
      const timer = setTimeout(() => run.child.kill('SIGKILL'), 200 + attempt * 110 + 100 * random())
      const { code, messages } = await run.ended()
      clearTimeout(timer)
      expect(harmed(before, root)).toEqual([])
      if (code === 0) break
      expect({ code, messages }).toMatchObject({ code: null })
      kills++
    }
    console.log(`${layout}: killed ${kills} times`)
    expect(kills).toBeGreaterThan(2)
    const names = [...snapshot(root).keys()]
    expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([])
    expect(names.filter((name) => name.startsWith('.virnucpro/x/'))).toEqual([
      '.virnucpro/x/files.log',
      '.virnucpro/x/run.json',
    ])
    // Every file is recorded: with --force all go or are replaced, and only the user's stay.
    expect((await predict(root, layout, 'x.fa', '--force')).code).toBe(0)
    expect(harmed(before, root)).toEqual([])
    expect(existsSync(join(root, 'x_chunked300.fa'))).toBe(false)
    expect(readdirSync(join(root, 'x_nucleotide'))).toEqual(['mine.fa'])
  })
})

test.each(['.virnucpro/x/run.json', '.virnucpro/x/files.log', '.virnucpro/x.lock'])(
  'a pipe in the place of %s keeps nobody waiting',
  async (name) => {
    const root = own({})
    mkdirSync(join(root, '.virnucpro/x'), { recursive: true })
    expect(Bun.spawnSync(['mkfifo', join(root, name)]).exitCode).toBe(0)
    const { code, stderr } = await predict(root, 'vanilla', 'x.fa')
    expect([64, 65, 73, 75]).toContain(code ?? 0)
    expect(stderr).toContain('error: ')
    expect(lstatSync(join(root, name)).isFIFO()).toBe(true)
  },
  30_000,
)

test('two runs in a folder leave the files of each other alone', async () => {
  const root = own({ 'y.fa': randomFasta(4, 8) })
  for (const layout of layouts) {
    expect((await predict(root, layout, 'x.fa', '-k', '--force')).code).toBe(0)
    const before = new Map([...snapshot(root)].filter(([name]) => /^(x_|\.virnucpro\/x\/)/.test(name)))
    expect((await predict(root, layout, 'y.fa', '-k', '--force')).code).toBe(0)
    expect((await predict(root, layout, 'y.fa', '--force')).code).toBe(0)
    expect(harmed(before, root)).toEqual([])
  }
})

test('links planted under temporary names of old are not followed, and guesses at names are in vain', async () => {
  const root = own({ 'secret.txt': 'secret' })
  const places = [
    'x_merged',
    'x_report',
    'x_nucleotide',
    'x_protein',
    '.virnucpro/x',
    '.virnucpro/x/work',
    '.',
  ]
  const names = ['prediction_results.txt', 'prediction_results_highestscore.csv', 'run.json', 'metrics.prom']
  names.push('report.html', 'summary.json', 'part_000001.scores', 'x_chunked300.fa', 'output_1.fa', 'x.lock')
  for (const place of places.slice(0, 4).concat('.')) {
    mkdirSync(join(root, place), { recursive: true })
    for (const name of names) symlinkSync(join(root, 'secret.txt'), join(root, place, `.${name}.tmp`))
  }
  const before = snapshot(root)
  expect((await predict(root, 'vanilla', 'x.fa', '-k')).code).toBe(0)
  expect(harmed(before, root)).toEqual([])
})

test('a finished run whose record is damaged anywhere is not touched', async () => {
  const root = folder.join(`copy_${++folders}`)
  cpSync(finished.vanilla, root, { recursive: true })
  const path = join(root, '.virnucpro/x/files.log')
  const sound = readFileSync(path)
  const random = randomSource(5)
  // A fault in the last line looks like a line that was being written.
  const most = sound.lastIndexOf(10, sound.length - 2)
  for (let i = 0; i < 6; i++) {
    const bytes = Buffer.from(sound)
    const at = Math.floor(random() * most)
    bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8))
    writeFileSync(path, bytes)
    await refused(root, 'vanilla', ['x.fa', '--force'], ['files.log', 'is damaged'], 65)
  }
})

test('a record does not lead out of the output folder', async () => {
  const { crc32 } = await import('node:zlib')
  const root = own({ 'mine.txt': 'mine' })
  const output = join(root, 'out')
  let crc = 0
  const line = (text: string) => {
    crc = crc32(text, crc)
    return `${crc.toString(16).padStart(8, '0')} ${text}\n`
  }
  const lines = ['virnucpro files 1', '["appear","../mine.txt","","1"]', '["made","../mine.txt"]'].map(line)
  put(output, '.virnucpro/x/files.log', lines.join(''))
  const { code } = await virnucpro(['predict', 'x.fa', '-o', 'out', '--force', ...COMPUTE], root)
  expect(code).toBe(65)
  expect(readFileSync(join(root, 'mine.txt'), 'utf8')).toBe('mine')
})

describe.each(layouts)('%s: runs of version 0.1.0, which kept no record', (layout) => {
  /** Takes away what that version did not have. */
  function asFirstVersion(root: string): void {
    const state = join(root, '.virnucpro/x/run.json')
    const { checksum: _, derived: __, reuse: ___, ...manifest } = JSON.parse(readFileSync(state, 'utf8'))
    writeFileSync(state, `${JSON.stringify(manifest, undefined, 2)}\n`)
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }))
      if (name.endsWith('files.log') || name.endsWith('.tmp')) rmSync(join(root, name))
    rmSync(join(root, 'x_results'), { recursive: true, force: true })
  }

  test('a finished one is found to be finished, and replaced with --force; a changed file of it is not', async () => {
    const root = folder.join(`copy_${++folders}`)
    cpSync(finished[layout], root, { recursive: true })
    asFirstVersion(root)
    expect((await predict(root, layout, 'x.fa', '-k')).stderr).toContain('this run has finished before')
    const table = 'x_merged/prediction_results.txt'
    const faults = { [table]: '\n', 'x_protein/output_2.fa': 'mine', 'x_report/report.html': 'mine' }
    for (const [name, text] of Object.entries(faults)) {
      const sound = readFileSync(join(root, name))
      writeFileSync(join(root, name), name === table ? sound.toString() + text : text)
      await refused(root, layout, ['x.fa', '--force'], [name])
      writeFileSync(join(root, name), sound)
    }
    put(root, 'x_nucleotide/output_1_DNABERT.pt', 'mine')
    await refused(root, layout, ['x.fa', '--force'], ['output_1_DNABERT.pt'])
    rmSync(join(root, 'x_nucleotide/output_1_DNABERT.pt'))
    expect((await predict(root, layout, 'x.fa', '--force')).code).toBe(0)
    expect(existsSync(join(root, 'x_chunked300.fa'))).toBe(false)
    expect(existsSync(join(root, table))).toBe(true)
  })

  test("without -k its intermediates are the user's", async () => {
    const root = own()
    expect((await predict(root, layout, 'x.fa')).code).toBe(0)
    asFirstVersion(root)
    cpSync(join(finished[layout], 'x_chunked300.fa'), join(root, 'x_chunked300.fa'))
    await refused(root, layout, ['x.fa', '--force'], ['x_chunked300.fa'])
  })

  test('an unfinished one is continued, and leaves nothing but its results', async () => {
    const root = own()
    const words = ['predict', join(root, 'x.fa'), '-o', root, '--layout', layout, '-k', ...COMPUTE]
    const run = start(words)
    const scores = join(root, '.virnucpro/x/work/part_000002.scores')
    while (!existsSync(scores)) await Bun.sleep(2)
    run.child.kill('SIGKILL')
    await run.ended()
    asFirstVersion(root)
    const { code, stderr } = await predict(root, layout, 'x.fa', '-k')
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stderr).toContain('continuing the unfinished run')
    expect(stderr).toContain('frames were already done')
    const results = (of: string) => [...snapshot(of)].filter(([name]) => !/^\.|_report\//.test(name))
    expect(results(root)).toEqual(results(finished[layout]))
    expect(readdirSync(join(root, '.virnucpro/x')).sort()).toEqual(['files.log', 'run.json'])
  })
})

test('report overwrites a report and no other file', async () => {
  const root = folder.join(`copy_${++folders}`)
  cpSync(finished.vanilla, root, { recursive: true })
  expect((await virnucpro(['report', root])).code).toBe(0)
  for (const name of ['report.html', 'virnucpro_mqc.tsv', 'virnucpro_general_stats_mqc.tsv']) {
    const path = join(root, 'x_report', name)
    renameSync(path, `${path}.away`)
    writeFileSync(path, 'mine')
    const before = snapshot(root)
    const { code, stderr } = await virnucpro(['report', root])
    expect({ code, stderr }).toMatchObject({ code: 64, stderr: expect.stringContaining(name) })
    expect(snapshot(root)).toEqual(before)
    renameSync(`${path}.away`, path)
  }
})
