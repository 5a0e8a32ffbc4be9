import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { hasTriton, startTriton } from '../../../scripts/support/triton.ts'
import { breakGraph } from '../../support/broken-graph.ts'
import { resealBundle } from '../../support/bundle.ts'
import { repository, succeed, virnucpro } from '../../support/cli.ts'
import { hasPython } from '../../support/python.ts'
import { importOptions, ownReference } from '../../support/reference.ts'
import { computed, differences, outputs as filesIn, start, sum } from './resume-support.ts'

const folder = temporaryFolder()
const input = (name: string) => folder.join('in', name)
const OPTIONS = '--bundle demo -e 300 --sequences-per-file 7 --threads 1 --token-budget 600 --verbose'.split(
  ' ',
)

beforeAll(() => {
  mkdirSync(folder.join('in'))
  writeFileSync(input('a.fa'), randomFasta(1, 5))
  writeFileSync(input('b1.fa'), randomFasta(2, 4))
  writeFileSync(input('good.fa'), randomFasta(8, 3))
})
afterAll(() => folder[Symbol.dispose]())

function fastq(fasta: string): string {
  return fasta.replace(
    />(\S+)\n(\S+)\n/g,
    (_, id, bases) => `@${id}\n${bases}\n+\n${'I'.repeat(bases.length)}\n`,
  )
}

function writeSheet(name: string, rows: readonly string[]): string {
  const path = folder.join(name)
  writeFileSync(path, `sample,fasta,fastq_1,fastq_2\n${rows.join('\n')}\n`)
  return path
}

function lines(path: string): string[][] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('# '))
    .map((line) => line.split('\t'))
}

const tableOf = (output: string, sample: string) =>
  lines(`${output}/${sample}/${sample}_merged/prediction_results.txt`)

/** Files without the states and reports, which hold times. */
function outputs(root: string): Map<string, Buffer> {
  return new Map([...filesIn(root)].filter(([name]) => !/(^|\/)\.virnucpro\/|_report\//.test(name)))
}

/** A row for each sample, by the names of the columns. */
function samplesIn(output: string): Record<string, string>[] {
  const [columns, ...rows] = lines(`${output}/samples.tsv`) as [string[], ...string[][]]
  return rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i] as string])))
}

describe('several samples in one run', () => {
  let sheet = ''
  let together = ''
  /** The inputs of each sample. */
  const samples: Record<string, string[]> = {}

  beforeAll(async () => {
    // Shared by two samples, ids and all: its sequences are computed once.
    writeFileSync(input('b2.fa.gz'), Bun.gzipSync(randomFasta(1, 5).replaceAll('>r', '>again')))
    writeFileSync(input('m_1.fq'), fastq(randomFasta(3, 6)))
    writeFileSync(input('m_2.fq'), fastq(randomFasta(4, 6)))
    writeFileSync(input('silent.fa'), `>s\n${'TAATTAGATTAACTAGTTAACTAATTAG'.repeat(9)}\n`)
    Object.assign(samples, {
      lake: [input('a.fa')],
      soil: [input('b1.fa'), input('b2.fa.gz')],
      mates: [input('m_1.fq'), input('m_2.fq')],
      silent: [input('silent.fa')],
    })
    sheet = writeSheet('sheet.csv', [
      `lake,${input('a.fa')},,`,
      `soil,${input('b1.fa')},,`,
      `mates,,${input('m_1.fq')},${input('m_2.fq')}`,
      `soil,${input('b2.fa.gz')},,`,
      `silent,${input('silent.fa')},,`,
    ])
    const { stderr } = await succeed('predict', '--sample-sheet', sheet, '-o', folder.join('all'), ...OPTIONS)
    together = stderr
  })

  test('are those of runs one by one: ids, order, calls, counts, and scores to 2e-6; models are opened once', async () => {
    let batches = 0
    let alone = ''
    for (const [name, inputs] of Object.entries(samples)) {
      const output = folder.join('one', name)
      const { stderr } = await succeed('predict', ...inputs, '-o', output, '--prefix', name, ...OPTIONS)
      alone += stderr
      batches += computed(stderr).esm2.length
      const [here, there] = [tableOf(folder.join('all'), name), tableOf(folder.join('one'), name)]
      expect(here.map(([id, call]) => [id, call])).toEqual(there.map(([id, call]) => [id, call]))
      const off = here
        .slice(1)
        .flatMap((row, i) => [2, 3].map((at) => Number(row[at]) - Number(there[i + 1]?.[at])))
      expect(Math.max(0, ...off.map(Math.abs))).toBeLessThan(2e-6)
      const calls = (root: string) =>
        lines(`${root}/${name}/${name}_results/contigs.tsv`).map((row) => [
          ...row.slice(0, 6),
          ...row.slice(9),
        ])
      expect(calls(folder.join('all'))).toEqual(calls(folder.join('one')))
      expect(readdirSync(folder.join('all', name)).sort()).toEqual(readdirSync(output).sort())
      const summaries = ['all', 'one'].map((root) =>
        JSON.parse(readFileSync(folder.join(root, name, `${name}_report`, 'summary.json'), 'utf8')),
      )
      expect(summaries[0].counts).toEqual(summaries[1].counts)
      expect(summaries[0].inputs).toEqual(summaries[1].inputs)
    }
    expect(together.match(/^models: /gm)).toHaveLength(1)
    // Batches cross samples, and the sequences of a file that two samples share are computed once.
    expect(computed(together).esm2.length).toBeLessThan(batches)
    expect(sum(computed(together).esm2)).toBeLessThan(sum(computed(alone).esm2))
    expect(together).toContain('have the same names throughout, as mates have')
  })

  test('one table sums up', () => {
    const rows = samplesIn(folder.join('all'))
    expect(rows.map(({ sample }) => sample)).toEqual(['lake', 'soil', 'mates', 'silent'])
    for (const row of rows) {
      const [columns, ...contigs] = lines(folder.join('all', row.contigs as string)) as [
        string[],
        ...string[][],
      ]
      const called = (call: string) =>
        String(contigs.filter((each) => each[columns.indexOf('call')] === call).length)
      expect(row).toMatchObject({
        files: samples[row.sample as string]?.join(';'),
        records: String(contigs.length),
        frames: String(
          tableOf(folder.join('all'), row.sample as string).filter(([id]) => /_chunk_/.test(id ?? '')).length,
        ),
        viral: called('viral'),
        non_viral: called('non_viral'),
        ambiguous: called('ambiguous'),
        uncalled: called('NA'),
        status: 'finished',
        reason: 'NA',
      })
    }
  })

  test('a finished run is not computed again, and says so; the report of each is its own', async () => {
    const before = outputs(folder.join('all'))
    const { stderr } = await succeed('predict', '--sample-sheet', sheet, '-o', folder.join('all'), ...OPTIONS)
    expect(stderr).toContain('4 of 4 samples finished, 4 of them before')
    expect(computed(stderr).esm2).toEqual([])
    expect(differences(before, outputs(folder.join('all')))).toEqual([])
    const metrics = lines(folder.join('all', 'samples_report', 'metrics.jsonl')).map(([line]) =>
      JSON.parse(line ?? ''),
    )
    expect(metrics.at(-1)).toMatchObject({ kind: 'end', outcome: 'finished' })
    expect(metrics.at(-2)).toMatchObject({ kind: 'sample', samples: { done: 4, all: 4 } })
    expect(metrics.filter(({ kind }) => kind === 'start')).toHaveLength(1)
    const { stdout } = await succeed('report', folder.join('all'))
    for (const name of Object.keys(samples)) expect(stdout).toContain(`${name}/${name}_report/report.html`)
  })

  test('--per-input is the same, each file with its own name; estimate counts the samples together', async () => {
    const files = [input('a.fa'), input('b1.fa')]
    await succeed('predict', ...files, '--per-input', '-o', folder.join('per'), ...OPTIONS)
    expect(samplesIn(folder.join('per')).map(({ sample }) => sample)).toEqual(['a', 'b1'])
    const words = ['--bundle', 'demo', '-e', '300', '--json']
    const all = JSON.parse((await succeed('estimate', '--sample-sheet', sheet, ...words)).stdout)
    expect(all.samples).toHaveLength(4)
    expect(all.figures.records).toBe(5 + 9 + 12 + 1)
    expect(all.figures.frames).toBe(
      samplesIn(folder.join('all')).reduce((frames, row) => frames + Number(row.frames), 0),
    )
    // Records of two samples may have one id, those of one sample not.
    expect((await virnucpro(['estimate', ...files, ...words])).code).toBe(65)
    expect((await virnucpro(['estimate', ...files, '--per-input', ...words])).code).toBe(0)
  })
})

test('the example of the library in docs/how-to/samples.md runs', async () => {
  const page = readFileSync(join(repository, 'docs/how-to/samples.md'), 'utf8')
  const [, example = ''] = /```ts\n([\s\S]*?)```/.exec(page) ?? []
  const sheet = writeSheet('library.csv', [`one,${input('a.fa')},,`, `two,${input('b1.fa')},,`])
  const code = example.replace('samples.csv', sheet).replace("'results'", `'${folder.join('library')}'`)
  const child = Bun.spawn([process.execPath, '-e', code], { cwd: repository, stderr: 'inherit' })
  expect(await new Response(child.stdout).text()).toMatch(/^one finished \d+\ntwo finished \d+\n$/)
  expect(await child.exited).toBe(0)
  expect(samplesIn(folder.join('library'))).toHaveLength(2)
})

describe('a run over several samples that is killed', () => {
  test('goes on to the bytes of one that was not, and computes no finished sample again', async () => {
    // More than share windows at most.
    const rows = Array.from({ length: 104 }, (_, i) => {
      writeFileSync(input(`k${i}.fa`), randomFasta(100 + i, 1))
      return `k${i},${input(`k${i}.fa`)},,`
    })
    const sheet = writeSheet('kill.csv', rows)
    const words = (output: string) => [
      'predict',
      '--sample-sheet',
      sheet,
      '-o',
      output,
      '--no-report',
      ...OPTIONS,
    ]
    const whole = await start(words(folder.join('whole'))).ended()
    expect(whole.code).toBe(0)
    const output = folder.join('killed')
    let all = ''
    // At work on the first batches, and while results are being written.
    const stops = [
      ['computed esm2', 'SIGKILL'],
      ['(30 of 104)', 'SIGINT'],
    ] as const
    for (const [moment, signal] of stops) {
      const started = start(words(output))
      expect(await started.said(moment)).toBe(true)
      started.child.kill(signal)
      const { code, messages } = await started.ended()
      if (signal === 'SIGINT') expect(code).toBe(130)
      if (signal === 'SIGINT') expect(messages).toContain('continues with the samples that are not finished')
      all += messages
      expect(existsSync(`${output}/samples.tsv`)).toBe(false)
    }
    const { code, messages } = await start(words(output)).ended()
    expect(code).toBe(0)
    expect(differences(outputs(folder.join('whole')), outputs(output))).toEqual([])
    const finished = [...all.matchAll(/^(k\d+): 1 record.*\(/gm)].map(([, name]) => name)
    expect(finished.length).toBeGreaterThanOrEqual(29)
    const again = messages.match(/of 104 samples finished, (\d+) of them before/)
    expect(Number(again?.[1])).toBeGreaterThanOrEqual(finished.length)
    // Only what was under way is computed twice.
    const largest = Math.max(...computed(whole.messages).esm2)
    expect(sum(computed(all + messages).esm2)).toBeLessThanOrEqual(
      sum(computed(whole.messages).esm2) + 4 * largest,
    )
    expect(readdirSync(`${output}/.virnucpro`)).toEqual(['samples.tsv'])
  })
})

describe('a sample that fails', () => {
  const words = (sheet: string, output: string) => [
    'predict',
    '--sample-sheet',
    sheet,
    '-o',
    output,
    ...OPTIONS,
  ]

  test('does not stop the others: exit code 2, its reason in the table; the same command tries it again', async () => {
    const whole = Bun.gzipSync(randomFasta(7, 20))
    writeFileSync(input('cut.fa.gz'), whole.subarray(0, whole.length / 2))
    writeFileSync(input('twice.fa'), `>a\n${'ACG'.repeat(60)}\n>a\n${'CCG'.repeat(60)}\n`)
    const sheet = writeSheet(
      'bad.csv',
      ['cut.fa.gz', 'good.fa', 'twice.fa'].map((name) => `${name.split('.')[0]},${input(name)},,`),
    )
    const output = folder.join('bad')
    mkdirSync(`${output}/stray/x`, { recursive: true })
    const first = await virnucpro(words(sheet, output))
    expect(first.code).toBe(2)
    expect(first.stderr).toContain('cut failed: ')
    expect(first.stderr).toContain('not finished: cut, twice')
    const [cut, good, twice] = samplesIn(output)
    expect(cut).toMatchObject({ status: 'failed', records: 'NA', contigs: 'NA' })
    expect(cut?.reason).toContain('the gzip data is cut off')
    expect(good).toMatchObject({ status: 'finished', records: '3' })
    expect(twice?.reason).toContain('duplicate id "a"')
    expect(existsSync(`${output}/good/.virnucpro/good.lock`)).toBe(false)
    expect(existsSync(`${output}/cut/.virnucpro/cut.lock`)).toBe(false)

    const good1 = outputs(`${output}/good`)
    const { mtimeMs } = statSync(`${output}/good/good_results/contigs.tsv`)
    writeFileSync(input('cut.fa.gz'), whole)
    const second = await virnucpro(words(sheet, output))
    expect(second.code).toBe(2)
    expect(samplesIn(output).map(({ status }) => status)).toEqual(['finished', 'finished', 'failed'])
    expect(samplesIn(output)[0]).toMatchObject({ records: '20' })
    expect(differences(good1, outputs(`${output}/good`))).toEqual([])
    expect(statSync(`${output}/good/good_results/contigs.tsv`).mtimeMs).toBe(mtimeMs)
    // Read again, the finished ones make its batches what they would have been at once: not a digit is another.
    const fresh = folder.join('fresh')
    expect((await virnucpro(words(sheet, fresh))).code).toBe(2)
    expect(differences(outputs(`${fresh}/cut`), outputs(`${output}/cut`))).toEqual([])
    writeFileSync(input('twice.fa'), `>a\n${'ACG'.repeat(60)}\n>b\n${'CCG'.repeat(60)}\n`)
    expect((await virnucpro(words(sheet, output))).code).toBe(0)
    expect(existsSync(`${output}/stray/x`)).toBe(true)
  })

  test('is reported once, also where the samples beside it are looked at and then computed', async () => {
    const sheet = writeSheet('once.csv', [`p,${input('a.fa')},,`, `q,${input('good.fa')},,`])
    const output = folder.join('once')
    expect((await virnucpro(words(sheet, output))).code).toBe(0)
    writeFileSync(`${output}/p/p_merged/prediction_results.txt`, 'changed')
    rmSync(`${output}/q/q_merged/prediction_results.txt`)
    const { code, stderr } = await virnucpro(words(sheet, output))
    expect(code).toBe(2)
    expect(stderr.match(/p failed: /g)).toHaveLength(1)
    expect(stderr).toContain('--force computes all samples again')
    expect(samplesIn(output).map(({ status }) => status)).toEqual(['failed', 'finished'])
  })

  test('files of others are not touched: a sample whose names they have fails alone, one in the place of the table stops all', async () => {
    const sheet = writeSheet('foreign.csv', [`f,${input('good.fa')},,`, `g,${input('good.fa')},,`])
    const output = folder.join('foreign')
    mkdirSync(`${output}/f/f_results`, { recursive: true })
    writeFileSync(`${output}/f/f_results/contigs.tsv`, 'mine')
    const { code, stderr } = await virnucpro(words(sheet, output))
    expect(code).toBe(2)
    // Samples have the names of their folders.
    expect(stderr).not.toContain('--prefix')
    expect(samplesIn(output).map(({ status }) => status)).toEqual(['failed', 'finished'])
    expect(readFileSync(`${output}/f/f_results/contigs.tsv`, 'utf8')).toBe('mine')
    const other = folder.join('table')
    mkdirSync(other)
    writeFileSync(`${other}/samples.tsv`, 'mine')
    const refused = await virnucpro(words(sheet, other))
    expect(refused.code).toBe(64)
    expect(refused.stderr).toContain('samples.tsv has a name that this command would use')
    expect(readdirSync(other)).toEqual(['samples.tsv'])
  })

  test('a sample with frames that cannot be computed has results without them, and the next run tries only these', async () => {
    const bundle = folder.join('broken')
    cpSync(join(repository, 'examples', 'demo-bundle'), bundle, { recursive: true })
    writeFileSync(input('many.fa'), randomFasta(1, 12))
    breakGraph(join(bundle, 'dnabert_s', 'model.onnx'))
    resealBundle(bundle)
    const output = folder.join('frames')
    const asked = [
      ...['predict', input('many.fa'), input('silent2.fa'), '--per-input', '-o', output, '--bundle', bundle],
      ...[
        '-e',
        '300',
        '--sequences-per-file',
        '3',
        '--dnabert-batch-size',
        '80',
        '--threads',
        '1',
        '--verbose',
      ],
    ]
    writeFileSync(input('silent2.fa'), `>s\n${'TAATTAGATTAACTAGTTAACTAATTAG'.repeat(9)}\n`)
    const first = await virnucpro(asked)
    expect(first.code).toBe(2)
    const [many, silent] = samplesIn(output)
    expect(many).toMatchObject({ status: 'frames_failed', records: '12' })
    expect(many?.reason).toMatch(/^(1 part|\d{2,} parts|[2-9] parts) failed$/)
    expect(silent).toMatchObject({ status: 'finished', frames: '0', uncalled: '1' })
    expect(existsSync(`${output}/many/many_failed_frames.tsv`)).toBe(true)
    const second = await virnucpro(asked)
    expect(second.code).toBe(2)
    expect(samplesIn(output)).toEqual([many as never, silent as never])
    expect(sum(computed(second.stderr).esm2)).toBe(0)
  })

  test('what contradicts several samples is refused in words, before anything is made', async () => {
    const sheet = writeSheet('clash.csv', [`g,${input('good.fa')},,`])
    const out = ['-o', folder.join('clash')]
    const cases: [string[], string][] = [
      [['--sample-sheet', sheet], 'name the folder for them with --output-dir'],
      [['--sample-sheet', sheet, ...out, '--prefix', 'x'], 'names begin with those of the samples'],
      [['--sample-sheet', sheet, ...out, input('good.fa')], 'a sheet names all inputs'],
      [['--sample-sheet', sheet, ...out, '--per-input'], 'a sheet says which files are a sample'],
      [['-', '--per-input', ...out], 'is a stream and has no name'],
      [[input('good.fa'), '500', 'm.pth', '--per-input', ...out], 'FILE LENGTH MODEL is a run over one file'],
    ]
    for (const [asked, message] of cases) {
      const { code, stderr } = await virnucpro(['predict', ...asked, '--bundle', 'demo'])
      expect(stderr).toContain(message)
      expect(code).toBe(64)
    }
    writeFileSync(sheet, `sample,fasta\na,${input('gone.fa')}\nb,${input('gone2.fa')}\n`)
    const { code, stderr } = await virnucpro(['predict', '--sample-sheet', sheet, ...out, '--bundle', 'demo'])
    expect(code).toBe(66)
    expect(stderr).toContain('line 2: ')
    expect(stderr).toContain('line 3: ')
    expect(existsSync(folder.join('clash'))).toBe(false)
  })
})

describe.skipIf(!hasPython || !hasTriton)('on a server', () => {
  test('several samples get what this process gives them', async () => {
    const [bundle, served] = [folder.join('bundle'), folder.join('repository')]
    await succeed('models', 'import', ...importOptions(ownReference), '--output', bundle)
    await succeed('repository', 'build', '--bundle', bundle, '--backend', 'python', '--output', served)
    const rows = ['a.fa', 'b1.fa', 'good.fa'].map((name, i) => `s${i},${input(name)},,`)
    const sheet = writeSheet('server.csv', rows)
    await using server = await startTriton({ repository: served })
    const run = async (name: string, ...how: string[]) => {
      const output = folder.join(name)
      await succeed('predict', '--sample-sheet', sheet, '-o', output, '--bundle', bundle, '--quiet', ...how)
      return rows.flatMap((_, i) => tableOf(output, `s${i}`))
    }
    const there = await run('there', '--triton', server.grpcUrl)
    const here = await run('here', '--backend', 'onnx')
    expect(there.map(([id, call]) => [id, call])).toEqual(here.map(([id, call]) => [id, call]))
    const off = there
      .map((row, i) => Math.abs(Number(row[3]) - Number(here[i]?.[3])))
      .filter((each) => !Number.isNaN(each))
    expect(off.length).toBeGreaterThan(10)
    expect(Math.max(...off)).toBeLessThan(2e-5)
    rmSync(served, { recursive: true })
  })
})
