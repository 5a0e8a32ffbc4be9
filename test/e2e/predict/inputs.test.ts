import { expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { virnucpro } from '../../support/cli.ts'

const HEADERS = { frames: 'Sequence_ID\tPrediction\tscore1\tscore2\n', chunks: 'Modified_ID\tIs_Virus\n' }

/** Runs the demonstration on some text; the stamp is taken off the tables. */
async function predict(text: string, ...options: string[]) {
  await using folder = temporaryFolder()
  await Bun.write(folder.join('in.fa'), text)
  const words = ['predict', 'in.fa', '--output-dir', 'out', '--bundle', 'demo', ...options]
  const result = await virnucpro(words, folder.path)
  const table = async (name: string) => {
    const path = folder.join('out', 'in_merged', name)
    return existsSync(path) ? (await readFile(path, 'utf8')).replace(/^# .*\n/, '') : undefined
  }
  const report = folder.join('out', 'in_invalid_records.tsv')
  return {
    ...result,
    frames: await table('prediction_results.txt'),
    chunks: await table('prediction_results_highestscore.csv'),
    report: existsSync(report) ? await readFile(report, 'utf8') : undefined,
    files: existsSync(folder.join('out')) ? readdirSync(folder.join('out')).sort() : [],
  }
}

const OPEN = 'GCTGCAGCC'.repeat(20)

test('an input without any open frame ends well, with headers only, and says so', async () => {
  const { code, stderr, ...tables } = await predict(`>a\n${'TAACTAACTAA'.repeat(20)}\n`)
  expect(code).toBe(0)
  expect(tables).toMatchObject(HEADERS)
  expect(stderr).toContain('no chunk has an open reading frame')
})

test('an empty record is left out, named by file and line, and listed', async () => {
  const { code, stderr, frames, report } = await predict(`>a\n${OPEN}\n>empty\n>b\n${OPEN}\n`)
  expect(code).toBe(0)
  expect(stderr).toContain('in.fa:3')
  expect(frames?.split('\n')[1]).toStartWith('a_chunk_1F1\t')
  expect(frames).toContain('\nb_chunk_1F1\t')
  expect(report?.split('\n')[1]).toStartWith('in.fa\t3\tempty\tempty_record\t')
})

test('an input of one empty record gives headers only', async () => {
  const { code, ...tables } = await predict('>empty\n')
  expect(code).toBe(0)
  expect(tables).toMatchObject(HEADERS)
})

test.each([
  ['an empty file', ''],
  ['a file of blank lines', '\n \n\n'],
])('%s is a sample without reads: headers only, a report, a warning', async (_, text) => {
  const { code, stderr, files, ...tables } = await predict(text)
  expect(code).toBe(0)
  expect(tables).toMatchObject(HEADERS)
  expect(stderr).toContain('warning: in.fa: the file ')
  expect(stderr).toContain('an input without records')
  expect(files).toContain('in_report')
})

test('what is unusual is named, a few of each kind at the terminal and all in the list', async () => {
  const records = Array.from({ length: 30 }, (_, i) => `>r${i}\n${OPEN}\n1 ${OPEN} //\n`)
  const { code, stderr, report, frames } = await predict(
    `${records.join('')}>joined\n${OPEN}>next one\n${OPEN}\n`,
  )
  expect(code).toBe(0)
  expect(frames).toContain('\nr29_chunk_1')
  expect(stderr).toContain('warning: in.fa:3: record "r0": "1" "/" among its letters')
  expect(stderr).not.toContain('in.fa:90')
  expect(stderr).toContain('warning: in.fa:92: record "joined": ">" inside a sequence line')
  expect(stderr).toContain('31 records with something unusual')
  const [header, ...rows] = report?.trimEnd().split('\n') ?? []
  expect(header).toBe('source\tline\tid\treason\tmessage\toutcome')
  expect(rows.map((row) => row.split('\t').toSpliced(4, 1).join(' '))).toEqual([
    ...records.map((_, i) => `in.fa ${3 * i + 3} r${i} unknown_letters kept`),
    'in.fa 92 joined header_in_sequence kept',
  ])
})

test.each([
  ['">" inside a line', `>a\n${OPEN}>b\n${OPEN}\n`, /in\.fa:2: .*"a".*">" inside a sequence line/],
  ['a blank before a header', `>a\n${OPEN}\n >b\n${OPEN}\n`, /in\.fa:3: .*"a".*blank before ">"/],
  ['letters that are no nucleotides', `>a\n${OPEN}\n//\n`, /in\.fa:3: .*"a".*"\/"/],
  ['RNA', `>a\n${OPEN}\nACGU\n`, /in\.fa:3: .*"a".*U among its letters, as RNA has them/],
  ['a mark in mid-file', `>a\n${OPEN}\n\ufeff>b\n${OPEN}\n`, /in\.fa:3: a byte order mark/],
])('--on-invalid fail: %s', async (_, text, place) => {
  const { code, stderr, frames } = await predict(text, '--on-invalid', 'fail')
  expect({ code, frames }).toEqual({ code: 65, frames: undefined })
  expect(stderr).toMatch(place)
})

test('--on-invalid fail makes an empty record an error', async () => {
  const { code, stderr, frames } = await predict(`>a\n${OPEN}\n>empty\n`, '--on-invalid', 'fail')
  expect({ code, frames }).toEqual({ code: 65, frames: undefined })
  expect(stderr).toContain('in.fa:3')
})

test('a duplicate id is an error that names both lines, and leaves no table', async () => {
  const { code, stderr, frames } = await predict(`>a\n${OPEN}\n>b\n${OPEN}\n>a\n${OPEN}\n`)
  expect({ code, frames }).toEqual({ code: 65, frames: undefined })
  expect(stderr).toMatch(/in\.fa:5.*in\.fa:1|in\.fa:5[\s\S]*line 1/)
  expect(stderr).toContain('or keep only the first of each (--on-invalid skip)')
})

test.each([
  ['text before the first record', `text\n>a\n${OPEN}\n`, /in\.fa:1/],
  ['a protein', `>p\n${'MKLPEFILQW'.repeat(10)}\n`, /in\.fa:1[\s\S]*protein/],
  ['a binary file', '\x00\x01\x02>a\n', /in\.fa/],
])('%s is one clear error, exit 65, no table', async (_, text, place) => {
  const { code, stdout, stderr, frames } = await predict(text)
  expect({ code, stdout, frames }).toEqual({ code: 65, stdout: '', frames: undefined })
  expect(stderr).toMatch(place)
  expect(stderr).not.toContain('    at ')
})

test('without --keep-intermediate only the tables and the report stay', async () => {
  expect((await predict(`>a\n${OPEN}\n`)).files).toEqual([
    '.virnucpro',
    'in_merged',
    'in_report',
    'in_results',
  ])
})

test('mates in two files get /1 and /2, piped as well, and the table says which is which', async () => {
  await using folder = temporaryFolder()
  const mates = (base: string) =>
    ['p', 'q'].map((name) => `@${name}\n${OPEN}${base}\n+\n${'I'.repeat(181)}\n`).join('')
  await Bun.write(folder.join('R1.fq'), mates('A'))
  await Bun.write(folder.join('R2.fq'), mates('C'))
  const words = ['predict', 'R1.fq', 'R2.fq', '--output-dir', 'out', '--bundle', 'demo', '--prefix', 'pair']
  const { code, stderr } = await virnucpro(words, folder.path)
  expect(code).toBe(0)
  expect(stderr).toContain('R1.fq and R2.fq have the same names throughout')
  const table = await readFile(folder.join('out/pair_merged/prediction_results_highestscore.csv'), 'utf8')
  expect([...(table.match(/^\S+_chunk_1(?=\t)/gm) ?? [])]).toEqual(
    ['p/1', 'p/2', 'q/1', 'q/2'].map((id) => `${id}_chunk_1`),
  )
  const line = `"$0" ${import.meta.dir}/../../../src/cli/main.ts predict <(cat R1.fq) <(cat R2.fq) -o piped --bundle demo`
  const piped = Bun.spawn(['bash', '-c', line, process.execPath], { cwd: folder.path, stderr: 'ignore' })
  expect(await piped.exited).toBe(0)
  expect(await readFile(folder.join('piped/stdin_merged/prediction_results_highestscore.csv'), 'utf8')).toBe(
    table,
  )
})

test('--duplicate-ids suffix names records apart; another choice does not continue the run', async () => {
  await using folder = temporaryFolder()
  await Bun.write(folder.join('in.fa'), `>a\n${OPEN}\n>a\n${OPEN}A\n>a_2\n${OPEN}C\n`)
  const words = ['predict', 'in.fa', '--output-dir', 'out', '--bundle', 'demo', '--duplicate-ids']
  const { code, stderr } = await virnucpro([...words, 'suffix'], folder.path)
  expect(code).toBe(0)
  expect(stderr).toContain('in.fa:3: duplicate id "a", first at in.fa:1; it is called "a_3"')
  const table = await readFile(folder.join('out/in_merged/prediction_results_highestscore.csv'), 'utf8')
  for (const id of ['a', 'a_2', 'a_3']) expect(table).toContain(`\n${id}_chunk_1\t`)
  const other = await virnucpro([...words, 'skip'], folder.path)
  expect(other.code).toBe(64)
  expect(other.stderr).toContain('duplicateIds: suffix -> skip')
})

test('equal reads get equal scores, whatever is beside them', async () => {
  const reads = Array.from(
    { length: 40 },
    (_, i) => `>r${i}\n${i % 2 === 0 ? OPEN : OPEN.slice(0, 60 + i)}\n`,
  )
  const { frames = '' } = await predict(reads.join(''))
  const scores = frames.split('\n').filter((line) => /^r\d*[02468]_chunk_1F1\t/.test(line))
  expect(scores.length).toBe(20)
  expect(new Set(scores.map((line) => line.split('\t').slice(1).join('\t'))).size).toBe(1)
})

test("Broad's layout keeps frames without a residue as rows without scores", async () => {
  const { frames, chunks } = await predict('>a\nGC\n', '--layout', 'broad')
  expect(frames?.split('\n')[1]).toBe('a_chunk_1F1\tothers\tnan\tnan')
  expect(chunks).toBe('Modified_ID\tIs_Virus\tmax_score_0\tmax_score_1\na_chunk_1\tFalse\t\t\n')
})

test('a second run over the same input finds it finished; over another it is refused', async () => {
  await using folder = temporaryFolder()
  const words = ['predict', 'in.fa', '--output-dir', 'out', '--bundle', 'demo']
  await Bun.write(folder.join('in.fa'), `>a\n${OPEN}\n`)
  expect((await virnucpro(words, folder.path)).code).toBe(0)
  expect((await virnucpro(words, folder.path)).stderr).toContain('finished before')
  await Bun.write(folder.join('in.fa'), `>b\n${OPEN}\n`)
  const refused = await virnucpro(words, folder.path)
  expect(refused.code).toBe(64)
  expect(refused.stderr).toContain('input: in.fa')
  expect(await readFile(folder.join('out/in_merged/prediction_results.txt'), 'utf8')).toContain(
    '\na_chunk_1F1',
  )
  expect((await virnucpro([...words, '--force'], folder.path)).code).toBe(0)
  expect(await readFile(folder.join('out/in_merged/prediction_results.txt'), 'utf8')).toContain(
    '\nb_chunk_1F1',
  )
})

test('a run that failed before anything was computed stands in the way of nothing', async () => {
  await using folder = temporaryFolder()
  const words = ['predict', 'in.fa', '--output-dir', 'out', '--bundle', 'demo']
  await Bun.write(folder.join('in.fa'), `>a\n${OPEN}\n>p\n${'MKLPEFILQW'.repeat(10)}\n`)
  expect((await virnucpro(words, folder.path)).code).toBe(65)
  expect((await virnucpro([...words, '--on-invalid', 'skip'], folder.path)).code).toBe(0)
})

test('the runtime of the models neither reports nor keeps anything', async () => {
  await using folder = temporaryFolder()
  await Bun.write(folder.join('in.fa'), `>a\n${OPEN}\n`)
  const main = `${import.meta.dir}/../../../src/cli/main.ts`
  const child = Bun.spawn(
    [process.execPath, main, 'predict', 'in.fa', '-o', 'out', '--bundle', 'demo', '-q'],
    {
      cwd: folder.path,
      env: { PATH: process.env.PATH, HOME: folder.join('home'), XDG_CACHE_HOME: folder.join('home') },
      stderr: 'pipe',
    },
  )
  expect(await new Response(child.stderr).text()).toBe('')
  expect(await child.exited).toBe(0)
  // Bun keeps its own cache there; the runtime would keep an identifier.
  const kept = existsSync(folder.join('home')) ? readdirSync(folder.join('home'), { recursive: true }) : []
  expect(kept.filter((name) => /onnxruntime|microsoft/i.test(String(name)))).toEqual([])
})

test('standard input and several files make one run', async () => {
  await using folder = temporaryFolder()
  await Bun.write(folder.join('b.fastq'), `@b\n${OPEN}\n+\n${'I'.repeat(OPEN.length)}\n`)
  const main = `${import.meta.dir}/../../../src/cli/main.ts`
  const words = ['predict', '-', 'b.fastq', '--output-dir', 'out', '--bundle', 'demo', '--prefix', 'both']
  const child = Bun.spawn([process.execPath, main, ...words], {
    cwd: folder.path,
    stdin: new TextEncoder().encode(`>a\n${OPEN}\n`),
    stderr: 'pipe',
  })
  expect(await child.exited).toBe(0)
  const text = await readFile(folder.join('out/both_merged/prediction_results.txt'), 'utf8')
  expect(text).toContain('\na_chunk_1F1\t')
  expect(text).toContain('\nb_chunk_1F1\t')
})
