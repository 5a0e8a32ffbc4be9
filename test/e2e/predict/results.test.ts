import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { randomSource } from '../../../scripts/support/random.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { virnucpro } from '../../support/cli.ts'
import { readFrameTable } from '../../support/frame-table.ts'

setDefaultTimeout(120_000)

const folder = temporaryFolder()
const COMPUTE = '--bundle demo --backend onnx -e 300 --sequences-per-file 7 --no-progress'.split(' ')
const NAMES = ['contigs.tsv', 'chunks.tsv', 'frames.parquet', 'viral.fasta.gz', 'chunks.gff3', 'viral.bed']
const OPEN = 'GCTGCAGCC'.repeat(10)

/** Contigs of up to 12 chunks, half of whose chunks have no open frame, a reason for each kind of silence, and faults. */
function contigs(seed: number, count: number): string {
  const random = randomSource(seed)
  const letters = (length: number, of: string) =>
    Array.from({ length }, () => of[Math.floor(random() * of.length)]).join('')
  const records = Array.from({ length: count }, (_, i) => {
    const pieces = Array.from({ length: 1 + Math.floor(random() * 12) }, () =>
      letters(100 + Math.floor(random() * 200), random() < 0.5 ? 'ACG' : 'acgt'),
    )
    return `>c${i} a description\n${pieces.join('\n')}\n`
  })
  // What the models of the demonstration call viral, more or less surely.
  for (let i = 0; i < 8; i++)
    records.push(`>v${i} a description\n${'CG'.repeat(150 + 40 * i)}\n${letters(20 * i, 'ACG')}\n`)
  return `>empty\n${records.join('')}>n\n${'N'.repeat(50)}\n>short\nAC\n>c0 again\n${OPEN}\n>stops\n${'TAACTAACTAA'.repeat(9)}\n>nothing\n`
}

const TEXT = contigs(1, 30)
const finished = folder.join('finished')

beforeAll(async () => {
  for (const layout of ['vanilla', 'broad']) {
    const output = join(finished, layout)
    writeFileSync(folder.join('in.fa'), TEXT)
    const words = ['predict', 'in.fa', '-o', output, '--on-invalid', 'skip', '-k', '--layout', layout]
    expect(await virnucpro([...words, ...COMPUTE], folder.path)).toMatchObject({ code: 0 })
  }
})
afterAll(() => folder[Symbol.asyncDispose]())

type Row = Readonly<Record<string, string>>

/** A table by the names of its columns, the line of warning left out. */
function table(path: string): Row[] {
  const [header = '', ...lines] = readFileSync(path, 'utf8')
    .replace(/^# .*\n/, '')
    .trimEnd()
    .split('\n')
  const names = header.split('\t')
  return lines.map((line) => Object.fromEntries(line.split('\t').map((cell, i) => [names[i], cell])))
}

const resultsIn = (output: string) => ({
  contigs: table(join(output, 'in_results/contigs.tsv')),
  chunks: table(join(output, 'in_results/chunks.tsv')),
})

test('every record of the input has a row, in its order, with the reason where it has no call', () => {
  const { contigs } = resultsIn(join(finished, 'vanilla'))
  const ids = [...TEXT.matchAll(/^>(\S+)/gm)].map(([, id]) => id as string)
  expect(contigs.map(({ seq_name }) => seq_name as string)).toEqual(ids)
  const reasons = contigs.map(({ seq_name, length, n_chunks, call, status, reason }) =>
    [seq_name, length, n_chunks, call, status, reason].join(' '),
  )
  expect(reasons[0]).toBe('empty 0 0 NA not_scored empty')
  expect(reasons.slice(-5)).toEqual([
    'n 50 1 NA not_scored ambiguous_bases',
    'short 2 1 NA not_scored too_short',
    'c0 NA NA NA filtered duplicate_id',
    'stops 99 1 NA not_scored no_open_frame',
    'nothing 0 0 NA not_scored empty',
  ])
})

test('chunks are cut from the input letter for letter, and their sums are those of the other tables', () => {
  const output = join(finished, 'broad')
  const { contigs, chunks } = resultsIn(output)
  const sequences = new Map<string, string>()
  for (const [, id = '', letters = ''] of TEXT.matchAll(/^>(\S+).*\n([^>]*)/gm))
    if (!sequences.has(id)) sequences.set(id, letters.replaceAll('\n', ''))
  const kept = new Map<string, string>()
  for (const [, id = '', letters = ''] of readFileSync(join(output, 'in_chunked300.fa'), 'utf8').matchAll(
    /^>(\S+)\n([^>]*)/gm,
  ))
    kept.set(id, letters.replaceAll('\n', ''))
  expect(chunks).toHaveLength(kept.size)
  for (const { seq_name = '', chunk, start, end } of chunks) {
    const cut = sequences.get(seq_name)?.slice(Number(start) - 1, Number(end))
    expect(cut).toBe(kept.get(`${seq_name}_chunk_${chunk}`) as string)
  }
  const calls = readFileSync(join(output, 'in_merged/prediction_results_highestscore.csv'), 'utf8')
  const expected = calls
    .split('\n')
    .slice(2, -1)
    .map((line) => line.split('\t'))
    // Broad's fork has frames without a residue, which get no score.
    .filter(([, , others]) => others !== '')
    .map(([id, isViral, others, virus]) => [id, isViral === 'True' ? 'viral' : 'non_viral', others, virus])
  const scored = chunks.filter(({ status }) => status === 'scored')
  expect(scored.map(({ seq_name, chunk, call }) => [`${seq_name}_chunk_${chunk}`, call as string])).toEqual(
    expected.map(([id, call]) => [id as string, call as string]),
  )
  for (const [i, { virus_score, others_score }] of scored.entries()) {
    expect(Number(others_score)).toBeCloseTo(Number(expected[i]?.[2]), 4)
    expect(Number(virus_score)).toBeCloseTo(Number(expected[i]?.[3]), 4)
  }
  const frames = readFileSync(join(output, 'in_merged/prediction_results.txt'), 'utf8').trimEnd().split('\n')
  const sum = (rows: readonly Row[], column: string) =>
    rows.reduce((total, row) => total + (row[column] === 'NA' ? 0 : Number(row[column])), 0)
  expect(sum(chunks, 'n_frames')).toBe(frames.length - 2)
  expect(sum(contigs, 'n_chunks')).toBe(chunks.length)
  expect(sum(contigs, 'n_scored')).toBe(scored.length)
  expect(sum(contigs, 'n_viral')).toBe(scored.filter(({ call }) => call === 'viral').length)
})

test("both layouts say the same; Broad's counts frames without a residue", () => {
  const [first, second] = [resultsIn(join(finished, 'vanilla')), resultsIn(join(finished, 'broad'))]
  expect(second.contigs).toEqual(first.contigs)
  const rows = (chunks: readonly Row[]) => chunks.map(({ n_frames: _, ...row }) => row)
  expect(rows(second.chunks)).toEqual(rows(first.chunks))
  const frames = ({ chunks }: typeof first) => chunks.slice(-3).map(({ n_frames }) => n_frames as string)
  expect([frames(first), frames(second)]).toEqual([
    ['0', '0', '0'],
    ['6', '6', '0'],
  ])
})

test('with several inputs the last column says which one a record is from', async () => {
  writeFileSync(folder.join('one.fa'), `>a\n${OPEN}\n>none\n`)
  writeFileSync(folder.join('two.fa'), `>none\n>b\n${OPEN}\n`)
  const words = ['predict', 'one.fa', 'two.fa', '-o', 'several', '--prefix', 'in', ...COMPUTE]
  expect((await virnucpro(words, folder.path)).code).toBe(0)
  const { contigs, chunks } = resultsIn(folder.join('several'))
  expect(contigs.map(({ seq_name, file }) => `${seq_name} ${file}`)).toEqual([
    'a one.fa',
    'none one.fa',
    'none two.fa',
    'b two.fa',
  ])
  expect(chunks.map(({ seq_name, file }) => `${seq_name} ${file}`)).toEqual(['a one.fa', 'b two.fa'])
  for await (const rows of readFrameTable(folder.join('several/in_results/frames.parquet')))
    expect([...new Set(rows.map(({ name, file }) => `${name} ${file}`))]).toEqual(['a one.fa', 'b two.fa'])
})

test.each(['vanilla', 'broad'] as const)(
  '%s: the frames are those of the other table, to the last digit, with their places',
  async (layout) => {
    const output = join(finished, layout)
    const { chunks } = resultsIn(output)
    const places = new Map(
      chunks.map(({ seq_name, chunk, start, end }) => [
        `${seq_name}_chunk_${chunk}`,
        { name: seq_name, chunk: Number(chunk), start: Number(start), end: Number(end) },
      ]),
    )
    const expected = readFileSync(join(output, 'in_merged/prediction_results.txt'), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(2)
      .map((line) => line.split('\t') as [string, string, string, string])
      // Broad's fork has frames without a residue, which get no score.
      .filter(([, , others]) => others !== 'nan')
      .map(([id, , others, virus]) => ({
        ...places.get(id.slice(0, -2)),
        frame: id.slice(-2),
        virus: Math.fround(Number(virus)),
        others: Math.fround(Number(others)),
      }))
    const found: unknown[] = []
    for await (const rows of readFrameTable(join(output, 'in_results/frames.parquet'))) found.push(...rows)
    expect(found.length).toBeGreaterThan(50)
    expect(found).toEqual(expected)
  },
)

test('the records called viral are in a FASTA with their descriptions', async () => {
  const output = join(finished, 'vanilla')
  const text = gunzipSync(readFileSync(join(output, 'in_results/viral.fasta.gz'))).toString()
  const viral = resultsIn(output).contigs.filter(({ call }) => call === 'viral')
  expect(viral.length).toBeGreaterThan(1)
  const letters = new Map(
    [...TEXT.matchAll(/^>(\S+) a description\n([^>]*)/gm)].map(([, id, lines = '']) => [
      id,
      lines.replaceAll('\n', ''),
    ]),
  )
  expect(text).toBe(
    viral
      .map(
        ({ seq_name, virus_score, weighted_delta, tier }) =>
          `>${seq_name} virus_score=${virus_score} weighted_delta=${weighted_delta} tier=${tier} note=DEMONSTRATION a description\n` +
          letters.get(seq_name)?.replaceAll(/.{1,60}/g, '$&\n'),
      )
      .join(''),
  )
})

/** What the summary says of the outputs. */
const outputsIn = (output: string): { path: string; form: string; rows: number | null }[] =>
  JSON.parse(readFileSync(join(output, 'in_report/summary.json'), 'utf8')).outputs

test('the summary lists every file of the run, with its rows', () => {
  const output = join(finished, 'vanilla')
  const outputs = outputsIn(output)
  const files = readdirSync(output, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.virnucpro|_(nucleotide|protein)$/.test(entry.parentPath))
    .map((entry) => relative(output, join(entry.parentPath, entry.name)))
    .filter((path) => !path.endsWith('merged.pt'))
  expect(outputs.map(({ path }) => path).sort()).toEqual(files.sort())
  const lines = (path: string) => {
    const bytes = readFileSync(join(output, path))
    return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().split('\n').slice(0, -1)
  }
  const rowsOf = {
    tsv: (path: string) => lines(path).length - 2,
    gff3: (path: string) => lines(path).length - 2,
    bed: (path: string) => lines(path).length - 1,
    'fasta.gz': (path: string) => lines(path).filter((line) => line.startsWith('>')).length,
    parquet: () => lines('in_merged/prediction_results.txt').length - 2,
  }
  const counted = outputs.filter(({ path }) => /_(results|merged)\/(?!DEMO)/.test(path))
  expect(counted).toHaveLength(8)
  for (const { path, form, rows } of counted)
    expect([path, rows]).toEqual([path, rowsOf[form as keyof typeof rowsOf](path)])
})

test('tiers in no order are refused before anything is computed', async () => {
  const words = ['predict', 'in.fa', '-o', 'refused', '--call-low', '0.9', ...COMPUTE]
  const { code, stderr } = await virnucpro(words, folder.path)
  expect({ code, stderr }).toMatchObject({ code: 64, stderr: expect.stringContaining('0.9, 0.5, 0.7') })
  expect(existsSync(folder.join('refused'))).toBe(false)
})

let copies = 0
/** A copy of the finished run, and what starts its command again. */
function copy(layout: 'vanilla' | 'broad') {
  const output = folder.join(`copy_${++copies}`)
  cpSync(join(finished, layout), output, { recursive: true })
  const again = (...words: string[]) =>
    virnucpro(
      [
        'predict',
        'in.fa',
        '-o',
        output,
        '--on-invalid',
        'skip',
        '-k',
        '--layout',
        layout,
        ...COMPUTE,
        ...words,
      ],
      folder.path,
    )
  return { output, again, path: (name: string) => join(output, 'in_results', name) }
}

/** Takes away from a state what earlier versions did not write, so that the run is one of theirs. */
async function asBefore(output: string): Promise<void> {
  const { FileRecord, formatManifest, openManifest } = await import('../../../src/checkpoint/index.ts')
  const state = join(output, '.virnucpro/in')
  const path = join(state, 'run.json')
  const { derived: _, ...manifest } = openManifest(readFileSync(path, 'utf8')) ?? {}
  writeFileSync(path, formatManifest(manifest))
  using record = await FileRecord.open({ root: output, state })
  for (const name of NAMES) record.note('gone', join(output, 'in_results', name))
  rmSync(join(output, 'in_results'), { recursive: true })
}

test.each(['vanilla', 'broad'] as const)(
  '%s: a run that finished before these tables existed is finished, and gets them',
  async (layout) => {
    const { output, again, path } = copy(layout)
    await asBefore(output)
    const { code, stderr } = await again()
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('has finished before'),
    })
    expect(stderr).not.toContain('different sequences')
    for (const name of NAMES)
      expect(readFileSync(path(name), 'utf8')).toBe(
        readFileSync(join(finished, layout, 'in_results', name), 'utf8'),
      )
    expect(readdirSync(join(output, '.virnucpro/in')).sort()).toEqual(['files.log', 'run.json'])
    expect((await again()).stderr).not.toContain('were made')
  },
)

test('another rule makes the tables of a finished run again, and nothing is computed', async () => {
  const { output, again } = copy('vanilla')
  const { code, stderr } = await again('--call', 'any')
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('has finished before') })
  for (const { n_scored, n_viral, call } of resultsIn(output).contigs)
    expect(call).toBe(Number(n_scored) > 0 ? (Number(n_viral) > 0 ? 'viral' : 'non_viral') : 'NA')
})

test('a least score shortens what is not a table, also of a finished run', async () => {
  const { output, again, path } = copy('vanilla')
  const scores = resultsIn(output).contigs.flatMap(({ call, virus_score }) =>
    call === 'viral' ? [Number(virus_score)] : [],
  )
  const least = scores.sort((a, b) => a - b)[Math.floor(scores.length / 2)] as number
  const sizes = (of: (name: string) => string) =>
    ['viral.fasta.gz', 'chunks.gff3', 'viral.bed'].map((name) => statSync(of(name)).size)
  const before = sizes(path)
  expect(await again('--min-score', `${least}`)).toMatchObject({ code: 0 })
  const ids =
    gunzipSync(readFileSync(path('viral.fasta.gz')))
      .toString()
      .match(/^>\S+/gm) ?? []
  expect(ids.length).toBeGreaterThan(0)
  expect(Math.abs(ids.length - scores.filter((score) => score >= least).length)).toBeLessThanOrEqual(1)
  for (const [i, size] of sizes(path).entries()) expect(size).toBeLessThan(before[i] as number)
  expect(outputsIn(output).find(({ form }) => form === 'fasta.gz')?.rows).toBe(ids.length)
  expect(readFileSync(join(output, 'in_report/report.html'), 'utf8')).toContain(`${least}`)
  for (const name of ['contigs.tsv', 'chunks.tsv'])
    expect(readFileSync(path(name), 'utf8')).toBe(
      readFileSync(join(finished, 'vanilla/in_results', name), 'utf8'),
    )
})

test('ended while it replaces the tables, the next start replaces the rest', async () => {
  const { again, path } = copy('vanilla')
  const rule = ['--call', 'majority']
  const expected = copy('vanilla')
  expect((await expected.again(...rule)).code).toBe(0)
  // A folder cannot be replaced by the last of the files: the others are new by then, and the state is not.
  rmSync(path('viral.bed'))
  mkdirSync(path('viral.bed'))
  expect((await again(...rule)).code).not.toBe(0)
  expect(readFileSync(path('contigs.tsv'), 'utf8')).toBe(readFileSync(expected.path('contigs.tsv'), 'utf8'))
  rmdirSync(path('viral.bed'))
  expect(await again(...rule)).toMatchObject({ code: 0 })
  for (const name of NAMES)
    expect(readFileSync(path(name), 'utf8')).toBe(readFileSync(expected.path(name), 'utf8'))
  expect(readdirSync(path('')).sort()).toEqual([...NAMES].sort())
})

test('a table that somebody has changed, or put there, is not replaced', async () => {
  const { output, again, path } = copy('vanilla')
  writeFileSync(path('contigs.tsv'), 'mine')
  for (const words of [[], ['--call', 'any']]) {
    const { code, stderr } = await again(...words)
    expect({ code, stderr }).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('contigs.tsv is not as'),
    })
  }
  await asBefore(output)
  await Bun.write(path('chunks.tsv'), 'mine')
  const { code, stderr } = await again()
  expect({ code, stderr }).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('chunks.tsv is not of this run'),
  })
  expect(readdirSync(join(output, 'in_results'))).toEqual(['chunks.tsv'])
  expect(readFileSync(path('chunks.tsv'), 'utf8')).toBe('mine')
})
