import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { randomFasta } from '../../../scripts/support/fasta.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { RunStats } from '../../../src/monitor/index.ts'
import { LengthCounter } from '../../../src/monitor/lengths.ts'
import { readSummary } from '../../../src/report/index.ts'
import { sha256File } from '../../../src/system/sha256.ts'
import { breakGraph } from '../../support/broken-graph.ts'
import { resealBundle } from '../../support/bundle.ts'
import { repository, resultOf, spawnCli, virnucpro } from '../../support/cli.ts'
import { startDisks } from '../../support/faults/disks.ts'
import { contigs, runDemo, summaryOf } from './support.ts'

const rows = async (path: string) =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .slice(1)

test('the summary counts what is in the tables', async () => {
  await using folder = temporaryFolder()
  await runDemo(folder.path)
  const report = folder.join('contigs_report')
  const summary = await readSummary(join(report, 'summary.json'))
  const frames = await rows(join(report, summary.files.predictions))
  const chunks = await rows(join(report, summary.files.consensus))
  const records = (await readFile(contigs, 'utf8')).split('>').slice(1)
  const lengths = records.map((record) => record.slice(record.indexOf('\n')).replaceAll(/\s/g, '').length)
  const bases = lengths.reduce((sum, length) => sum + length, 0)
  const { counts } = summary
  expect(counts).toMatchObject({
    records: records.length,
    bases,
    frames: frames.length,
    scoredFrames: frames.length,
    viralFrames: frames.filter((row) => row.split('\t')[1] === 'virus').length,
    calledChunks: chunks.length,
    viralChunks: chunks.filter((row) => row.endsWith('\tTrue')).length,
    chunksWithoutFrame: counts.chunks - chunks.length,
    failedFrames: 0,
    failedParts: 0,
    parts: 1,
  })
  expect(summary.lengths.records).toMatchObject({
    count: records.length,
    total: bases,
    shortest: Math.min(...lengths),
    longest: Math.max(...lengths),
  })
  expect(summary.lengths.records.bins.reduce((sum, { count }) => sum + count, 0)).toBe(records.length)
  expect(summary.lengths.chunks).toMatchObject({ count: counts.chunks, longest: 300 })
  expect(summary.inputs).toMatchObject([
    {
      path: contigs,
      bytes: Bun.file(contigs).size,
      sha256: await sha256File(contigs),
      frames: frames.length,
    },
  ])
  expect(summary.outcome).toBe('finished')
  expect(summary.demonstration).toContain('DEMONSTRATION')
  expect(summary.files.metrics).toBe('metrics.jsonl')
  expect(summary.stages.map(({ name }) => name)).toContain('tables')
  expect(summary.computed.esm2.sequences).toBeGreaterThan(0)
  expect(summary.computed.esm2.paddedTokens).toBeGreaterThanOrEqual(summary.computed.esm2.tokens)
  expect(summary.settings).toMatchObject({ expectedLength: 300, layout: 'vanilla', prefix: null })
})

test('docs/reference/outputs.md has every field of the summary', async () => {
  await using folder = temporaryFolder()
  await runDemo(folder.path)
  const page = await readFile(join(repository, 'docs/reference', 'outputs.md'), 'utf8')
  const { settings, ...summary } = await summaryOf(folder.join('contigs_report'))
  const names = new Set<string>(['step', 'reason'])
  const visit = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return
    for (const [name, below] of Object.entries(value)) {
      if (!Array.isArray(value)) names.add(name)
      visit(below)
    }
  }
  visit(summary)
  expect(Object.keys(settings)).not.toBeEmpty()
  expect([...names].filter((name) => !new RegExp(`[\`.]${name}[\`.[]`).test(page))).toEqual([])
})

test('each input has its own counts, an empty one and standard input too', async () => {
  await using folder = temporaryFolder()
  const first = folder.join('first.fa')
  const second = folder.join('second.fa')
  await writeFile(first, `>a\n${'ACG'.repeat(200)}\n`)
  await writeFile(second, '>nothing\n')
  await runDemo(folder.join('out'), [first, second, contigs], '--on-invalid', 'skip')
  const alone = folder.join('alone')
  await runDemo(alone)
  const { inputs, counts, files } = await summaryOf(folder.join('out', 'first_report'))
  const [of] = (await summaryOf(join(alone, 'contigs_report'))).inputs
  expect(inputs[0]).toMatchObject({ records: 1, bases: 600, chunks: 2, frames: 12 })
  expect(inputs[1]).toMatchObject({ records: 0, chunks: 0, frames: 0 })
  expect(inputs[2]).toEqual(of!)
  expect(counts.skippedRecords).toBe(1)
  expect(files.invalidRecords).toBe('../first_invalid_records.tsv')
  // The page names each input with its calls.
  const page = await readFile(folder.join('out', 'first_report', 'report.html'), 'utf8')
  expect(page).toContain('>first.fa</th>')
  expect(page).toContain('1 invalid record left out')
})

test('passwords and keys for a server are not in the summary', async () => {
  await using folder = temporaryFolder()
  const key = folder.join('own.key')
  await runDemo(
    folder.join('out'),
    [contigs],
    '--triton-header',
    'Authorization: Bearer s3cret',
    '--triton-key',
    key,
  )
  const text = await readFile(folder.join('out', 'contigs_report', 'summary.json'), 'utf8')
  const page = await readFile(folder.join('out', 'contigs_report', 'report.html'), 'utf8')
  expect(text).not.toContain('s3cret')
  expect(page).not.toContain('s3cret')
  expect(JSON.parse(text).settings).toMatchObject({ tritonHeader: 'given', tritonKey: 'given' })
})

test('--no-report writes no report, and --force removes the one of the run before', async () => {
  await using folder = temporaryFolder()
  await runDemo(folder.path)
  const summary = folder.join('contigs_report', 'summary.json')
  const before = await readFile(summary)
  await runDemo(folder.path)
  // Nothing was computed, and the report of the run that did stays.
  expect(await readFile(summary)).toEqual(before)
  await runDemo(folder.path, [contigs], '--force', '--no-report')
  for (const name of ['summary.json', 'report.html', 'virnucpro_mqc.tsv', 'virnucpro_general_stats_mqc.tsv'])
    expect(existsSync(folder.join('contigs_report', name))).toBeFalse()
})

test('frames that failed are counted where they came from, again by the run that tries them again', async () => {
  await using folder = temporaryFolder()
  const bundle = folder.join('bundle')
  const graph = join(bundle, 'dnabert_s', 'model.onnx')
  await cp(join(repository, 'examples', 'demo-bundle'), bundle, { recursive: true })
  breakGraph(graph)
  resealBundle(bundle)
  const inputs = [1, 2].map((seed) => folder.join(`in${seed}.fa`))
  for (const [i, input] of inputs.entries())
    await writeFile(input, randomFasta(i + 1, 8).replaceAll('>', `>${i}_`))
  const words = ['predict', ...inputs, '-o', folder.path, '--bundle', bundle, '--backend', 'onnx']
  words.push('--sequences-per-file', '7', '--dnabert-batch-size', '200', '--expected-length', '300')
  const { code, stderr } = await virnucpro(words)
  expect({ code, stderr }).toMatchObject({ code: 2 })
  const report = folder.join('in1_report')
  const first = await readSummary(join(report, 'summary.json'))
  const { counts, failures } = first
  const names = (await rows(join(report, first.files.predictions))).map((row) => row.split('\t')[0] as string)
  expect(first.outcome).toBe('failed-parts')
  expect(counts.failedParts).toBe(failures.length)
  expect(counts.failedFrames).toBe(counts.frames - names.length)
  expect(counts.failedFrames).toBeGreaterThan(0)
  expect(failures.reduce((sum, { frames }) => sum + frames, 0)).toBe(counts.failedFrames)
  expect(failures[0]).toMatchObject({ step: 'DNABERT-S' })
  const list = await rows(join(report, first.files.failedFrames ?? ''))
  const failed = list.map((row) => row.split('\t'))
  expect(failed).toHaveLength(counts.failedFrames)
  // Where each came from: the ids of the first input begin with 0.
  expect(
    failed.every(([source, record = '', frame = '']) => {
      return (
        source === inputs[Number(record[0])] && frame.startsWith(`${record}_chunk_`) && !names.includes(frame)
      )
    }),
  ).toBe(true)
  expect(new Set(failed.map(([source]) => source))).toEqual(new Set(inputs))
  const scored = [0, 1].map((i) => names.filter((name) => name.startsWith(`${i}_`)).length)
  expect(first.inputs.map(({ frames, failedFrames }) => frames - failedFrames)).toEqual(scored)
  expect(await readFile(join(report, 'report.html'), 'utf8')).toContain('Some frames could not be computed')

  expect((await virnucpro(words)).code).toBe(2)
  const last = await readSummary(join(report, 'summary.json'))
  expect(last).toMatchObject({ outcome: 'failed-parts', failures, time: { continued: true } })
  const { failedFrames, scoredFrames } = counts
  expect(last.counts).toMatchObject({ failedFrames, scoredFrames, records: 16 })
  expect(last.counts.framesDoneBefore).toBeGreaterThan(0)
  expect(last.computed.esm2.sequences).toBe(0)
})

test('a report that cannot be written spoils no run', async () => {
  await using folder = temporaryFolder()
  const report = folder.join('contigs_report')
  await mkdir(report)
  await using disks = await startDisks()
  await disks.mount('-t', 'tmpfs', '-o', 'ro', 'none', report)
  const command = ['predict', contigs, '-o', folder.path, '--bundle', 'demo']
  const { code, stderr } = await resultOf(spawnCli(command, { within: disks.within }))
  expect(stderr).toContain('the report is not complete')
  expect(code).toBe(0)
  expect(existsSync(folder.join('contigs_merged', 'prediction_results.txt'))).toBeTrue()
})

test('failed frames count where they came from', () => {
  const stats = new RunStats(['a.fa', 'b.fa', '-'], 300)
  stats.record('a.fa', 300)
  stats.chunk(300, 3)
  stats.record('<stdin>', 600)
  stats.chunk(300, 2)
  stats.chunk(300, 0)
  for (const frame of [0, 2, 3, 4]) stats.frameFailed(frame)
  expect(stats.inputs.map(({ failedFrames }) => failedFrames)).toEqual([2, 0, 2])
  expect(stats.inputs[2]).toMatchObject({ records: 1, chunks: 2, chunksWithoutFrame: 1, frames: 2 })
})

test('every length falls into the bin that says so', () => {
  const log = new LengthCounter({ kind: 'log' })
  const width = new LengthCounter({ kind: 'width', width: 15 })
  const lengths = [1, 2, 9, 10, 11, 99, 100, 101, 300, 999, 1000, 1001, 10 ** 6, 10 ** 9, 10 ** 9 + 1]
  for (const length of lengths) log.add(length)
  for (const length of [1, 15, 16, 300]) width.add(length)
  for (const { from, below, count } of log.summary().bins)
    expect(lengths.filter((length) => length >= from && length < below)).toHaveLength(count)
  expect(log.summary().bins.reduce((sum, { count }) => sum + count, 0)).toBe(lengths.length)
  expect(width.summary().bins).toEqual([
    { from: 1, below: 16, count: 2 },
    { from: 16, below: 31, count: 1 },
    { from: 286, below: 301, count: 1 },
  ])
})
