import { expect, test } from 'bun:test'
import { resolve } from 'node:path'
import { allFigures, readFigures } from '../../../bench/figures.ts'
import { keep, summarize } from '../../../bench/result.ts'
import { temporaryFolder } from '../../../scripts/support/temporary.ts'
import { documentOf, figure, runBun } from './support.ts'

const RECORD = resolve(import.meta.dir, '../../../bench/record.ts')
const COMMAND = ['--command', 'bun bench/x.ts --size 3', '--commit', '88db2b4']

test('the figures on record are whole, and each name stands once', async () => {
  const figures = await allFigures()
  expect(figures.get('gpu.setup.setup')).toMatchObject({ value: 576.1, unit: 's', file: 'setup-h200.json' })
})

test('a figure is set, and set again in its place', async () => {
  await using folder = temporaryFolder()
  const path = folder.join('gpu.json')
  const set = async (name: string, value: string, ...more: string[]) =>
    await runBun(RECORD, [path, name, value, 'tok/s', ...COMMAND, ...more])
  for (const words of [
    ['esm2.plan', '100'],
    ['esm2.server', '90'],
    ['esm2.plan', '120', '--note', 'again'],
  ]) {
    const [name = '', value = '', ...more] = words
    expect(await set(name, value, ...more)).toMatchObject({ code: 0 })
  }
  const figures = await readFigures(path)
  expect(figures.map(({ name, value }) => [name, value])).toEqual([
    ['esm2.plan', 120],
    ['esm2.server', 90],
  ])
  expect(figures[0]).toMatchObject({ commit: '88db2b4', command: 'bun bench/x.ts --size 3', note: 'again' })
  expect(figures[0]!.date).toBe(new Date().toISOString().slice(0, 10))
  expect(figures[0]!.hardware).toContain('cores of')
})

test('the document of a bench becomes figures, ratios among them', async () => {
  await using folder = temporaryFolder()
  const document = documentOf([
    { ...figure('reads, gzip', 80), against: { name: 'Biopython', value: 40, ratio: 2 } },
    { ...figure('estimate / run', 1), figure: 'cpu.own-name' },
  ])
  await Bun.write(folder.join('document.json'), JSON.stringify(document))
  const path = folder.join('figures.json')
  const { code } = await runBun(RECORD, [path, '--from', folder.join('document.json'), ...COMMAND])
  expect(code).toBe(0)
  const figures = await readFigures(path)
  expect(figures.map(({ name, value, unit }) => [name, value, unit])).toEqual([
    ['micro.fasta.reads-gzip', 80, 'MB/s'],
    ['micro.fasta.reads-gzip.over-biopython', 2, 'x'],
    ['cpu.own-name', 1, 'MB/s'],
  ])
})

test('a bench records what it has measured; a quick one does not', async () => {
  await using folder = temporaryFolder()
  const record = folder.join('figures.json')
  const result = summarize({ name: 'reads', unit: 'MB/s', better: 'higher' }, [80, 70, 90])
  await keep('micro/x', { quick: false, json: undefined, record }, {}, [result])
  const [figure] = await readFigures(record)
  expect(figure).toMatchObject({ name: 'micro.x.reads', value: 80, low: 70, high: 90, rounds: 3 })
  expect(figure!.command).toMatch(/^bun \S/)
  const bench = resolve(import.meta.dir, '../../../bench/micro/protobuf.ts')
  const quick = await runBun(bench, ['--quick', '--record', record])
  expect(quick.err).toContain('figures of a quick run mean nothing')
  expect(quick.code).toBe(2)
})

/** A figure without fault. */
const GOOD = {
  name: 'a.b',
  value: 1,
  unit: 's',
  hardware: 'a GPU',
  date: '2026-11-30',
  commit: '88db2b4',
  command: 'x',
}

test.each([
  ['value: Invalid', { value: '3' }],
  ['name: expected a name such as', { name: 'ESM 2' }],
  ['date: expected a date', { date: '30.11.2026' }],
  ['commit: expected the hash', { commit: 'main' }],
  ['speed: Invalid', { speed: 3 }],
])('the check names file, figure and fault: %s', async (fault, change) => {
  await using folder = temporaryFolder()
  await Bun.write(folder.join('one.json'), JSON.stringify([GOOD]))
  await Bun.write(folder.join('two.json'), JSON.stringify([{ ...GOOD, name: 'a.c', ...change }]))
  const { code, err } = await runBun(RECORD, ['--check', '--folder', folder.path])
  expect(err).toContain(`two.json: figure 1 (${{ name: 'a.c', ...change }.name}): ${fault}`)
  expect(code).toBe(1)
})

test('the check finds a name in two files', async () => {
  await using folder = temporaryFolder()
  for (const name of ['one', 'two']) await Bun.write(folder.join(`${name}.json`), JSON.stringify([GOOD]))
  const { code, err } = await runBun(RECORD, ['--check', '--folder', folder.path])
  expect(err).toContain('two.json: a.b stands in one.json already')
  expect(code).toBe(1)
})
